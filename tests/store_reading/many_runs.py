"""A home with a great many runs, made fast: real rows with real checksums, written in one go."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from polysync.domain.rows import Run
from polysync.domain.run import FINAL, State
from polysync.domain.values import Outcome, Trigger
from polysync.store.codec import micros
from polysync.store.database import JOURNAL, open_database
from polysync.store.lines import checksum
from polysync.store.rows import RUN
from polysync.store.sql import statements

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=2.6)  # 33,000 runs a day
OPEN = 300  # of the newest runs
TRIGGERS = (Trigger.CRON,) * 95 + (Trigger.MANUAL,) * 3 + (Trigger.CATCHUP, Trigger.DEPENDENCY)
ENDS = (State.SUCCEEDED,) * 90 + (State.FAILED,) * 5 + (State.SKIPPED,) * 3 + (State.TIMEOUT, State.CANCELLED)
STANDING = (State.QUEUED, State.RUNNING, State.WAITING)


def make_many(path: Path, runs: int, *, tasks: int = 2_000, seed: int = 1, open_runs: int = OPEN) -> None:
    """A database with so many runs of so many tasks; one in fifty has an external id, all have a tag."""
    connection = open_database(path, JOURNAL, snapshots=path.parent / "snapshots")
    try:
        for pragma in ("synchronous = OFF", "foreign_keys = OFF", "cache_size = -200000"):
            connection.execute(f"PRAGMA {pragma}")
        with_indexes_later(connection, rows(runs, tasks, seed, open_runs))
    finally:
        connection.close()


def with_indexes_later(connection: sqlite3.Connection, made: Iterator[tuple[Any, ...]]) -> None:
    """Fill the tables first: an index that is built at the end costs a third."""
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    connection.execute("BEGIN IMMEDIATE")
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    connection.executemany(statements("journal")["create_run"], made)
    connection.execute(
        "INSERT INTO run_tags SELECT 'team', json_extract(doc, '$.tags.team'), id FROM runs ORDER BY 2, 3"
    )
    connection.execute(
        "INSERT INTO tasks (task, last_run, slot_run, checksum)"
        " SELECT task, max(id), max(iif(slot, id, NULL)), 0 FROM runs GROUP BY task"
    )
    tasks = connection.execute("SELECT task, last_run, slot_run, doc FROM tasks").fetchall()
    connection.executemany("UPDATE tasks SET checksum = ? WHERE task = ?", [(checksum(row), row[0]) for row in tasks])
    for _, text in indexes:
        connection.execute(text)
    connection.execute("COMMIT")


def rows(runs: int, tasks: int, seed: int, open_runs: int) -> Iterator[tuple[Any, ...]]:
    """Rows as `run_row` makes them; runs of one task share their document, which is what takes long."""
    chance = Random(seed)
    docs = [document(number) for number in range(tasks)]
    began, every = micros(BEGAN), EVERY // timedelta(microseconds=1)
    for run_id in range(1, runs + 1):
        number, at = chance.randrange(tasks), began + run_id * every
        state = chance.choice(ENDS if run_id <= runs - open_runs else STANDING)
        ended = at + 5_000_000 if state in FINAL else None
        trigger = chance.choice(TRIGGERS)
        slot = at if trigger is Trigger.CRON else None
        row = (
            *(run_id, f"task-{number:05d}", state.value, trigger.value, slot, at, at, at + 100_000, ended, None, 0),
            *(f"{chance.getrandbits(128):032x}", None, f"job-{run_id}" if run_id % 50 == 0 else None, docs[number]),
        )
        yield (*row, checksum(row))


def document(number: int) -> str:
    """What is not a column of a typical run."""
    return RUN.document(
        Run(
            id=0,
            uid=f"{number:032x}",
            task="",
            state=State.SUCCEEDED,
            trigger=Trigger.CRON,
            created_at=BEGAN,
            available_at=BEGAN,
            labels=("2026-01-01T00:00",),
            attempt=1,
            outcome=Outcome.SUCCEEDED,
            exit_code=0,
            platform="local",
            definition="d" * 64,
            parameters={"day": "2026-01-01", "retries": 3},
            tags={"team": f"team-{number % 10}"},
        )
    )
