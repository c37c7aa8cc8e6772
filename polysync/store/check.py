"""The check of a database: whether every row is what was written, and nothing is missing between them.

At a start only what decisions rest on is looked at, because a start must be fast whatever the history; the
full check reads everything, in a connection of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from polysync.domain.errors import PolysyncError
from polysync.domain.run import FINAL
from polysync.store.chain import GENESIS, first_break
from polysync.store.database import JOURNAL, Schema
from polysync.store.errors import StorageBroken
from polysync.store.lines import checksum, verify
from polysync.store.log_schema import SEALED
from polysync.store.migrate import steps, version_of
from polysync.store.packing import Codec, Packer
from polysync.store.rows import ATTEMPT, RUN
from polysync.store.sql import statements
from polysync.store.uri import read_only_uri

RECENT: Final = 1_000  # links of each chain that a start verifies
MOST: Final = 100  # findings of one kind: whoever has more needs a copy, not a list
_SQL: Final = statements("check")
_CHAINS: Final = ("history", "audit")
_SEALED: Final = ("tasks", "held", "rates", "definitions", "clock", "meta", "anchors")
# What reading a damaged row may raise: its values are of any type, or none.
_UNREADABLE: Final = (PolysyncError, ValueError, TypeError, KeyError, OverflowError)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written, and where."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


Check = Callable[[sqlite3.Connection], Iterable[Finding]]


def quick_check(connection: sqlite3.Connection) -> list[Finding]:
    """What a start looks at: the open runs, and the newest links of both chains."""
    return _findings(connection, (_open_runs, *(partial(_chain, name=name, recent=True) for name in _CHAINS)))


def full_check(connection: sqlite3.Connection) -> list[Finding]:
    """Everything that can be verified in polysync.db; empty where all is well."""
    chains = (partial(_chain, name=name, recent=False) for name in _CHAINS)
    sealed = (partial(_sealed, name=name) for name in _SEALED)
    return _findings(connection, (_integrity, _runs, _attempts, _tags, *sealed, _last_runs, *chains))


def full_check_of_logs(connection: sqlite3.Connection) -> list[Finding]:
    """Everything that can be verified in logs.db."""
    return _findings(connection, (_integrity, _chunks))


def check_file(
    path: Path, schema: Schema = JOURNAL, check: Callable[[sqlite3.Connection], list[Finding]] = full_check
) -> list[Finding]:
    """Check a database file that exists, without changing it; what cannot even be opened is a finding."""
    try:
        with closing(sqlite3.connect(read_only_uri(path), uri=True, isolation_level=None)) as connection:
            connection.execute("PRAGMA cell_size_check = ON")
            connection.execute("BEGIN")  # the daemon may be at work: all that is compared is of one moment
            return _header(connection, schema) or check(connection)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return [Finding(str(path), f"cannot be read: {error}")]


def _findings(connection: sqlite3.Connection, checks: Iterable[Check]) -> list[Finding]:
    return [finding for check in checks for finding in islice(_heard(connection, check), MOST)]


def _heard(connection: sqlite3.Connection, check: Check) -> Iterator[Finding]:
    """What a check finds; where it can read no further, that is a finding too."""
    try:
        yield from check(connection)
    except (sqlite3.Error, *_UNREADABLE) as error:
        yield Finding("database", str(error))


def _header(connection: sqlite3.Connection, schema: Schema) -> list[Finding]:
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    version, newest = version_of(connection), len(steps(schema.migrations))
    if mark != schema.application_id:
        return [Finding("header", f"this is not a {schema.title} of Polysync (application id {mark:#x})")]
    if version != newest:
        return [Finding("header", f"the schema is number {version}, this Polysync has {newest}")]
    return []


def _integrity(connection: sqlite3.Connection) -> Iterator[Finding]:
    for (verdict,) in connection.execute(f"PRAGMA integrity_check({MOST})"):
        if verdict != "ok":
            yield Finding("database", verdict)
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield Finding(f"{table} {row}", f"what it belongs to is missing from {parent}")


def _runs(connection: sqlite3.Connection) -> Iterator[Finding]:
    return _verified_runs(connection.execute(_SQL["runs"]))


def _open_runs(connection: sqlite3.Connection) -> Iterator[Finding]:
    return _verified_runs(connection.execute(_SQL["open_runs"]))


def _verified_runs(rows: Iterable[Any]) -> Iterator[Finding]:
    for row in rows:
        try:
            run = RUN.load(row)
        except _UNREADABLE as error:
            yield Finding(f"run {row[0]}", str(error))
            continue
        if (run.state in FINAL) is not (run.ended_at is not None):
            yield Finding(f"run {run.id}", f"it is {run.state}, and its end is {run.ended_at}")


def _attempts(connection: sqlite3.Connection) -> Iterator[Finding]:
    for row in connection.execute(_SQL["attempts"]):
        try:
            ATTEMPT.load(row)
        except _UNREADABLE as error:
            yield Finding(f"attempt {row[1]} of run {row[0]}", str(error))


def _tags(connection: sqlite3.Connection) -> Iterator[Finding]:
    for (run_id,) in connection.execute(_SQL["tags"]):
        yield Finding(f"run {run_id}", "its tags are not those that it is found by")


def _sealed(connection: sqlite3.Connection, *, name: str) -> Iterator[Finding]:
    for row in connection.execute(_SQL[name]):
        place = f"{name} {row[0]}"
        try:
            verify(row, place)
        except StorageBroken as error:
            yield Finding(place, str(error))


def _last_runs(connection: sqlite3.Connection) -> Iterator[Finding]:
    for task, remembered, there in connection.execute(_SQL["last_runs"]):
        yield Finding(f"task {task}", f"its last run is remembered as {remembered}, but is {there}")


def _chain(connection: sqlite3.Connection, *, name: str, recent: bool) -> Iterator[Finding]:
    begin = connection.execute(_SQL[f"{name}_start"], (RECENT,)).fetchone() if recent else None
    pruned = {first: (last, end) for first, last, end in connection.execute(_SQL["pruned"], (name,))}
    first, before = begin or (0, GENESIS)
    broken = first_break(connection.execute(_SQL[name], (first,)), (first, before), pruned)
    if broken is not None:
        yield Finding(f"{name} {broken}", "the chain of hashes is broken: this row, or one before it, was changed")


def _chunks(connection: sqlite3.Connection) -> Iterator[Finding]:
    packer, place, end = Packer(), None, 0
    for row in connection.execute(_SQL["chunks"]):
        number, run_id, attempt, stream, offset, length, lines, _, codec, digest, _, data = row
        if checksum(row[: SEALED - 1]) != row[SEALED - 1] or crc32(data) != digest:
            yield Finding(f"chunk {number}", "its checksum does not fit")
            place = None
            continue
        if place != (run_id, attempt, stream):
            place, end = (run_id, attempt, stream), offset
        if offset != end:
            yield Finding(f"chunk {number}", f"it begins at {offset}, the one before ends at {end}")
        end = offset + length
        if codec == Codec.LEFT_OUT and not data:
            continue
        text = packer.unpack(codec, data)
        if len(text) != length or text.count(b"\n") != lines:
            yield Finding(f"chunk {number}", f"it holds {len(text)} bytes, not {length}, or not {lines} lines")
