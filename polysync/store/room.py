"""What output may take of a disk that is almost full, so that decisions still find room.

What gives space back is never refused, and output may take the place of its own: both need the write-ahead log, and
thus some of the disk, but only until that is carried over.  To carry it over takes as much room again.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from polysync.store.upkeep import size_of

COMMIT: Final = 256 << 10  # bytes: pages that every transaction writes, however little it stores


class Leeway(NamedTuple):
    """How much of the disk output may take, its write-ahead log being a part of that."""

    room: int  # bytes, for good
    moment: int  # bytes, until the write-ahead log is cut


PLENTY: Final = Leeway(sys.maxsize, sys.maxsize)


class Room:
    """What the transactions of one writer may still take; all is called in its thread."""

    def __init__(self, log: Path, leeway: Callable[[], Leeway], refused: Callable[[], object] | None = None) -> None:
        self.short = False  # what is written should be carried over, and the log cut, at once
        self._log = log
        self._leeway = leeway
        self._refused = refused
        self._added = 0

    def begin(self, _connection: sqlite3.Connection) -> None:
        """Another transaction begins."""
        self._added = COMMIT
        leeway = self._leeway()
        if leeway is not PLENTY:
            self._added += size_of(self._log)
        self.short = leeway.room < self._added

    def takes(self, connection: sqlite3.Connection, size: int) -> bool:
        """Whether so many bytes may be added: in free space, or in what the database has free in itself."""
        leeway, added = self._leeway(), self._added + size
        if added > leeway.room:
            self.short = True
            if added > leeway.moment or size > _freed(connection):
                if self._refused is not None:
                    self._refused()
                return False
        self._added = added
        return True


def _freed(connection: sqlite3.Connection) -> int:
    """Bytes of pages that hold nothing."""
    (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(size)
