"""What polysync.db knows, as a new engine wants it: read in the thread of the writer, so that nothing is missed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from polysync.domain.contention import RateState
from polysync.domain.graph import EdgeEvent
from polysync.domain.rows import Run, Snapshot
from polysync.store.codec import micros, moment
from polysync.store.definitions import definition_of
from polysync.store.errors import StorageBroken
from polysync.store.lines import verify
from polysync.store.rows import ATTEMPT, EDGE_EVENT, RUN, TASK
from polysync.store.sql import statements

_SQL: Final = statements("journal")


def read_snapshot(connection: sqlite3.Connection) -> Snapshot:
    """Everything a new engine needs but `taken`; a damaged row raises `StorageBroken`, which names it."""
    runs = {run.id: run for run in map(RUN.load, connection.execute(_SQL["open_runs"]))}
    attempts = map(ATTEMPT.load, connection.execute(_SQL["newest_attempts"]))
    tasks = [verify(row, f"task {row[0]}") for row in connection.execute(_SQL["tasks"])]
    return Snapshot(
        runs=runs,
        ranges={run.task: run for run in map(RUN.load, connection.execute(_SQL["ranges"]))},
        attempts={attempt.run_id: attempt for attempt in attempts},
        tasks={row[0]: TASK.shown(row) for row in tasks if row[3] is not None},
        held=_held(connection),
        rates=_rates(connection),
        definitions=_definitions(connection, runs.values()),
        next_id=connection.execute(_SQL["newest_run"]).fetchone()[0] + 1,
        last_seen_at=_last_seen(connection),
    )


def read_taken(connection: sqlite3.Connection, at: datetime) -> Mapping[str, frozenset[datetime]]:
    """The slots that have rows although they lie ahead: after `at`, or after the anchor of their task."""
    taken: dict[str, set[datetime]] = {}
    for task, slot in connection.execute(_SQL["taken_after"], (micros(at),)):
        taken.setdefault(task, set()).add(moment(slot))
    return {task: frozenset(slots) for task, slots in taken.items()}


def _held(connection: sqlite3.Connection) -> dict[str, dict[str, EdgeEvent]]:
    held: dict[str, dict[str, EdgeEvent]] = {}
    for row in connection.execute(_SQL["held"]):
        task, upstream, doc, _ = verify(row, f"what task {row[0]} keeps of {row[1]}")
        held.setdefault(task, {})[upstream] = EDGE_EVENT.load(doc, upstream=upstream)
    return held


def _rates(connection: sqlite3.Connection) -> dict[tuple[str, str], RateState]:
    rates = {}
    for row in connection.execute(_SQL["rates"]):
        profile, platform, level, at, parts, _ = verify(row, f"rate {row[0]} on {row[1]}")
        rates[profile, platform] = RateState(int(level), moment(at), int(parts))
    return rates


def _last_seen(connection: sqlite3.Connection) -> datetime | None:
    row = connection.execute(_SQL["last_seen"]).fetchone()
    return moment(verify(row, f"look {row[0]} at the clock")[1]) if row else None


def _definitions(connection: sqlite3.Connection, runs: Iterable[Run]) -> dict[str, Any]:
    """The definitions of open runs: to keep one again that is stored already does no harm."""

    def kept(name: str) -> str:
        row = connection.execute(_SQL["definition"], (name,)).fetchone()
        if row is None:
            raise StorageBroken(f"the definition {name!r}, under which an open run was made, is missing")
        text: str = verify(row, f"definition {name}")[1]
        return text

    return {digest: definition_of(kept(digest), kept) for digest in {run.definition for run in runs}}
