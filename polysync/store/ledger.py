"""What a commit does to polysync.db: apply the records, write each changed row once, extend history and audit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from polysync.domain.effects import (
    ClockNoted,
    DefinitionKept,
    EdgeHeld,
    EdgesConsumed,
    RateTaken,
    Record,
    TaskForgotten,
)
from polysync.domain.errors import DoubleFiring, IllegalTransition
from polysync.domain.rows import Snapshot
from polysync.store.chain import Chain
from polysync.store.codec import loads, micros, text_of
from polysync.store.definitions import definition_text, usual
from polysync.store.lines import CHANGED, MOVED, NOTED, Line, sealed
from polysync.store.past import read_snapshot, read_taken
from polysync.store.projection import Changes, Projection
from polysync.store.rows import EDGE_EVENT, AuditEntry, audit_values
from polysync.store.sql import statements

_SQL: Final = statements("journal")
# By how much of a run has changed: fewer columns touch fewer indexes.
_CHANGE: Final = {NOTED: "note_run", MOVED: "move_run", CHANGED: "change_run", CHANGED | MOVED: "change_run"}


class Ledger:
    """The write side of polysync.db; its methods are called inside a transaction, in the thread of the writer."""

    def __init__(self) -> None:
        self._projection = Projection()
        self._history = Chain(_SQL["newest_history"])
        self._audit = Chain(_SQL["newest_audit"])
        self._direct: Final[Mapping[type[Record], Callable[[sqlite3.Connection, Any], None]]] = {
            EdgeHeld: _hold,
            EdgesConsumed: _consume,
            TaskForgotten: _forget_held,
            RateTaken: _take_rate,
            DefinitionKept: self._keep_definition,
            ClockNoted: _note_clock,
        }

    def commit(self, connection: sqlite3.Connection, records: Sequence[Record], audit: Sequence[AuditEntry]) -> None:
        """Apply the records of one decision, and who asked for it; what breaks a law raises, here or in `flush`."""
        changes = self._projection.begin(connection)
        kinds, direct = self._projection.kinds, self._direct
        for record in records:
            apply = kinds.get(type(record))
            if apply is not None:
                apply(record)
            else:
                direct[type(record)](connection, record)
        changes.audit.extend(map(audit_values, audit))

    def flush(self, connection: sqlite3.Connection) -> None:
        """Write what was changed; a row that several decisions changed is written once."""
        changes = self._projection.begin(connection)
        self._write(connection, changes)
        self._projection.end()

    def snapshot(self, connection: sqlite3.Connection) -> Snapshot:
        """Everything that a new engine needs but `taken`."""
        self.flush(connection)
        return read_snapshot(connection)

    def taken_after(self, connection: sqlite3.Connection, at: datetime) -> Mapping[str, frozenset[datetime]]:
        """The slots that already have a run and lie after `at`, or after the anchor of their task."""
        self.flush(connection)
        return read_taken(connection, at)

    def forget(self) -> None:
        """Something was rolled back: believe only the file."""
        self._projection.forget()
        self._history.forget()
        self._audit.forget()

    def sizes(self) -> dict[str, int]:
        """How much is held in memory."""
        return self._projection.sizes()

    def _keep_definition(self, connection: sqlite3.Connection, record: DefinitionKept) -> None:
        changes = self._projection.begin(connection)
        if not changes.definitions:
            changes.definitions.append(sealed(*usual()))
        changes.definitions.append(sealed(record.digest, definition_text(record.definition)))

    def _write(self, connection: sqlite3.Connection, changes: Changes) -> None:
        many = connection.executemany
        if changes.definitions:
            many(_SQL["keep_definition"], changes.definitions)
        if changes.born:
            _create_runs(connection, changes.born.values())
        for statement, rows in _by_statement(changes.runs.values()).items():
            _checked(many, statement, rows)
        if changes.opened:
            _checked(many, "open_attempt", _values(changes.opened))
        if changes.attempts:
            _checked(many, "change_attempt", _values(changes.attempts))
        if changes.tasks:
            many(_SQL["note_task"], _values(changes.tasks))
        if changes.history:
            many(_SQL["add_history"], self._history.extend(connection, changes.history))
        if changes.audit:
            many(_SQL["add_audit"], self._audit.extend(connection, changes.audit))


def _values(lines: Mapping[Any, Line]) -> list[tuple[Any, ...]]:
    return [line.values() for line in lines.values()]


def _by_statement(runs: Iterable[Line]) -> Mapping[str, list[tuple[Any, ...]]]:
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for run in runs:
        rows.setdefault(_CHANGE[run.touched], []).append(run.values())
    return rows


def _checked(many: Callable[[str, Any], sqlite3.Cursor], statement: str, rows: Sequence[Any]) -> None:
    """Change so many rows, and no fewer: one that has ended is none of them."""
    try:
        changed = many(_SQL[statement], rows).rowcount
    except sqlite3.IntegrityError as error:
        raise IllegalTransition(f"the database refuses {statement.replace('_', ' ')}: {error}") from error
    if changed != len(rows):
        raise IllegalTransition(f"{statement.replace('_', ' ')} met {changed} rows that may change, not {len(rows)}")


def _create_runs(connection: sqlite3.Connection, runs: Iterable[Line]) -> None:
    rows = [run.values() for run in runs]
    try:
        connection.executemany(_SQL["create_run"], rows)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode in {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}:
            raise DoubleFiring(_which(connection, rows)) from error
        raise IllegalTransition(f"the database refuses a new run: {error}") from error
    tags = [(text_of(key), text_of(value), run.columns[0]) for run in runs for key, value in _tags(run)]
    if tags:
        connection.executemany(_SQL["tag_run"], tags)


def _which(connection: sqlite3.Connection, rows: Sequence[Any]) -> str:
    """Name the first run that is there already, or comes twice."""
    seen: set[Any] = set()
    for number, task, slot in ((row[0], row[1], row[4]) for row in rows):
        there = connection.execute(_SQL["run_exists"], (number, task, slot)).fetchone()
        # The rows before the refused one are in the table by now: only another run's row is a double.
        if (there and there[0] != number) or (slot is not None and (task, slot) in seen):
            return f"{task} has run {there[0]} for this slot already, and run {number} would be a second one"
        seen.add((task, slot))
    return f"a run among {rows[0][0]} to {rows[-1][0]} exists already"


def _tags(run: Line) -> Iterable[tuple[str, str]]:
    written = (run.parts or {}).get("tags")
    return loads(f"{{{written}}}")["tags"].items() if written else ()


def _hold(connection: sqlite3.Connection, record: EdgeHeld) -> None:
    connection.execute(_SQL["hold"], sealed(record.task, record.event.upstream, EDGE_EVENT.dump(record.event)))


def _consume(connection: sqlite3.Connection, record: EdgesConsumed) -> None:
    connection.executemany(_SQL["consume"], [(record.task, upstream) for upstream in record.upstreams])


def _forget_held(connection: sqlite3.Connection, record: TaskForgotten) -> None:
    connection.execute(_SQL["forget_held"], (record.task,))


def _take_rate(connection: sqlite3.Connection, record: RateTaken) -> None:
    state = record.state
    connection.execute(_SQL["take_rate"], sealed(*record.counter, str(state.level), micros(state.at), str(state.parts)))


def _note_clock(connection: sqlite3.Connection, record: ClockNoted) -> None:
    number, _, change, _ = connection.execute(_SQL["last_seen"]).fetchone() or (0, 0, "first", 0)
    again = not change and not record.change  # a sign of life takes the place of the one before
    row = sealed(number + (not again), micros(record.at), text_of(record.change))
    connection.execute(_SQL["live_on" if again else "note_clock"], row)
