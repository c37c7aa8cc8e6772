"""Giving space back: free pages of a database file, and a write-ahead log that grew."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from polysync.domain.retention import surplus


@dataclass(frozen=True, slots=True)
class Carried:
    """What a checkpoint came to."""

    frames: int  # in the write-ahead log
    carried: int  # of those, in the database file
    held: bool  # a reader holds a snapshot from before the end of the log


def surplus_pages(connection: sqlite3.Connection, *, low: bool = False) -> int:
    """How many free pages are to be given back."""
    names = ("page_count", "freelist_count", "page_size")
    pages, free, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return surplus(pages, free, size, low=low)


def shrink(connection: sqlite3.Connection, *, pages: int) -> None:
    """Give so many free pages back; the file itself becomes shorter with the next checkpoint."""
    for _ in range(pages):  # one at a time: that is what a statement without rows steps
        connection.execute("PRAGMA incremental_vacuum(1)")


def checkpoint(connection: sqlite3.Connection) -> Carried:
    """Carry the write-ahead log over and cut it, without waiting for any reader; outside of a transaction."""
    (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        _, frames, carried = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if frames == carried:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Carried(frames, carried, frames > carried)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience}")


def size_of(path: Path) -> int:
    """How many bytes a file has; 0 where there is none.  It is not opened: closing it would drop SQLite's locks."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def log_of(database: Path) -> Path:
    """The write-ahead log of a database."""
    return database.with_name(database.name + "-wal")
