"""Output that is passed over unread: given back to the disk, counted, and remembered by whoever follows next."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from polysync.adapters.local.tail import CHUNK
from polysync.ports import PortError
from tests.adapters_local_io.spooling import Recorder
from tests.adapters_local_io.test_local_tail import append, at_the_end
from tests.faults import fault

MB = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("out", "err", "report"):
        (tmp_path / name).touch()
    return tmp_path


def numbered(begin: int, end: int) -> bytes:
    """The bytes of a stream whose lines are numbers, from one offset to another."""
    first = begin // 16
    text = b"".join(b"%015d\n" % number for number in range(first, end // 16 + 1))
    return text[begin - first * 16 : end - first * 16]


class Cautious(Recorder):
    """Stores only half of what it gets, and says so; the rest is somewhere on its way."""

    async def write(self, stream: str, offset: int, chunk: bytes) -> int:
        end = await super().write(stream, offset, chunk)
        return end - len(chunk) // 2


async def test_the_beginning_of_what_waits_is_passed_over(folder: Path) -> None:
    append(folder / "out", numbered(0, 9 * MB))
    sink = Recorder()
    sink.policy = lambda waiting: (0, waiting - 2 * MB) if waiting > 4 * MB else (0, 0)
    told = await at_the_end(folder, sink)
    assert told.log_bytes == 9 * MB
    assert sink.left_out == [("out", 0, 7 * MB)]
    assert sink.kept["out"] == b"." * 7 * MB + numbered(7 * MB, 9 * MB)
    assert (folder / "out").stat().st_blocks * 512 <= 3 * MB
    assert not (folder / "out.passed").exists()


async def test_what_lies_behind_the_wanted_is_passed_over_and_given_back_before_that_is_read(folder: Path) -> None:
    append(folder / "out", numbered(0, 8 * MB))
    sizes = []

    class Looking(Recorder):
        async def write(self, stream: str, offset: int, chunk: bytes) -> int:
            sizes.append((folder / "out").stat().st_blocks * 512)
            return await super().write(stream, offset, chunk)

    sink = Looking()
    sink.policy = lambda waiting: (3 * MB, waiting - 3 * MB) if waiting > 3 * MB else (0, 0)
    assert (await at_the_end(folder, sink)).log_bytes == 8 * MB
    assert sink.left_out == [("out", 3 * MB, 5 * MB)]
    assert sink.kept["out"] == numbered(0, 3 * MB) + b"." * 5 * MB
    assert sizes[0] <= 4 * MB


async def test_nothing_is_read_where_nothing_is_wanted(folder: Path) -> None:
    append(folder / "err", numbered(0, 3 * MB))
    sink = Recorder()
    sink.policy = lambda waiting: (0, waiting)
    await at_the_end(folder, sink)
    assert (sink.chunks, sink.live, sink.left_out) == ([], [], [("err", 0, 3 * MB)])


async def test_what_was_read_and_not_stored_goes_with_what_is_passed_over(folder: Path) -> None:
    append(folder / "out", numbered(0, 6 * MB))
    sink = Cautious()
    sink.policy = lambda waiting: (0, waiting - MB) if MB < waiting < 6 * MB else (0, 0)
    told = await at_the_end(folder, sink)
    assert sink.left_out == [("out", 2 * CHUNK, 5 * MB - 2 * CHUNK)]  # the second was read while the first was stored
    assert told.log_bytes == 6 * MB
    assert sink.kept["out"][5 * MB :] == numbered(5 * MB, 6 * MB)


@fault("F4")
async def test_the_next_follower_knows_what_was_passed_over(folder: Path) -> None:
    class Dying(Recorder):
        async def leave_out(self, stream: str, offset: int, length: int) -> int:
            raise PortError(f"gone before {stream} {offset} {length}")

    append(folder / "out", numbered(0, 6 * MB))
    dying = Dying()
    dying.policy = lambda waiting: (2 * MB, 3 * MB) if waiting == 6 * MB else (0, 0)
    with pytest.raises(PortError, match="gone"):
        await at_the_end(folder, dying)
    assert (folder / "out.passed").read_text() == f"{2 * MB} {5 * MB}"
    sink = Recorder({"out": dying.kept["out"]})
    told = await at_the_end(folder, sink)
    assert told.log_bytes == 6 * MB
    assert sink.left_out == [("out", 2 * MB, 3 * MB)]
    assert sink.kept["out"] == numbered(0, 2 * MB) + b"." * 3 * MB + numbered(5 * MB, 6 * MB)
    assert not (folder / "out.passed").exists()


async def test_a_follower_that_begins_within_it_leaves_out_the_rest(folder: Path) -> None:
    append(folder / "out", numbered(0, 4 * MB))
    (folder / "out.passed").write_text(f"{MB} {3 * MB}")
    sink = Recorder({"out": b"x" * 2 * MB})
    assert (await at_the_end(folder, sink)).log_bytes == 4 * MB
    assert sink.left_out == [("out", 2 * MB, MB)]
    (folder / "out.passed").write_text("what is this")
    again = Recorder({"out": b"x" * 4 * MB})
    assert (await at_the_end(folder, again)).log_bytes == 4 * MB


async def test_a_file_that_is_cut_has_nothing_to_pass_over_any_more(folder: Path) -> None:
    append(folder / "out", numbered(0, 6 * MB))

    class Cutting(Recorder):
        async def write(self, stream: str, offset: int, chunk: bytes) -> int:
            if offset == 0:
                os.truncate(folder / "out", 0)
                append(folder / "out", b"anew")
            return await super().write(stream, offset, chunk)

    sink = Cutting()
    sink.policy = lambda waiting: (3 * MB, 3 * MB) if waiting == 6 * MB else (0, 0)
    told = await at_the_end(folder, sink)
    assert sink.left_out == []
    # The second chunk was read before the first was stored, and thus before the file was cut, where nothing was slow.
    assert sink.kept["out"] in [numbered(0, count * CHUNK) + b"anew" for count in (1, 2)]
    assert told.log_bytes == len(sink.kept["out"])
    assert not (folder / "out.passed").exists()
