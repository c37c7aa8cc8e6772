"""Output is read on while what came before it is stored, and whoever stops waiting stops both."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from polysync.adapters.local.storing import Storing
from polysync.adapters.local.tail import CHUNK, Spools
from polysync.adapters.local.watch import Watcher
from polysync.ports import PortError
from tests.adapters_local_io.spooling import Recorder, breath, spawn, until
from tests.adapters_local_io.test_local_tail import append, at_the_end


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("out", "err", "report"):
        (tmp_path / name).touch()
    append(tmp_path / "out", b"x" * 4 * CHUNK)
    return tmp_path


class Slow(Recorder):
    """Stores nothing until it is let; notes how many want to store at once."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.inside = self.most = 0

    async def write(self, stream: str, offset: int, chunk: bytes) -> int:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.gate.wait()
            return await super().write(stream, offset, chunk)
        finally:
            self.inside -= 1


async def ended() -> asyncio.Event:
    """The end of an attempt, which has come."""
    event = asyncio.Event()
    event.set()
    return event


async def test_the_next_chunk_is_read_while_one_is_stored_and_never_a_third(folder: Path) -> None:
    append(folder / "err", b"y" * 2 * CHUNK)
    sink = Slow()
    task = spawn(Spools(folder, sink, Watcher()).follow(await ended()))
    await until(lambda: bool(sink.inside) and len(sink.live) >= 2)
    await breath(0.05)  # long enough to read whatever it would read
    assert sum(len(piece) for _, _, piece in sink.live) <= 3 * CHUNK
    assert sink.kept["out"] == b""
    sink.gate.set()
    told = await task
    assert told.log_bytes == 6 * CHUNK
    assert (sink.kept["out"], sink.kept["err"]) == (b"x" * 4 * CHUNK, b"y" * 2 * CHUNK)
    assert sink.most == 1


async def test_whoever_stops_following_leaves_nobody_behind_who_stores(folder: Path) -> None:
    sink = Slow()
    task = spawn(Spools(folder, sink, Watcher()).follow(await ended()))
    await until(lambda: bool(sink.inside))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sink.inside == 0


async def test_what_goes_wrong_with_storing_ends_the_following(folder: Path) -> None:
    class Broken(Recorder):
        async def write(self, stream: str, offset: int, chunk: bytes) -> int:
            raise PortError(f"no place for {len(chunk)} bytes of {stream} at {offset}")

    with pytest.raises(PortError, match=f"no place for {CHUNK} bytes of out at 0"):
        await at_the_end(folder, Broken())


async def test_an_error_that_nobody_waits_for_is_not_told_twice() -> None:
    async def fail() -> None:
        raise PortError("never mind")

    storing = Storing()
    storing.begin(fail())
    await breath(0)
    await storing.give_up()
    await storing.over()
