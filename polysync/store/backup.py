"""Copies of live databases: whole, verified, and under their name only once they are both."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from polysync.domain.placement import LOCAL
from polysync.store.check import Finding, check_file, full_check, full_check_of_logs
from polysync.store.database import JOURNAL, Schema
from polysync.store.errors import StorageBroken, world_error
from polysync.store.log_schema import LOGS
from polysync.store.rows import ATTEMPT
from polysync.store.sql import statements
from polysync.store.uri import read_only_uri

ELSEWHERE: Final = "another home"  # in the place of a boot of the host: what runs under another one is not ours
_SQL: Final = statements("journal")
_CHECKS: Final[dict[str, Callable[[sqlite3.Connection], list[Finding]]]] = {
    JOURNAL.title: full_check,
    LOGS.title: full_check_of_logs,
}


async def back_up(source: Path, to: Path, schema: Schema = JOURNAL) -> None:
    """Copy a live database to `to` and verify the copy; commits go on meanwhile, and a damaged copy is refused.

    Whoever stops waiting does not stop the copy, which then still appears, whole, or not at all.
    """
    await asyncio.to_thread(copy, source, to, schema)


def copy(source: Path, to: Path, schema: Schema = JOURNAL, *, backup: bool = False) -> None:
    """The same, blocking; a `backup` is for another home: it replaces no file, and owns nothing that is under way."""
    part = to.with_name(to.name + ".part")
    try:
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        _copy(source, part)
        if backup and schema is JOURNAL:
            _disown(part)
        found = check_file(part, schema, _CHECKS[schema.title])
        if found:
            raise StorageBroken(f"the copy of {source} is not good, and was not kept: {found[0]}")
        _keep(part, to, over=not backup)
    except (OSError, sqlite3.Error) as error:
        raise world_error(error) or StorageBroken(f"{source} cannot be copied: {error}") from error
    finally:
        with suppress(OSError):  # what went wrong before says more
            part.unlink()


def _copy(source: Path, part: Path) -> None:
    """One step over one snapshot: a reader of the write-ahead log holds up no commit, and is not disturbed by one."""
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    with (
        closing(sqlite3.connect(read_only_uri(source), uri=True, isolation_level=None)) as reading,
        closing(sqlite3.connect(part, isolation_level=None)) as writing,
    ):
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it


def _disown(part: Path) -> None:
    """Say of processes that are under way that they belong elsewhere: this copy must neither follow nor repeat them."""
    with closing(sqlite3.connect(part, isolation_level=None)) as connection:
        for row in connection.execute(_SQL["newest_attempts"]).fetchall():
            line = ATTEMPT.line(row)
            if ATTEMPT.shown(row).platform == LOCAL:
                ATTEMPT.change(line, {"boot": ELSEWHERE, "handle": None})
                connection.execute(_SQL["change_attempt"], line.values())


def _keep(part: Path, to: Path, *, over: bool) -> None:
    _sync(part, os.O_RDONLY)
    if not over:  # the name is claimed first: a rename alone would replace what came there meanwhile
        os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    part.replace(to)
    _sync(to.parent, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
