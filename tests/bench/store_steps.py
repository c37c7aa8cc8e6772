"""Bar 17: runs that take five durable steps, fifty at a time, beside the same rows written by awaited aiosqlite.

The peer does what a program does that has no writer of its own: each step is a transaction, awaited, in the same
file, tables and indexes, with the same data; a lock keeps the steps of others out of it.  That its rows are made
beforehand, without JSON, checksums or hashes, is to its advantage.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiosqlite

from polysync.clock import SystemClock
from polysync.domain.effects import AttemptNoted, AttemptOpened, Record, RunCreated, RunMoved, RunNoted, TaskNoted
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import State
from polysync.domain.values import Outcome, Trigger
from polysync.home import Home
from polysync.store.database import JOURNAL, open_database
from polysync.store.journal import open_journal
from polysync.store.ledger import Ledger
from tests.bench.bars import Bar, Family, Figures, Round

RUNS: Final = 2_000
PEER_RUNS: Final = 200
IN_FLIGHT: Final = 50
TASKS: Final = 50
BEGAN: Final = datetime(2026, 6, 10, 12, tzinfo=UTC)
OURS, AWAITED = "polysync", "aiosqlite"
Step = Sequence[tuple[str, tuple[Any, ...]]]  # statements with their values
Life = Callable[[int], Coroutine[Any, Any, None]]


def steps(number: int) -> Iterator[list[Record]]:
    """What the engine wants stored of one run, from its creation to its end."""
    at, task = BEGAN + timedelta(seconds=number), f"task-{number % TASKS}"
    token, handle = f"{number:032x}", {"folder": f"{number}/1", "pid": number, "ticks": 123456, "boot": "b" * 36}
    run = Run(
        id=number,
        uid=token,
        task=task,
        state=State.QUEUED,
        trigger=Trigger.CRON,
        created_at=at,
        available_at=at,
        scheduled_for=at,
        labels=("2026-06-10T12:00",),
        definition="d" * 64,
        parameters={"day": "2026-06-10"},
        correlation_id=token,
        tags={"team": "one"},
    )
    begun = {"attempt": 1, "platform": "local", "started_at": at, "timed_from": at}
    ended = {"outcome": Outcome.SUCCEEDED, "exit_code": 0, "signal": None, "error": ""}
    yield [RunCreated(run), TaskNoted(task, {"anchor": at})]
    yield [
        RunMoved(number, at, State.QUEUED, State.STARTING, None, "engine", begun),
        AttemptOpened(Attempt(number, 1, token, "local", at, "b" * 36)),
    ]
    yield [
        RunMoved(number, at, State.STARTING, State.RUNNING, None, "engine", {}),
        AttemptNoted(number, 1, {"handle": handle, "started_at": at}),
    ]
    yield [RunNoted(number, {"progress": (50, "half of it"), "outputs": {"rows": 17}})]
    yield [
        AttemptNoted(number, 1, {"ended_at": at, **ended}),
        RunMoved(number, at, State.RUNNING, State.SUCCEEDED, None, "engine", {**ended, "ended_at": at}),
        TaskNoted(task, {"last_state": State.SUCCEEDED, "last_success_at": at}),
    ]


async def all_of(life: Life, runs: int) -> float:
    """The seconds until so many runs have lived, some of them at a time."""
    numbers = iter(range(1, runs + 1))

    async def one_after_another() -> None:
        for number in numbers:
            await life(number)

    began = time.perf_counter()
    await asyncio.gather(*[one_after_another() for _ in range(IN_FLIGHT)])
    return (time.perf_counter() - began) / runs


async def ours(folder: Path, runs: int = RUNS) -> float:
    """Seconds per run of our journal."""
    journal = open_journal(Home(folder), SystemClock())
    await journal.home_word()

    async def life(number: int) -> None:
        for records in steps(number):
            await journal.commit(records)

    try:
        return await all_of(life, runs)
    finally:
        await journal.close()


async def awaited(folder: Path, runs: int = PEER_RUNS) -> float:
    """Seconds per run of aiosqlite."""
    path, lived = folder / "peer.db", written(folder, runs)
    open_database(path, JOURNAL, snapshots=folder).close()
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        await connection.execute("PRAGMA synchronous = FULL")
        alone = asyncio.Lock()

        async def life(number: int) -> None:
            for step in lived[number - 1]:
                async with alone:
                    await _in_one_transaction(connection, step)

        return await all_of(life, runs)


async def _in_one_transaction(connection: aiosqlite.Connection, step: Step) -> None:
    if len(step) > 1:
        await connection.execute("BEGIN IMMEDIATE")
    for statement, values in step:
        await connection.execute(statement, values)
    if len(step) > 1:
        await connection.commit()


class Told:
    """A database that also writes down what changes it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.statements: list[tuple[str, tuple[Any, ...]]] = []

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Carry it out; nothing that only reads is written down."""
        if not statement.startswith("SELECT"):
            self.statements.append((statement, values))
        return self._connection.execute(statement, values)

    def executemany(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> sqlite3.Cursor:
        """Carry out one statement for each row, and write them down as many."""
        self.statements += [(statement, row) for row in rows]
        return self._connection.executemany(statement, rows)

    def step(self) -> Step:
        """What was written down since the step before."""
        done, self.statements = self.statements, []
        return done


def written(folder: Path, runs: int) -> list[list[Step]]:
    """The statements that our journal makes of every step, where it is alone with it."""
    ledger = Ledger()
    with closing(open_database(folder / "told.db", JOURNAL, snapshots=folder)) as connection:
        told: Any = Told(connection)
        connection.execute("BEGIN")
        return [[_told(ledger, told, records) for records in steps(number)] for number in range(1, runs + 1)]


def _told(ledger: Ledger, told: Any, records: Sequence[Record]) -> Step:
    ledger.commit(told, records, ())
    ledger.flush(told)
    step: Step = told.step()
    return step


def both() -> Round:
    """Each in a folder of its own, on the disk where temporary files are."""

    def once() -> Figures:
        with TemporaryDirectory() as name:
            one, other = Path(name) / "ours", Path(name) / "theirs"
            one.mkdir()
            other.mkdir()
            return {OURS: asyncio.run(ours(one)), AWAITED: asyncio.run(awaited(other))}

    return once


FAMILIES: Final = (
    Family(
        "steps",
        (Bar(17, "runs of five durable steps, 50 in flight", "awaited aiosqlite", AWAITED, OURS, at_least=6),),
        both,
    ),
)
