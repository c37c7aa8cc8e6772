"""Homes for the tests of retention: runs that ended, with all that belongs to them, and what is left of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

from polysync.domain.effects import AttemptOpened, Record, RunCreated, RunMoved, TaskNoted
from polysync.domain.retention import Rule
from polysync.domain.rows import Attempt
from polysync.domain.run import State
from polysync.home import Home
from polysync.store.check import check_file, full_check_of_logs
from polysync.store.codec import micros
from polysync.store.journal import SqliteJournal
from polysync.store.lines import sealed
from polysync.store.log_schema import LOGS
from polysync.store.logs import open_logs
from polysync.store.pruning import remove_runs
from polysync.store.retention import Going, Survey
from polysync.store.sql import statements
from tests.store.inline import KEPT, NOON, a_run

PIECE = b"a line of output\n" * 200


def lived(
    number: int, *, ended_at: datetime = NOON, tried: bool = True, end: State = State.CANCELLED, **keys: Any
) -> list[Record]:
    """A run from its creation to its end."""
    run = a_run(number, tags={"team": "one"}, **keys)
    records: list[Record] = [KEPT, RunCreated(run), TaskNoted(run.task, {"anchor": NOON})]
    state = State.QUEUED
    if tried:
        attempt = Attempt(number, 1, f"{number:032x}", "local", NOON)
        records += [
            RunMoved(number, NOON, state, State.STARTING, None, "engine", {"attempt": 1}),
            AttemptOpened(attempt),
        ]
        state = State.STARTING
        if end in {State.SUCCEEDED, State.FAILED, State.DEAD}:
            records.append(RunMoved(number, NOON, state, State.RUNNING, None, "engine", {}))
            state = State.RUNNING
    return [*records, RunMoved(number, NOON, state, end, None, "engine", {"ended_at": ended_at})]


def put_out(home: Home, runs: Iterable[int], pieces: int = 1) -> None:
    """Stored output of these runs."""
    with closing(open_logs(home.logs, snapshots=home.snapshots)) as connection:
        (number,) = connection.execute(statements("logs")["newest"]).fetchone()
        connection.execute("BEGIN")
        for run_id in runs:
            for place in range(pieces):
                number += 1
                row = sealed(number, run_id, 1, 0, place * len(PIECE), len(PIECE), 200, 0, 0, crc32(PIECE))
                connection.execute(statements("logs")["insert"], (*row, PIECE))
        connection.execute("COMMIT")


def everything_is_sound(home: Home) -> bool:
    """Whether a full check of both databases finds nothing."""
    found = check_file(home.database)
    if home.logs.exists():
        found += check_file(home.logs, LOGS, full_check_of_logs)
    if found:
        raise AssertionError("; ".join(map(str, found)))
    return True


def count(home: Home, what: str, database: Path | None = None) -> Any:
    """One value out of a database of a home."""
    with closing(sqlite3.connect(database or home.database)) as connection:
        return connection.execute(f"SELECT {what}").fetchone()[0]


def going(home: Home, rule: Rule, now: datetime = NOON + timedelta(days=1)) -> Sequence[Going]:
    """What one rule for all tasks lets go of."""
    if not home.logs.exists():
        put_out(home, ())
    with closing(Survey(home.database, home.logs)) as survey:
        return [run for page in survey.going(lambda _: rule, now, survey.needed()) for run in page]


async def removed(journal: SqliteJournal, runs: Sequence[int], *, since: int = 1 << 40) -> list[int]:
    """Which of these runs went."""
    return (await journal.work(partial(remove_runs, runs=runs, since=since, now=micros(NOON)))).runs
