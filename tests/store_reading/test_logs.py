"""The log book: every byte once and in order, whatever is repeated, cut, killed or missing."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from polysync.failpoints import VARIABLE
from polysync.ports import LogPiece, PortError
from polysync.store.check import check_file, full_check_of_logs
from polysync.store.errors import StorageBroken
from polysync.store.log_schema import LOGS
from polysync.store.logs import CHUNK, LogBook, LogGap
from polysync.store.packing import Codec, Packer, UnknownCodec
from tests.faults import fault
from tests.seeds import seed_of

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
TEXT = b"".join(b"%06d a line of output that says nothing new\n" % number for number in range(40_000))


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[LogBook]:
    opened = await LogBook.open(tmp_path / "logs.db")
    yield opened
    await opened.close()


def stored(path: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchall()


async def test_output_is_read_back_from_anywhere(book: LogBook) -> None:
    assert await book.append(1, 1, "out", 0, TEXT, NOW) == len(TEXT)
    assert await book.read(1, 1, "out", 0, len(TEXT) + 5) == TEXT
    for offset, limit in ((0, 1), (CHUNK - 1, 2), (CHUNK, CHUNK), (len(TEXT) - 3, 10), (700_001, 300_000)):
        assert await book.read(1, 1, "out", offset, limit) == TEXT[offset : offset + limit]
    assert await book.read(1, 1, "out", len(TEXT), 10) == b""
    assert await book.read(1, 1, "out", 5, 0) == b""
    assert await book.read(1, 1, "err", 0, 10) == b""


async def test_what_is_stored_is_dropped_and_a_gap_raises(book: LogBook) -> None:
    assert await book.append(1, 1, "out", 0, b"hello ", NOW) == 6
    assert await book.append(1, 1, "out", 2, b"llo world", NOW) == 11
    assert await book.append(1, 1, "out", 0, b"hello", NOW) == 11
    assert await book.append(1, 1, "out", 11, b"", NOW) == 11
    with pytest.raises(LogGap, match="continues at 12, but 11"):
        await book.append(1, 1, "out", 12, b"!", NOW)
    assert await book.read(1, 1, "out", 0, 99) == b"hello world"


async def test_ends_and_pieces_tell_of_each_attempt_and_stream(book: LogBook) -> None:
    said = [(1, "out", b"a\n"), (1, "err", b"b"), (2, "out", b"c\n"), (1, "out", b"d")]
    at = {(attempt, stream): 0 for attempt, stream, _ in said}
    expected = []
    for attempt, stream, data in said:
        offset = at[attempt, stream]
        expected.append(LogPiece(attempt, stream, offset, data, NOW))
        at[attempt, stream] = await book.append(7, attempt, stream, offset, data, NOW)
    await book.append(8, 1, "out", 0, b"another run", NOW)
    assert await book.ends(7) == at
    assert await book.ends(9) == {}
    first = await book.pieces(7, 0, 3)
    rest = await book.pieces(7, first[-1][0], 3)
    assert [piece for _, piece in (*first, *rest)] == expected


async def test_random_chunks_and_repeats_give_exactly_the_bytes(book: LogBook) -> None:
    chance = Random(seed_of("chunks"))
    source = chance.randbytes(300_000) + TEXT[:700_000]
    end = 0
    while end < len(source):
        offset = chance.randrange(max(0, end - 5_000), end + 1)
        size = chance.choice((0, 1, 100, 5_000, 20_000, 300_000))
        end = await book.append(3, 1, "out", offset, source[offset : offset + size], NOW)
        assert end <= len(source)
    assert await book.read(3, 1, "out", 0, len(source)) == source
    found = await book.pieces(3, 0, 10_000)
    assert b"".join(piece.data for _, piece in found) == source


@fault("F4")
@pytest.mark.parametrize(("place", "passage"), [("logs.before_commit", 5), ("logs.after_commit", 5)])
async def test_a_kill_leaves_an_exact_prefix_and_the_next_append_goes_on(
    tmp_path: Path, place: str, passage: int
) -> None:
    path = tmp_path / "logs.db"
    writing = Path(__file__).with_name("writing.py")
    environment = {**os.environ, VARIABLE: f"{place}=kill@{passage}"}
    ended = await asyncio.create_subprocess_exec(sys.executable, str(writing), str(path), env=environment)
    assert await ended.wait() == -signal.SIGKILL
    book = await LogBook.open(path)
    try:
        end = (await book.ends(1)).get((1, "out"), 0)
        assert 0 < end < len(TEXT)
        assert await book.read(1, 1, "out", 0, len(TEXT)) == TEXT[:end]
        assert await book.append(1, 1, "out", end, TEXT[end:], NOW) == len(TEXT)
        assert await book.read(1, 1, "out", 0, len(TEXT)) == TEXT
    finally:
        await book.close()


async def test_the_file_can_give_space_back_and_is_small(book: LogBook, tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    await book.append(1, 1, "out", 0, TEXT, NOW)
    assert stored(path, "PRAGMA page_size") == [(65536,)]
    assert stored(path, "PRAGMA auto_vacuum") == [(2,)]
    ((pressed, raw),) = stored(path, "SELECT sum(length(data)), sum(length) FROM chunks")
    assert isinstance(pressed, int)
    assert isinstance(raw, int)
    assert raw == len(TEXT)
    assert pressed < raw / 4
    assert stored(path, "SELECT sum(lines) FROM chunks") == [(40_000,)]
    await book.work(lambda connection: connection.execute("DELETE FROM chunks"))
    assert check_file(path, LOGS, full_check_of_logs) == []


async def test_compression_can_be_left_out(tmp_path: Path) -> None:
    book = await LogBook.open(tmp_path / "logs.db", compress=False)
    try:
        await book.append(1, 1, "out", 0, TEXT[:1000], NOW)
        assert stored(tmp_path / "logs.db", "SELECT DISTINCT codec FROM chunks") == [(Codec.RAW,)]
    finally:
        await book.close()


def test_every_codec_gives_back_what_it_was_given() -> None:
    best, fallback, none = Packer(), Packer(modules=("no_such_module",)), Packer(compress=False)
    assert [packer.pack(TEXT)[0] for packer in (best, fallback, none)] == [Codec.ZSTD, Codec.ZLIB, Codec.RAW]
    for packer in (best, fallback, none):
        for data in (TEXT, b"x", Random(1).randbytes(1000)):
            assert best.unpack(*packer.pack(data)) == data
    assert best.pack(Random(1).randbytes(1000))[0] is Codec.RAW
    with pytest.raises(UnknownCodec, match="needs Python"):
        fallback.unpack(*best.pack(TEXT))


@fault("F22")
async def test_a_damaged_piece_is_never_shown(book: LogBook, tmp_path: Path) -> None:
    await book.append(1, 1, "out", 0, TEXT[:1000], NOW)
    await book.append(1, 1, "out", 1000, TEXT[1000:], NOW)
    await book.work(lambda connection: connection.execute("UPDATE chunks SET data = x'00ff' WHERE offset = 0"))
    with pytest.raises(StorageBroken, match="damaged"):
        await book.read(1, 1, "out", 0, 10)
    assert await book.read(1, 1, "out", 1000, 10) == TEXT[1000:1010]
    found = check_file(tmp_path / "logs.db", LOGS, full_check_of_logs)
    assert [str(finding) for finding in found] == ["chunk 1: its checksum does not fit"]


async def test_a_home_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(PortError):
        await LogBook.open(tmp_path / "missing" / "logs.db")


async def test_a_file_that_was_only_just_made_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "logs.db").touch()
    book = await LogBook.open(tmp_path / "logs.db")
    await book.close()
    assert stored(tmp_path / "logs.db", "PRAGMA auto_vacuum") == [(2,)]
