"""Output that is not kept: its rows cover the stream beside those that are, one for each stretch."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from polysync.ports import LogPiece
from polysync.store.check import check_file, full_check_of_logs
from polysync.store.left_out import ROWS
from polysync.store.log_schema import LOGS
from polysync.store.logs import LogBook, LogGap
from polysync.store.packing import Codec, Packer
from polysync.store.sql import statements
from tests.seeds import seed_of

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=5)


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[LogBook]:
    opened = await LogBook.open(tmp_path / "logs.db")
    yield opened
    await opened.close()


def rows(folder: Path, run_id: int = 1) -> list[tuple[int, int, int, int, int, bool]]:
    """Number, attempt, stream, offset, length, and whether it is kept; in the order of the numbers."""
    with closing(sqlite3.connect(folder / "logs.db")) as connection:
        asked = "SELECT id, attempt, stream, offset, length, codec <> 3 FROM chunks WHERE run_id = ? ORDER BY id"
        return [(*row[:5], bool(row[5])) for row in connection.execute(asked, (run_id,))]


async def test_left_out_output_counts_and_is_never_read(book: LogBook, tmp_path: Path) -> None:
    assert await book.append(1, 1, "out", 0, b"kept\n", NOW) == 5
    assert await book.leave_out(1, 1, "out", 5, 100, NOW) == 105
    assert await book.append(1, 1, "out", 105, b"again\n", NOW) == 111
    assert await book.ends(1) == {(1, "out"): 111}
    assert await book.read(1, 1, "out", 0, 999) == b"kept\n"
    assert await book.read(1, 1, "out", 50, 999) == b""
    assert await book.read(1, 1, "out", 107, 999) == b"ain\n"
    assert [piece for _, piece in await book.pieces(1, 0, 9)] == [
        LogPiece(1, "out", 0, b"kept\n", NOW),
        LogPiece(1, "out", 5, b"", NOW, 100),
        LogPiece(1, "out", 105, b"again\n", NOW),
    ]
    assert await book.sizes(1) == {1: (11, 100)}
    assert check_file(tmp_path / "logs.db", LOGS, full_check_of_logs) == []


async def test_neighbours_are_one_row_which_comes_again_to_whoever_reads_on(book: LogBook, tmp_path: Path) -> None:
    await book.leave_out(1, 1, "out", 0, 10, NOW)
    ((first, _),) = await book.pieces(1, 0, 9)
    await book.append(1, 1, "err", 0, b"x", NOW)
    await book.leave_out(1, 1, "out", 10, 20, LATER)
    assert [row[1:] for row in rows(tmp_path)] == [(1, 1, 0, 1, True), (1, 0, 0, 30, False)]
    assert [piece for _, piece in await book.pieces(1, first, 9)] == [
        LogPiece(1, "err", 0, b"x", NOW),
        LogPiece(1, "out", 0, b"", LATER, 30),
    ]


async def test_a_repeat_is_left_out_once_and_a_gap_raises(book: LogBook) -> None:
    assert await book.leave_out(1, 1, "out", 0, 10, NOW) == 10
    assert await book.leave_out(1, 1, "out", 4, 3, NOW) == 10
    assert await book.leave_out(1, 1, "out", 4, 8, NOW) == 12
    assert await book.append(1, 1, "out", 8, b"....new", NOW) == 15
    assert await book.read(1, 1, "out", 12, 9) == b"new"
    with pytest.raises(LogGap):
        await book.leave_out(1, 1, "out", 16, 1, NOW)


async def test_the_oldest_goes_whole_pieces_at_a_time_over_all_attempts(book: LogBook, tmp_path: Path) -> None:
    for attempt, stream, offset in ((1, "out", 0), (1, "err", 0), (1, "out", 100), (2, "out", 0), (2, "out", 100)):
        await book.append(1, attempt, stream, offset, b"%099d\n" % offset, NOW)
    await book.append(2, 1, "out", 0, b"another run", NOW)
    assert await book.drop_oldest(1, 250) == {1: 300}
    assert [row[1:] for row in rows(tmp_path)] == [
        (1, 1, 0, 100, False),
        (1, 0, 0, 200, False),
        (2, 0, 0, 100, True),
        (2, 0, 100, 100, True),
    ]
    assert await book.drop_oldest(1, 1) == {2: 100}
    assert await book.drop_oldest(1, 1000) == {2: 100}
    assert await book.drop_oldest(1, 1000) == {}
    assert await book.sizes(1) == {1: (0, 300), 2: (0, 200)}
    assert await book.sizes(2) == {1: (11, 0)}
    with closing(sqlite3.connect(tmp_path / "logs.db")) as connection:
        assert connection.execute("SELECT sum(lines) FROM chunks WHERE run_id = 1").fetchone() == (5,)


async def test_many_small_pieces_go_in_several_steps(book: LogBook, tmp_path: Path) -> None:
    await book.append(1, 1, "out", 0, bytes(10 * (ROWS + 50)), NOW, 10)
    assert await book.drop_oldest(1, 10 * (ROWS + 20)) == {1: 10 * (ROWS + 20)}
    assert next(row[1:] for row in rows(tmp_path)) == (1, 0, 0, 10 * (ROWS + 20), False)
    assert len(rows(tmp_path)) == 31


async def test_whatever_comes_in_whatever_order_the_rows_cover_it_exactly(book: LogBook, tmp_path: Path) -> None:
    dice = Random(seed_of("left out"))
    source = {(a, s): dice.randbytes(40_000) for a in (1, 2) for s in ("out", "err")}
    ends = dict.fromkeys(source, 0)
    gone = {1: 0, 2: 0}
    for _ in range(250):
        place = attempt, stream = dice.choice(tuple(source))
        end, size = ends[place], dice.randrange(1, 400)
        what = dice.choice(("append", "append", "leave", "drop"))
        if what == "append":
            ends[place] = await book.append(1, attempt, stream, end, source[place][end : end + size], NOW, 100)
        elif what == "leave":
            ends[place] = await book.leave_out(1, attempt, stream, end, size, NOW)
            gone[attempt] += size
        else:
            for number, count in (await book.drop_oldest(1, size)).items():
                gone[number] += count
    assert {n: size.left_out for n, size in (await book.sizes(1)).items() if size.left_out} == {
        n: count for n, count in gone.items() if count
    }
    _covers(tmp_path, source, ends)
    assert check_file(tmp_path / "logs.db", LOGS, full_check_of_logs) == []


def _covers(folder: Path, source: dict[tuple[int, str], bytes], ends: dict[tuple[int, str], int]) -> None:
    packer = Packer()
    for (attempt, stream), text in source.items():
        with closing(sqlite3.connect(folder / "logs.db")) as connection:
            found = connection.execute(
                "SELECT offset, length, codec, data FROM chunks WHERE attempt = ? AND stream = ? ORDER BY id",
                (attempt, ("out", "err").index(stream)),
            ).fetchall()
        end, before = 0, None
        for offset, length, codec, data in found:
            assert offset == end, "numbers and offsets are in one order, without a hole"
            assert not (codec == before == Codec.LEFT_OUT), "neighbours are one row"
            if codec != Codec.LEFT_OUT:
                assert packer.unpack(codec, data) == text[offset : offset + length]
            end, before = offset + length, codec
        assert end == ends[attempt, stream]


async def test_sums_and_ends_of_a_log_never_touch_its_bytes(book: LogBook, tmp_path: Path) -> None:
    await book.append(1, 1, "out", 0, b"x", NOW)
    known = statements("logs")
    with closing(sqlite3.connect(tmp_path / "logs.db")) as connection:
        for name, values in (("sizes", (1,)), ("lines_within", (1, 1, 0, 0, 9))):
            plan = connection.execute(f"EXPLAIN QUERY PLAN {known[name]}", values).fetchall()
            assert "USING COVERING INDEX chunks_by_place" in plan[0][3]
