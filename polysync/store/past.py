"""What polysync.db knows, as a new engine wants it: read in the thread of the writer, so that nothing is missed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from polysync.domain.contention import RateState
from polysync.domain.graph import EdgeEvent
from polysync.domain.rows import Run, Snapshot
from polysync.store.codec import micros, moment, moment_or_none
from polysync.store.errors import StorageBroken
from polysync.store.rows import EDGE_EVENT, TASK_STATE, attempt_of, definition_of, run_of
from polysync.store.sql import statements

_SQL: Final = statements("journal")


def read_snapshot(connection: sqlite3.Connection) -> Snapshot:
    """Everything a new engine needs but `taken`; a damaged row raises `StorageBroken`, which names it."""
    runs = {run.id: run for run in map(run_of, connection.execute(_SQL["open_runs"]))}
    attempts = map(attempt_of, connection.execute(_SQL["newest_attempts"]))
    seen = connection.execute(_SQL["last_seen"]).fetchone()
    return Snapshot(
        runs=runs,
        ranges={run.task: run for run in map(run_of, connection.execute(_SQL["ranges"]))},
        attempts={attempt.run_id: attempt for attempt in attempts},
        tasks={task: TASK_STATE.load(doc, task=task) for task, doc in connection.execute(_SQL["tasks"])},
        held=_held(connection),
        rates={
            (profile, platform): RateState(int(level), moment(at), int(parts))
            for profile, platform, level, at, parts in connection.execute(_SQL["rates"])
        },
        definitions=_definitions(connection, runs.values()),
        next_id=connection.execute(_SQL["newest_run"]).fetchone()[0] + 1,
        last_seen_at=moment_or_none(seen[0] if seen else None),
    )


def read_taken(connection: sqlite3.Connection, at: datetime) -> Mapping[str, frozenset[datetime]]:
    """The slots that have rows although they lie ahead: after `at`, or after the anchor of their task."""
    taken: dict[str, set[datetime]] = {}
    for task, slot in connection.execute(_SQL["taken_after"], (micros(at),)):
        taken.setdefault(task, set()).add(moment(slot))
    return {task: frozenset(slots) for task, slots in taken.items()}


def _held(connection: sqlite3.Connection) -> dict[str, dict[str, EdgeEvent]]:
    held: dict[str, dict[str, EdgeEvent]] = {}
    for task, upstream, doc in connection.execute(_SQL["held"]):
        held.setdefault(task, {})[upstream] = EDGE_EVENT.load(doc, upstream=upstream)
    return held


def _definitions(connection: sqlite3.Connection, runs: Iterable[Run]) -> dict[str, Any]:
    """The definitions of open runs: to keep one again that is stored already does no harm."""
    found = {}
    for digest in {run.definition for run in runs}:
        row = connection.execute(_SQL["definition"], (digest,)).fetchone()
        if row is None:
            raise StorageBroken(f"the definition {digest!r}, under which an open run was made, is missing")
        found[digest] = definition_of(row[0])
    return found
