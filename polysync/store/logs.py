"""The log book: output in pieces, in order, each byte once.

The next byte to take in is always computable from what is stored, so that whoever was killed while taking
in goes on without losing or repeating one.  Output has a file of its own: a flood of it holds up no decision.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from zlib import crc32

from polysync.domain.capture import PIECE
from polysync.ports import LogPiece, PortError
from polysync.store.codec import micros, moment
from polysync.store.database import open_database
from polysync.store.errors import StorageBroken, StorageBusy, StorageFull
from polysync.store.left_out import Hole, Place, Size, drop_some, note_hole
from polysync.store.lines import sealed, verify
from polysync.store.log_schema import LOGS, SEALED
from polysync.store.packing import Codec, Packer
from polysync.store.readonly import ReadOnly
from polysync.store.room import PLENTY, Leeway, Room
from polysync.store.sql import statements
from polysync.store.upkeep import checkpoint, log_of
from polysync.store.writer import Hooks, Writer

STREAMS: Final = ("out", "err")
CHUNK: Final = PIECE  # what one row holds at most: a tail reads one of them
OWED: Final = 10_000  # streams of which an end may be owed; of more only the counters tell
SMALL: Final = 16 * 1024  # below it pressing costs less than handing it to another thread
_SQL: Final = statements("logs")
T = TypeVar("T")


class LogGap(Exception):
    """Output was handed over that does not follow what is stored: a bug in Polysync."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    offset: int
    length: int
    lines: int
    codec: Codec
    data: bytes


class _Stretch(NamedTuple):
    begin: int
    end: int
    at: int


def open_logs(path: Path, *, snapshots: Path) -> sqlite3.Connection:
    """The read-write connection to a log database; its pages can be given back to the disk one by one."""
    if not path.exists() or path.stat().st_size == 0:  # or killed before it was anything
        _found(path)
    return open_database(path, LOGS, snapshots=snapshots)


class LogBook:
    """Stored output: one writer, one reader, and a thread that presses."""

    def __init__(self, writer: Writer, reader: ReadOnly, packer: Packer, room: Room) -> None:
        self._writer = writer
        self._reader = reader
        self._packer = packer
        self._room = room
        self._owed: dict[Place, _Stretch] = {}  # to be left out once there is room for a note
        self._press = ThreadPoolExecutor(1, thread_name_prefix="logs press")

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        snapshots: Path | None = None,
        compress: bool = True,
        hooks: Hooks | None = None,
        leeway: Callable[[], Leeway] = lambda: PLENTY,
    ) -> LogBook:
        """Open the log database, made where it is missing; `close` it before the loop ends."""
        kept = path.parent / "snapshots" if snapshots is None else snapshots
        told = hooks or Hooks()
        room = Room(log_of(path), leeway, told.on_full)
        told = replace(told, guard=room.begin)
        writer = Writer(lambda: open_logs(path, snapshots=kept), name="logs", hooks=told)
        try:
            await writer.run(lambda _: None)  # the file exists and is ours before it is read
            reader = await ReadOnly.open(path)
        except BaseException:
            await writer.close()
            raise
        return cls(writer, reader, Packer(compress=compress), room)

    async def append(
        self, run_id: int, attempt: int, stream: str, offset: int, data: bytes, at: datetime, piece: int = CHUNK
    ) -> int:
        """Store output and return its stored end; what is stored already is dropped, and a gap raises `LogGap`."""
        place = (run_id, attempt, STREAMS.index(stream))
        when = micros(at)
        chunks = await self._pack(offset, data, piece)
        return await self._add(lambda connection: self._store(connection, place, chunks, when, offset))

    async def leave_out(self, run_id: int, attempt: int, stream: str, offset: int, length: int, at: datetime) -> int:
        """Note that a stretch of output is not kept, as `append` stores one that is, and return the stored end."""
        place, hole = (run_id, attempt, STREAMS.index(stream)), _Stretch(offset, offset + length, micros(at))
        return await self._add(partial(self._leave_out, place=place, hole=hole))

    def owe(self, run_id: int, attempt: int, stream: str, offset: int, length: int, at: datetime) -> None:
        """Have the end of a stream noted as left out once there is room for it; nothing of it comes any more."""
        if len(self._owed) < OWED:
            self._owed[run_id, attempt, STREAMS.index(stream)] = _Stretch(offset, offset + length, micros(at))

    async def drop_oldest(self, run_id: int, wanted: int) -> Mapping[int, int]:
        """Drop the oldest output of a run, at least so many bytes where there are so many: what went, by attempt."""
        gone: Counter[int] = Counter()
        while gone.total() < wanted:
            step = await self._run(partial(drop_some, run_id=run_id, wanted=wanted - gone.total()))
            if not step:
                break
            gone.update(step)
        return gone

    async def sizes(self, run_id: int) -> Mapping[int, Size]:
        """How much of each attempt is kept, and how much is left out."""
        return {attempt: Size(*size) for attempt, *size in await self._reader.rows(_SQL["sizes"], (run_id,))}

    def configure(self, *, compress: bool) -> None:
        """Whether output is pressed from now on."""
        self._packer.configure(compress=compress)

    async def ends(self, run_id: int) -> Mapping[tuple[int, str], int]:
        """Where the stored output of each attempt and stream ends."""
        rows = await self._reader.rows(_SQL["ends"], (run_id,))
        return {(row[2], STREAMS[row[3]]): end_of(row) for row in rows}

    async def read(self, run_id: int, attempt: int, stream: str, offset: int, limit: int) -> bytes:
        """Stored output from `offset` on, at most `limit` bytes; empty at its end, and where some is left out."""
        if limit <= 0:
            return b""
        place = (run_id, attempt, STREAMS.index(stream), offset, offset + limit)
        parts = []
        for row in await self._reader.rows(_SQL["read"], place):
            if row[8] == Codec.LEFT_OUT:
                break
            data = await self._unpack(row)
            parts.append(data[max(0, offset - row[4]) :])
        return b"".join(parts)[:limit]

    async def pieces(self, run_id: int, after: int, limit: int) -> list[tuple[int, LogPiece]]:
        """Output of all attempts, in the order in which it was stored, after the piece of that number."""
        found = []
        for row in await self._reader.rows(_SQL["pieces"], (run_id, after, limit)):
            number, _, attempt, stream, offset, length, _, at, codec, *_ = row
            left_out = length if codec == Codec.LEFT_OUT else 0
            piece = LogPiece(attempt, STREAMS[stream], offset, await self._unpack(row), moment(at), left_out)
            found.append((int(number), piece))
        return found

    async def work(self, unit: Callable[[sqlite3.Connection], Any]) -> Any:
        """Have a unit carried out by the writer: backups, and whatever gives space back."""
        return await self._run(unit)

    async def apart(self, unit: Callable[[sqlite3.Connection], Any]) -> Any:
        """Have something carried out by the writer between two transactions: a checkpoint."""
        return await self._writer.run_apart(unit)

    async def close(self) -> None:
        """Store what waits, and close."""
        with suppress(PortError):  # they stay counted with their attempts
            await self._pay()
        await self._reader.close()  # first: only the last connection carries the write-ahead log over
        await self._writer.close()
        self._press.shutdown()

    async def _add(self, unit: Callable[[sqlite3.Connection], int | None]) -> int:
        """Have a unit carried out that takes room; where it finds none, once more with the write-ahead log cut."""
        end = await self._run(unit)
        if end is None:
            end = await self._run(unit)
        if end is None:
            raise StorageFull("the disk is full: what is left is kept for decisions")
        return end

    async def _run(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        """Have a unit carried out; while the disk is short, what it took of it for a moment is given back."""
        done = await self._writer.run(unit)
        if self._room.short:
            with suppress(StorageFull, StorageBusy):  # the unit itself is stored, and the next one tries again
                await self._writer.run_apart(checkpoint)
        if self._owed:
            await self._pay()
        return done

    async def _pay(self) -> None:
        """Note what is owed, as far as there is room."""
        noted: int | None = 0
        while noted is not None and self._owed:
            place, hole = self._owed.popitem()
            noted = None
            try:
                with suppress(StorageFull, StorageBusy):
                    noted = await self._writer.run(partial(self._leave_out, place=place, hole=hole))
            finally:
                if noted is None:
                    self._owed[place] = hole

    async def _pack(self, offset: int, data: bytes, piece: int) -> list[_Chunk]:
        if len(data) <= SMALL:
            return self._cut(offset, data, piece)
        return await asyncio.get_running_loop().run_in_executor(self._press, self._cut, offset, data, piece)

    def _cut(self, offset: int, data: bytes, piece: int) -> list[_Chunk]:
        view, size = memoryview(data), len(data)
        cuts = [(start, min(start + piece, size)) for start in range(0, size, piece)]
        return [
            _Chunk(offset + start, end - start, data.count(b"\n", start, end), *self._packer.pack(view[start:end]))
            for start, end in cuts
        ]

    async def _unpack(self, row: Sequence[Any]) -> bytes:
        if len(row[-1]) <= SMALL:
            return self._unpacked(row)
        return await asyncio.get_running_loop().run_in_executor(self._press, self._unpacked, row)

    def _unpacked(self, row: Sequence[Any]) -> bytes:
        end_of(row)
        codec, digest, _, data = row[-4:]
        if crc32(data) != digest:
            raise StorageBroken("a stored piece of output is damaged: its checksum does not fit")
        return self._packer.unpack(codec, data)

    def _store(
        self, connection: sqlite3.Connection, place: Place, chunks: list[_Chunk], at: int, offset: int
    ) -> int | None:
        """In the writer's thread: whatever of the chunks lies behind the stored end, and the new end; None: no room."""
        end = _end(connection, place, offset)
        if not self._room.takes(connection, sum(len(chunk.data) for chunk in chunks)):
            return None
        (number,) = connection.execute(_SQL["newest"]).fetchone()
        for chunk in chunks:
            fresh = self._behind(chunk, end)
            if fresh is not None:
                values = (fresh.offset, fresh.length, fresh.lines, at, int(fresh.codec), crc32(fresh.data))
                number += 1
                connection.execute(_SQL["insert"], (*sealed(number, *place, *values), fresh.data))
                end = fresh.offset + fresh.length
        return int(end)

    def _leave_out(self, connection: sqlite3.Connection, place: Place, hole: _Stretch) -> int | None:
        """In the writer's thread: what of a stretch lies behind the stored end is left out; None: no room."""
        end = _end(connection, place, hole.begin)
        if hole.end > end:
            if not self._room.takes(connection, 0):
                return None
            (number,) = connection.execute(_SQL["newest"]).fetchone()
            note_hole(connection, Hole(place, end, hole.end, number + 1, 0, hole.at))
        return max(end, hole.end)

    def _behind(self, chunk: _Chunk, end: int) -> _Chunk | None:
        if chunk.offset + chunk.length <= end:
            return None
        if chunk.offset >= end:
            return chunk
        data = self._packer.unpack(chunk.codec, chunk.data)
        return self._cut(end, data[end - chunk.offset :], CHUNK)[0]


def end_of(row: Sequence[Any]) -> int:
    """Where the chunk of a row ends in its stream; a row that is not what was written raises `StorageBroken`."""
    *_, offset, length = verify(row[:SEALED], f"a piece of output of run {row[1]}")[:6]
    return int(offset + length)


def _end(connection: sqlite3.Connection, place: Place, offset: int) -> int:
    """Where a stream ends; what begins behind that is a gap."""
    row = connection.execute(_SQL["end"], place).fetchone()
    end = end_of(row) if row else 0
    if offset > end:
        raise LogGap(f"output of run {place[0]} continues at {offset}, but {end} bytes are stored")
    return end


def _found(path: Path) -> None:
    """Make the file with the settings that only an empty database takes."""
    try:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute(f"PRAGMA page_size = {LOGS.page_size}")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute(f"PRAGMA application_id = {LOGS.application_id}")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StorageBroken(f"{path} cannot be made: {error}") from error
