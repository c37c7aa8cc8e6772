"""Reading logs: any part of any size at once, over a connection of its own that cannot write.

Whoever reads pages on by number or by offset, so no read lasts long and none keeps the write-ahead log from
shrinking.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from polysync.ports import LogPiece, PortError
from polysync.store.codec import micros, moment
from polysync.store.log_marks import LEFT_OUT, Marks, Place, Places, unpacked
from polysync.store.logs import STREAMS
from polysync.store.packing import Packer
from polysync.store.readonly import PRAGMAS
from polysync.store.sql import statements
from polysync.store.uri import read_only_uri

_SQL: Final = statements("log_reading")
CACHE_KIB: Final = 8_192
ENOUGH: Final = 256 << 10  # bytes of pieces that are read at once: every reader who stops reading holds them in memory
T = TypeVar("T")


class LogReading:
    """Stored output, read in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="logs read")
        self._packer = Packer()
        self._connection: sqlite3.Connection

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open a log database that exists; `close` it before the loop ends."""
        opened = cls(path)
        try:
            await opened._run(opened._connect)
        except BaseException:
            opened._thread.shutdown(wait=False)
            raise
        return opened

    async def ends(self, run_id: int) -> dict[Place, int]:
        """Where the stored output of each attempt and stream ends."""
        return await self._marked(run_id, Marks.ends)

    async def first(self, run_id: int, begins: Places, ends: Places | None = None) -> int | None:
        """The number of the first piece that holds anything between begins and ends; None: there is none."""
        return await self._marked(run_id, lambda marks: marks.first(begins, marks.ends() if ends is None else ends))

    async def told(self, run_id: int, begins: Places) -> int:
        """The number of the newest piece up to which nothing stands behind these beginnings."""
        return await self._marked(run_id, lambda marks: marks.told(begins))

    async def last_lines(self, run_id: int, ends: Places, count: int) -> Places:
        """Where the last lines of these streams begin, in stored order."""
        return await self._marked(run_id, lambda marks: marks.last_lines(ends, count))

    async def last_bytes(self, run_id: int, ends: Places, count: int) -> Places:
        """Where the last bytes of these streams begin, in stored order."""
        return await self._marked(run_id, lambda marks: marks.last_bytes(ends, count))

    async def since(self, run_id: int, ends: Places, at: datetime) -> Places:
        """Where each of these streams goes on from the first line that came at that time or later."""
        return await self._marked(run_id, lambda marks: marks.since(ends, micros(at)))

    async def line(self, run_id: int, place: Place, number: int, end: int) -> int:
        """Where the line of that number begins in its stream, counted from 1 over what is kept."""
        return await self._marked(run_id, lambda marks: marks.line(place, number, end))

    async def pieces(self, run_id: int, after: int, limit: int) -> list[tuple[int, LogPiece]]:
        """Output of all attempts, in the order in which it was stored, after the piece of that number."""
        return await self._run(self._pieces, "pieces", (run_id, after, limit))

    async def stretch(self, run_id: int, place: Place, offset: int, limit: int) -> list[LogPiece]:
        """So many pieces of one stream, from the one that holds the offset on."""
        attempt, stream = place
        values = (run_id, attempt, STREAMS.index(stream), offset, limit)
        return [piece for _, piece in await self._run(self._pieces, "stretch", values)]

    async def close(self) -> None:
        """Close the connection once what was asked is answered."""
        await self._run(self._shut)
        self._thread.shutdown()

    async def _marked(self, run_id: int, ask: Callable[[Marks], T]) -> T:
        return await self._run(self._at_one_moment, run_id, ask)

    async def _run(self, work: Callable[..., T], *values: Any) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *values)
        except sqlite3.Error as error:
            raise PortError(f"{self._path} cannot be read: {error}") from error

    def _connect(self) -> None:
        self._connection = reading_connection(self._path)

    def _shut(self) -> None:
        self._connection.close()

    def _at_one_moment(self, run_id: int, ask: Callable[[Marks], T]) -> T:
        """What several statements say of the same moment: output may be dropped meanwhile."""
        self._connection.execute("BEGIN")
        try:
            return ask(Marks(self._connection, self._packer, run_id))
        finally:
            self._connection.execute("ROLLBACK")

    def _pieces(self, name: str, values: tuple[int, ...]) -> list[tuple[int, LogPiece]]:
        """The first of these pieces: at least one, and no more once they hold a good deal."""
        found: list[tuple[int, LogPiece]] = []
        size = 0
        with closing(self._connection.execute(_SQL[name], values)) as rows:
            for row in rows:
                found.append((int(row[0]), self._piece(row)))
                size += len(found[-1][1].data)
                if size >= ENOUGH:
                    break
        return found

    def _piece(self, row: Sequence[Any]) -> LogPiece:
        _, _, attempt, stream, offset, length, _, at, codec, *_ = row
        left_out = length if codec == LEFT_OUT else 0
        return LogPiece(attempt, STREAMS[stream], offset, unpacked(self._packer, row), moment(at), left_out)


def reading_connection(path: Path) -> sqlite3.Connection:
    """A connection to a database that exists, which cannot change it."""
    connection = sqlite3.connect(read_only_uri(path), uri=True, isolation_level=None)
    try:
        for pragma in (*PRAGMAS, f"cache_size = {-CACHE_KIB}"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection
