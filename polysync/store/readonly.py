"""A connection that cannot write: short reads, each of them complete in itself."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiosqlite

from polysync.ports import PortError
from polysync.store.uri import read_only_uri

PRAGMAS: Final = ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON", "busy_timeout = 5000")
# Seconds that a statement may take: while it reads, the write-ahead log can be carried over only up to what it sees.
LONGEST: Final = 20.0
Values = Sequence[Any] | Mapping[str, Any]


class ReadOnly:
    """One `mode=ro` connection in a thread of its own; every read is one statement and leaves nothing open."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path
        self.longest = LONGEST

    @classmethod
    async def open(cls, path: Path, *, cache_kib: int = 8_192) -> ReadOnly:
        """Open a database that exists; `close` it before the loop ends."""
        failure: list[sqlite3.Error] = []

        def connect() -> sqlite3.Connection:
            # A connector that raises makes aiosqlite end its thread unheard, maybe after the loop is gone.
            try:
                return sqlite3.connect(read_only_uri(path), uri=True, isolation_level=None)
            except sqlite3.Error as error:
                failure.append(error)
                return sqlite3.connect(":memory:")

        connection = await aiosqlite.Connection(connect, iter_chunk_size=64)
        if failure:
            await connection.close()
            raise PortError(f"{path} cannot be read: {failure[0]}") from failure[0]
        opened = cls(connection, path)
        try:
            for pragma in (*PRAGMAS, f"cache_size = {-cache_kib}"):
                await opened.rows(f"PRAGMA {pragma}")
        except BaseException:
            await opened.close()
            raise
        return opened

    async def rows(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """All rows of one statement; whoever stops waiting for them disturbs nobody, and what takes long is ended."""
        try:
            async with asyncio.timeout(self.longest):
                return [*await self._connection.execute_fetchall(statement, values)]  # type: ignore[list-item]  # no row factory: tuples
        except TimeoutError as error:
            await self._connection.interrupt()
            raise PortError(f"reading {self.path.name} took longer than {self.longest:g} s: ask for less") from error
        except sqlite3.Error as error:
            raise PortError(f"{self.path} cannot be read: {error}") from error

    async def close(self) -> None:
        """Close the connection once what was asked is answered."""
        await self._connection.close()
