"""Reading logs beside a naive reference: any part, found without reading the rest."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from zlib import crc32

import pytest

from polysync.ports import LogPiece, PortError
from polysync.store.codec import micros
from polysync.store.lines import sealed
from polysync.store.log_reading import LogReading
from polysync.store.logs import CHUNK, STREAMS, LogBook
from polysync.store.packing import Packer
from polysync.store.sql import statements
from tests.seeds import seed_of
from tests.store_reading import naive_log

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
LEFT_OUT = 3
INSERT = statements("logs")["insert"]
WORDS = (b"", b"a", b"one line", b"\x00\xff\xc3", b"caf\xc3\xa9", b"x" * 400, b"\r10%\r20%")


async def kept(folder: Path, pieces: Sequence[LogPiece]) -> Path:
    """A log database of run 7 with these pieces."""
    path = folder / "logs.db"
    await (await LogBook.open(path)).close()
    packer = Packer()
    with closing(sqlite3.connect(path)) as connection:
        for number, piece in enumerate(pieces, 1):
            assert piece.at is not None
            codec, data = (LEFT_OUT, b"") if piece.left_out else packer.pack(piece.data)
            place = (number, 7, piece.attempt, STREAMS.index(piece.stream), piece.offset)
            length = piece.left_out or len(piece.data)
            rest = (length, piece.data.count(b"\n"), micros(piece.at), int(codec), crc32(data))
            connection.execute(INSERT, (*sealed(*place, *rest), data))
        connection.commit()
    return path


def random_log(chance: Random) -> list[LogPiece]:
    """Pieces of several attempts and streams, cut anywhere, some of them left out."""
    pieces: list[LogPiece] = []
    at, offsets = NOON, dict[tuple[int, str], int]()
    for attempt in range(1, chance.randrange(1, 4)):
        for _ in range(chance.randrange(12)):
            stream = chance.choice(STREAMS)
            words = [chance.choice(WORDS) + chance.choice((b"\n", b"\n", b"")) for _ in range(chance.randrange(1, 30))]
            data, left_out = b"".join(words) or b"\n", 0
            if chance.random() < 0.15:
                data, left_out = b"", chance.randrange(1, 5000)
            offset = offsets.get((attempt, stream), 0)
            pieces.append(LogPiece(attempt, stream, offset, data, at, left_out))
            offsets[attempt, stream] = offset + (left_out or len(data))
            at += timedelta(seconds=chance.randrange(3))
    return pieces


@pytest.fixture
async def reading(tmp_path: Path) -> AsyncIterator[LogReading]:
    chance = Random(seed_of("one log"))
    opened = await LogReading.open(await kept(tmp_path, random_log(chance)))
    yield opened
    await opened.close()


async def shown(reading: LogReading, begins: Mapping[tuple[int, str], int]) -> list[LogPiece]:
    """What is read from the first piece on that is wanted."""
    ends = await reading.ends(7)
    first = await reading.first(7, begins, ends)
    if first is None:
        return []
    pieces = [piece for _, piece in await reading.pieces(7, first - 1, 1000)]
    return naive_log.between(pieces, begins, ends)


@pytest.mark.parametrize("number", range(25))
async def test_every_beginning_is_that_of_the_naive_log(tmp_path: Path, number: int) -> None:
    chance = Random(f"{seed_of('logs')} {number}")
    pieces = random_log(chance)
    reading = await LogReading.open(await kept(tmp_path, pieces))
    try:
        ends = await reading.ends(7)
        assert ends == naive_log.ends(pieces)
        some = {place: end for place, end in ends.items() if chance.random() < 0.8}
        for count in (0, 1, 2, 3, 7, 20, 100, 10_000):
            for asked in (ends, some):
                lines = await reading.last_lines(7, asked, count)
                assert lines == naive_log.last_lines(pieces, asked, count), count
                assert await reading.last_bytes(7, asked, 13 * count) == naive_log.last_bytes(pieces, asked, 13 * count)
                assert await shown(reading, lines) == naive_log.between(pieces, lines, ends)
        for seconds in (-1, 0, 2, 5, 9, 30, 100):
            moment = NOON + timedelta(seconds=seconds)
            assert await reading.since(7, ends, moment) == naive_log.since(pieces, ends, moment), seconds
        for place, end in ends.items():
            for line in (1, 2, 3, 10, 50, 10_000):
                assert await reading.line(7, place, line, end) == naive_log.line(pieces, place, line, end)
            own = [piece for piece in pieces if naive_log.place_of(piece) == place]
            offset = chance.randrange(end)
            expected = [piece for piece in own if naive_log.end_of_piece(piece) > offset]
            assert await reading.stretch(7, place, offset, 1000) == expected
            assert await reading.stretch(7, place, offset, 1) == expected[:1]
    finally:
        await reading.close()


async def test_what_is_not_there_has_no_beginning(reading: LogReading) -> None:
    assert await reading.ends(8) == {}
    assert await reading.first(8, {}) is None
    assert await reading.last_lines(8, {}, 5) == {}
    assert await reading.pieces(8, 0, 5) == []
    assert await reading.stretch(8, (1, "out"), 0, 5) == []


async def test_a_follower_goes_on_at_the_first_piece_it_has_not_seen(reading: LogReading) -> None:
    ends = await reading.ends(7)
    pieces = await reading.pieces(7, 0, 1000)
    assert await reading.first(7, {}) == pieces[0][0]
    assert await reading.first(7, ends) is None
    place, end = max(ends.items())
    number = next(n for n, piece in reversed(pieces) if naive_log.place_of(piece) == place)
    assert await reading.first(7, {**ends, place: end - 1}) == number
    assert await reading.told(7, {**ends, place: end - 1}) == number - 1
    assert await reading.told(7, ends) == pieces[-1][0]
    assert await reading.told(7, {}) == pieces[0][0] - 1
    assert await reading.told(8, {}) == 0


async def test_the_tail_of_a_long_log_reads_only_what_it_shows(tmp_path: Path) -> None:
    book = await LogBook.open(tmp_path / "logs.db")
    line = b"a line of output that says nothing new\n"
    data = line * (8 * CHUNK // len(line))
    await book.append(7, 1, "out", 0, data, NOON)
    await book.work(lambda connection: connection.execute("UPDATE chunks SET data = x'00' WHERE offset < 1000000"))
    await book.close()
    reading = await LogReading.open(tmp_path / "logs.db")
    try:
        ends = await reading.ends(7)
        begins = await reading.last_lines(7, ends, 20)
        assert begins == {(1, "out"): len(data) - 20 * len(line)}
        assert b"".join(piece.data for piece in await shown(reading, begins)) == 20 * line
        number = len(data) // len(line) - 10
        assert await reading.line(7, (1, "out"), number, len(data)) == (number - 1) * len(line)
        with pytest.raises(PortError, match="damaged"):
            await reading.pieces(7, 0, 1)
    finally:
        await reading.close()


async def test_a_long_line_and_a_million_empty_ones(tmp_path: Path) -> None:
    book = await LogBook.open(tmp_path / "logs.db")
    long = b"x" * (5 * CHUNK + 3) + b"\n"
    await book.append(7, 1, "out", 0, long + b"\n" * 1_000_000, NOON)
    await book.append(7, 1, "err", 0, b"y" * (2 * CHUNK), NOON)
    await book.close()
    reading = await LogReading.open(tmp_path / "logs.db")
    try:
        ends = await reading.ends(7)
        out = {(1, "out"): ends[1, "out"]}
        assert await reading.last_lines(7, out, 1_000_000) == {(1, "out"): len(long)}
        assert await reading.last_lines(7, out, 1_000_001) == {(1, "out"): 0}
        assert await reading.last_lines(7, ends, 1) == {(1, "err"): 0, **out}
        assert await reading.line(7, (1, "out"), 700_000, ends[1, "out"]) == len(long) + 699_998
        assert await reading.since(7, ends, NOON) == dict.fromkeys(ends, 0)
    finally:
        await reading.close()


async def test_a_database_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="cannot be read"):
        await LogReading.open(tmp_path / "logs.db")
