"""Opening a database for writing: the one connection that may, with every setting that the promises need."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from polysync.store.errors import StorageBroken, world_error
from polysync.store.migrate import migrate

BUSY_SECONDS: Final = 5.0  # how long somebody else may hold the file before it counts as busy
PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One kind of database file."""

    title: str  # what it is called when something is wrong
    application_id: int
    migrations: Traversable  # the folder of its numbered steps
    synchronous: str = "FULL"
    page_size: int = 4096
    checkpoint_pages: int = 4000  # pages in the WAL before it is carried over: what changes often is carried once
    cache_kib: int = 5_120
    journal_size_limit: int = 64 << 20  # to this the WAL is cut after it was carried over
    copies: int = 3  # from before migrations that are kept


JOURNAL: Final = Schema(
    title="polysync.db",
    application_id=0x506F6C79,
    migrations=files("polysync.store").joinpath("migrations"),
    checkpoint_pages=1000,  # a log that is written over again is synced several times as fast as one that grows
)


def open_database(path: Path, schema: Schema, *, snapshots: Path) -> sqlite3.Connection:
    """The read-write connection to a database, which is made, or brought to today's schema, where need be."""
    try:
        _make_private(path)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=256)
    except (OSError, sqlite3.Error) as error:
        raise world_error(error) or StorageBroken(f"{path} cannot be opened: {error}") from error
    try:
        _set_up(connection, schema)
        _mark(connection, schema)  # first: tables without it would be a stranger's, should we be killed in between
        migrate(connection, schema.migrations, path, snapshots, schema.copies)
    except BaseException as error:
        connection.close()
        found = world_error(error) or _named(path, error)
        if found is None or found is error:
            raise
        raise found from error
    return connection


def _make_private(path: Path) -> None:
    """See to the mode without opening a file that lives: closing it would drop the locks of SQLite."""
    if path.exists():
        path.chmod(PRIVATE)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))


def _set_up(connection: sqlite3.Connection, schema: Schema) -> None:
    _refuse_stranger(connection, schema)
    connection.execute(f"PRAGMA page_size = {schema.page_size}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file: what is removed can go back to the disk
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StorageBroken(f"{schema.title} cannot use a write-ahead log here (mode {mode})")
    connection.execute(f"PRAGMA synchronous = {schema.synchronous}")
    connection.execute(f"PRAGMA journal_size_limit = {schema.journal_size_limit}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {schema.checkpoint_pages}")
    connection.execute(f"PRAGMA cache_size = -{schema.cache_kib}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    # What is removed is overwritten where that costs no writing of its own: free pages go back as they are.
    connection.execute("PRAGMA secure_delete = FAST")
    connection.execute("PRAGMA cell_size_check = ON")


def _refuse_stranger(connection: sqlite3.Connection, schema: Schema) -> None:
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if mark != schema.application_id and (mark or tables):
        raise StorageBroken(f"this is not a {schema.title} of Polysync (application id {mark:#x})")


def _mark(connection: sqlite3.Connection, schema: Schema) -> None:
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    if mark != schema.application_id:
        connection.execute(f"PRAGMA application_id = {schema.application_id}")


def _named(path: Path, error: BaseException) -> StorageBroken | None:
    return StorageBroken(f"{path}: {error}") if isinstance(error, sqlite3.Error) else None
