"""Migrations: numbered steps, each one transaction with the number it leads to, and a snapshot before the first."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from importlib.resources.abc import Traversable
from pathlib import Path

from polysync.store.errors import StorageBroken


def steps(folder: Traversable) -> dict[int, str]:
    """The text of every step by its number, in order; numbers go up from 1 without a gap."""
    found = {
        int(file.name.partition("-")[0]): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }
    if sorted(found) != list(range(1, len(found) + 1)):
        raise StorageBroken(f"the migrations are numbered {sorted(found)}")
    return {number: found[number] for number in sorted(found)}


def version_of(connection: sqlite3.Connection) -> int:
    """The number of the last step that a database has taken."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def migrate(connection: sqlite3.Connection, folder: Traversable, path: Path, snapshots: Path, kept: int = 3) -> None:
    """Bring a database to the newest version; one from a newer Polysync is refused, untouched.

    Of the copies made before migrations, the `kept` newest stay.
    """
    known, version = steps(folder), version_of(connection)
    newest = len(known)
    if version > newest:
        raise StorageBroken(
            f"{path} was written by a newer Polysync (schema {version}, this one knows {newest}): "
            f"install that version again, or put back a copy from {snapshots}"
        )
    if 0 < version < newest:
        snapshot(connection, snapshots / f"{path.stem}-schema-{version}{path.suffix}")
        thin_out(snapshots, path, kept)
    for number in range(version + 1, newest + 1):
        _take(connection, number, known[number])


def snapshot(connection: sqlite3.Connection, to: Path) -> None:
    """A whole copy of a live database, which appears under its name only when it is complete."""
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = to.with_name(to.name + ".part")
    part.unlink(missing_ok=True)
    try:
        _copy(connection, part)
    except BaseException:
        part.unlink(missing_ok=True)  # half a copy is of no use, and maybe it is what filled the disk
        raise
    part.replace(to)
    _sync_folder(to.parent)


def _copy(connection: sqlite3.Connection, part: Path) -> None:
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(part, isolation_level=None)) as copy:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StorageBroken(f"the database is damaged, and is not migrated: {verdict}")


def copies(snapshots: Path, path: Path) -> dict[int, Path]:
    """The copies that were made of a database before it was migrated, by the number of their schema, oldest first."""
    head, tail = f"{path.stem}-schema-", path.suffix
    numbered = {
        int(number): found
        for found in snapshots.glob(f"{head}*{tail}")
        if (number := found.name.removeprefix(head).removesuffix(tail)).isdecimal()
    }
    return {number: numbered[number] for number in sorted(numbered)}


def thin_out(snapshots: Path, path: Path, kept: int) -> None:
    """Remove the oldest of the copies of a database: of an old one only an old Polysync can make anything."""
    for old in list(copies(snapshots, path).values())[:-kept]:
        old.unlink()


def _take(connection: sqlite3.Connection, number: int, text: str) -> None:
    # executescript() ends an open transaction before it begins: the transaction stands inside the script.
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{text}\n;PRAGMA user_version = {number};\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
