"""Output and report on their way to the store: nothing lost, nothing twice, whatever the work does to its files."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from polysync.adapters.local.spool import LINE
from polysync.adapters.local.tail import CHUNK, Spools, Told
from polysync.adapters.local.watch import Watcher
from polysync.ports import PortError
from tests.adapters_local_io.spooling import Recorder, breath, spawn, until
from tests.faults import fault
from tests.seeds import seed_of

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("out", "err", "report"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture(params=[True, False], ids=["inotify", "polling"])
def watcher(request: pytest.FixtureRequest) -> Iterator[Watcher]:
    watcher = Watcher(available=request.param)
    yield watcher
    watcher.close()


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


async def at_the_end(folder: Path, sink: Recorder) -> Told:
    """What a follower tells who comes after the end."""
    ended = asyncio.Event()
    ended.set()
    return await Spools(folder, sink, Watcher()).follow(ended)


@asynccontextmanager
async def following(folder: Path, sink: Recorder, watcher: Watcher) -> AsyncIterator[list[Told]]:
    """Follow while the block runs, to the end after it."""
    ended, told = asyncio.Event(), list[Told]()
    task = spawn(Spools(folder, sink, watcher).follow(ended))
    try:
        yield told
        ended.set()
        told.append(await task)
    finally:
        task.cancel()


async def test_run_that_wrote_nothing_asks_the_store_for_nothing(folder: Path) -> None:
    sink = Recorder()
    told = await at_the_end(folder, sink)
    assert (told.log_bytes, told.late, told.reported.outputs) == (0, False, {})
    assert (sink.asked, sink.chunks, sink.reports) == (0, [], [])


async def test_run_that_is_over_is_read_once(folder: Path) -> None:
    append(folder / "out", b"hello\n")
    append(folder / "err", b"oops\n")
    append(folder / "report", b"output rows=42\nstatus skipped")
    sink = Recorder()
    told = await at_the_end(folder, sink)
    assert sink.kept == {"out": b"hello\n", "err": b"oops\n"}
    assert sink.chunks == [6, 5]
    assert told.log_bytes == 11
    assert told.reported.outputs == {"rows": "42"}
    assert told.reported.status == "skipped"


async def test_follower_begins_where_the_store_ends(folder: Path) -> None:
    append(folder / "out", b"one\ntwo\n")
    sink = Recorder({"out": b"one\n"})
    assert (await at_the_end(folder, sink)).log_bytes == 8
    assert sink.kept["out"] == b"one\ntwo\n"
    assert (await at_the_end(folder, sink)).log_bytes == 8
    assert sink.chunks == [4]


async def test_live_output_is_seen_before_it_is_stored_and_stored_within_its_age(
    folder: Path, watcher: Watcher
) -> None:
    sink = Recorder()
    async with following(folder, sink, watcher):
        append(folder / "out", b"a")
        await until(lambda: sink.live == [("out", 0, b"a")])
        assert sink.kept["out"] == b""
        await until(lambda: sink.kept["out"] == b"a")
        append(folder / "err", b"b")
        await until(lambda: sink.live[1:] == [("err", 0, b"b")])
    assert sink.kept["err"] == b"b"


async def test_live_report_is_told_as_it_comes(folder: Path, watcher: Watcher) -> None:
    sink = Recorder()
    async with following(folder, sink, watcher) as told:
        append(folder / "report", b"progress 40 loading\noutput a=1\nmess")
        await until(lambda: sink.reports == [((40, "loading"), {"a": "1"}, [])])
        append(folder / "report", b"age N hi\n")
        await until(lambda: sink.reports[1:] == [(None, {}, ["hi"])])
        append(folder / "report", b"heartbeat\n")
        await until(lambda: sink.reports[2:] == [(None, {}, [])])
    assert told[0].reported.progress == (40, "loading")


async def test_what_was_reported_as_secret_before_it_was_printed_is_known_before_it_is_shown(folder: Path) -> None:
    class Strict(Recorder):
        def seen(self, stream: str, offset: int, data: bytes) -> None:
            assert self.secrets == ["new-token"]
            super().seen(stream, offset, data)

    append(folder / "report", b"heartbeat\n" * 20_000)  # more than is read of it at once
    append(folder / "report", b'{"output": {"name": "t", "value": "new-token", "sensitive": true}}\n')
    append(folder / "out", b"new-token")
    sink = Strict()
    await at_the_end(folder, sink)
    assert sink.kept["out"] == b"new-token"


async def test_report_file_that_is_made_by_the_work_is_found(folder: Path, watcher: Watcher) -> None:
    (folder / "report").unlink()
    sink = Recorder()
    async with following(folder, sink, watcher):
        append(folder / "fresh", b"heartbeat\n")
        (folder / "fresh").rename(folder / "report")
        await until(lambda: len(sink.reports) == 1)


async def test_large_output_is_stored_in_chunks_in_order(folder: Path, watcher: Watcher) -> None:
    data = random.Random(seed_of("tail")).randbytes(5 * CHUNK + 17)
    sink = Recorder()
    async with following(folder, sink, watcher):
        for start in range(0, len(data), 100_000):
            append(folder / "out", data[start : start + 100_000])
            await breath(0.001)
    assert sink.kept["out"] == data
    assert CHUNK - LINE < max(sink.chunks) <= CHUNK
    assert len(sink.chunks) <= 8
    assert b"".join(piece for _, _, piece in sink.live) == data


async def test_stored_output_is_given_back_to_the_disk(folder: Path) -> None:
    append(folder / "out", b"x\n" * (4 << 20))
    sink = Recorder()
    await at_the_end(folder, sink)
    found = (folder / "out").stat()
    assert found.st_size == 8 << 20
    assert found.st_blocks * 512 <= 2 << 20
    assert sink.kept["out"] == b"x\n" * (4 << 20)
    append(folder / "out", b"more")
    await at_the_end(folder, sink)
    assert sink.kept["out"][-5:] == b"\nmore"


@pytest.mark.parametrize("alive", [True, False], ids=["same daemon", "next daemon"])
async def test_work_that_empties_its_spool_loses_nothing_that_was_read(
    folder: Path, watcher: Watcher, alive: bool
) -> None:
    sink = Recorder()
    append(folder / "out", b"before\n")
    if not alive:
        await at_the_end(folder, sink)
    async with following(folder, sink, watcher):
        await until(lambda: b"".join(piece for _, _, piece in sink.live) == b"before\n")
        subprocess.run(["/bin/sh", "-c", f"echo x > {folder}/out"], check=True)  # noqa: ASYNC221 - over in no time
        await until(lambda: sink.live[-1] == ("out", 7, b"x\n"))
        append(folder / "out", b"after\n")
    assert sink.kept["out"] == b"before\nx\nafter\n"
    append(folder / "out", b"end\n")
    await at_the_end(folder, sink)
    assert sink.kept["out"] == b"before\nx\nafter\nend\n"


async def test_unstored_output_before_a_cut_is_stored_before_the_cut_is_noted(folder: Path) -> None:
    class Broken(Recorder):
        async def write(self, stream: str, offset: int, chunk: bytes) -> int:  # noqa: ARG002 - the shape of the port
            raise PortError("no space")

    append(folder / "out", b"before\n")
    sink = Broken()
    task = spawn(Spools(folder, sink, Watcher()).follow(asyncio.Event()))
    await until(lambda: bool(sink.live))
    os.truncate(folder / "out", 0)
    append(folder / "report", b"heartbeat\n")
    with pytest.raises(PortError, match="no space"):
        await task
    assert not (folder / "out.origin").exists()


async def test_file_that_was_cut_while_nobody_looked_goes_on_where_the_store_ends(folder: Path) -> None:
    append(folder / "out", b"new")
    sink = Recorder({"out": b"long gone\n"})
    await at_the_end(folder, sink)
    assert sink.kept["out"] == b"long gone\nnew"


async def test_holes_of_the_work_are_no_output(folder: Path) -> None:
    with (folder / "out").open("wb") as file:
        file.write(b"a" * 4096)
        file.seek(1 << 20)
        file.write(b"b" * 4096)
        file.truncate(1 << 40)
    sink = Recorder()
    await at_the_end(folder, sink)
    assert sink.kept["out"] == b"a" * 4096 + b"b" * 4096
    append(folder / "out", b"c")
    await at_the_end(folder, sink)
    assert sink.kept["out"] == b"a" * 4096 + b"b" * 4096 + b"c"


async def test_hole_after_unstored_output_loses_nothing_in_a_crash(folder: Path) -> None:
    """The store may be behind the reader when the reader skips a hole."""
    with (folder / "out").open("wb") as file:
        file.write(b"a" * 5000)
        file.seek(1 << 20)
        file.write(b"b" * 10)
    first = Recorder()
    spools = Spools(folder, first, Watcher())
    ended = asyncio.Event()
    task = spawn(spools.follow(ended))
    await until(lambda: any(piece == b"b" * 10 for _, _, piece in first.live))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await at_the_end(folder, first)
    assert first.kept["out"].replace(b"\0", b"") == b"a" * 5000 + b"b" * 10


async def test_zeros_that_were_written_are_output(folder: Path) -> None:
    append(folder / "out", b"a\0b" + bytes(10_000) + b"c")
    sink = Recorder()
    await at_the_end(folder, sink)
    assert sink.kept["out"] == b"a\0b" + bytes(10_000) + b"c"


@pytest.mark.parametrize("name", ["out", "report"])
async def test_foreign_file_is_never_read(folder: Path, name: str) -> None:
    secret = folder / "secret"
    secret.write_bytes(b"message N hunter2\n")
    (folder / name).unlink()
    (folder / name).symlink_to(secret)
    sink = Recorder()
    told = await at_the_end(folder, sink)
    assert [text.startswith(f"{name} cannot be read") for text in told.reported.problems] == [True]
    (folder / name).unlink()
    (folder / name).hardlink_to(secret)
    told = await at_the_end(folder, sink)
    assert told.reported.problems == (f"{name} is not the file that was put there",)
    assert "hunter2" not in repr(told) + repr(sink.kept) + repr(sink.reports)


async def test_pipe_in_place_of_a_spool_blocks_nobody(folder: Path) -> None:
    (folder / "out").unlink()
    os.mkfifo(folder / "out")
    assert (await at_the_end(folder, Recorder())).log_bytes == 0


async def test_spool_that_is_gone_is_empty(folder: Path) -> None:
    (folder / "out").unlink()
    assert (await at_the_end(folder, Recorder())).log_bytes == 0


@fault("F7")
async def test_writer_that_never_ends_does_not_hold_the_end_up(folder: Path) -> None:
    class Hurried(Recorder):
        async def write(self, stream: str, offset: int, chunk: bytes) -> int:
            end = await super().write(stream, offset, chunk)
            append(folder / "out", b"x" * CHUNK)
            await breath(0.02)
            return end

    append(folder / "out", b"x" * CHUNK)
    async with asyncio.timeout(10):
        told = await at_the_end(folder, Hurried())
    assert told.late
    assert told.log_bytes > 0


@fault("F4")
async def test_cancelled_follower_leaves_what_the_next_one_needs(folder: Path) -> None:
    append(folder / "out", b"one\n")
    sink, watcher = Recorder(), Watcher()
    task = spawn(Spools(folder, sink, watcher).follow(asyncio.Event()))
    await until(lambda: bool(sink.live))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sink.kept["out"] == b""
    await at_the_end(folder, sink)
    assert sink.kept["out"] == b"one\n"
    watcher.close()


async def test_several_followers_of_one_attempt_see_the_same(folder: Path, watcher: Watcher) -> None:
    first, second = Recorder(), Recorder()
    async with following(folder, first, watcher), following(folder, second, watcher):
        append(folder / "out", b"a")
        await until(lambda: bool(first.live and second.live))
        append(folder / "out", b"b")
    assert first.kept == second.kept == {"out": b"ab", "err": b""}
