"""Bar 30: a hundred thousand runs and a gigabyte of stored output go, while others are decided.

The home is made once: real rows with attempts, history and chains, and output that does not press.  Each round cleans
up a copy, with a journal whose commits are timed all the while.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from zlib import crc32

from polysync.clock import SystemClock
from polysync.daemon.pruner import Order, Pruner
from polysync.domain.effects import Record, RunCreated, RunMoved
from polysync.domain.rows import Run
from polysync.domain.run import State
from polysync.domain.settings import Configuration
from polysync.domain.task import Task
from polysync.domain.values import Trigger
from polysync.home import Home
from polysync.store.database import JOURNAL, open_database
from polysync.store.journal import SqliteJournal, open_journal
from polysync.store.ledger import Ledger
from polysync.store.lines import sealed
from polysync.store.logs import LogBook, open_logs
from polysync.store.sql import statements
from tests.bench.bars import Bar, Family, Figures, percentile
from tests.bench.store_steps import BEGAN, TASKS, steps

RUNS: Final = 100_000
OUTPUT: Final = 1 << 30
PIECE: Final = 64 << 10  # bytes of a stored piece: what 256 KiB of lines press to
TOGETHER: Final = 200  # runs whose history is interleaved
EVERY: Final = 0.005  # seconds between two decisions
CALM: Final = 3.0  # seconds of decisions without a clean-up, for comparison
KEPT: Final = 1  # runs of each task
CONFIGURATION: Final = Configuration(
    tasks={f"task-{number}": Task(name=f"task-{number}", keep_runs=KEPT) for number in range(TASKS)}
)


@contextmanager
def full() -> Iterator[Callable[[], Figures]]:
    """A home that is full, and rounds over copies of it."""
    with TemporaryDirectory(prefix="polysync-bench-") as name:
        made = Path(name) / "made"
        made.mkdir()
        make(Home(made))

        def once() -> Figures:
            home = Path(name) / "home"
            shutil.copytree(made, home)
            try:
                return asyncio.run(cleaned(Home(home)))
            finally:
                shutil.rmtree(home)

        yield once


async def cleaned(home: Home) -> Figures:
    """Milliseconds of a commit without and with a clean-up beside it, and bytes before and after."""
    clock = SystemClock()
    journal = open_journal(home, clock)
    await journal.home_word()
    logs = await LogBook.open(home.logs)
    pruner = Pruner(journal, logs, home, clock, lambda _: False)
    before = _bytes(home)
    try:
        calm = await decided(journal, RUNS + 1, _pass(CALM))
        began = time.perf_counter()
        order = Order(
            configuration=CONFIGURATION, now=BEGAN + timedelta(days=3), free=lambda: 1 << 40, low=False, dry=False
        )
        busy = await decided(journal, RUNS + 100_000, pruner.clean_up(order))
        took = time.perf_counter() - began
    finally:
        await logs.close()
        await journal.close()
    return {
        "calm": percentile(calm, 0.99),
        "commit": percentile(busy, 0.99),
        "longest": max(busy),
        "took": took,
        "before": before,
        "left": _bytes(home),
    }


async def decided(journal: SqliteJournal, number: int, beside: Coroutine[Any, Any, object]) -> list[float]:
    """The milliseconds of each commit while something else is done: a run is made and ended, again and again."""
    over, times = asyncio.Event(), list[float]()

    async def work() -> None:
        try:
            await beside
        finally:
            over.set()

    async def decide() -> None:
        run_id = number
        while not over.is_set():
            run_id += 1
            began = time.perf_counter()
            await journal.commit(_short(run_id))
            times.append((time.perf_counter() - began) * 1000)
            await _pass(EVERY)

    await asyncio.gather(work(), decide())
    return times


async def _pass(seconds: float) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    await over.wait()


def _short(number: int) -> list[Record]:
    at = BEGAN + timedelta(days=3)
    run = Run(
        id=number,
        uid=f"{number:032x}",
        task="firing",
        state=State.QUEUED,
        trigger=Trigger.MANUAL,
        created_at=at,
        available_at=at,
        correlation_id=f"{number:032x}",
    )
    return [RunCreated(run), RunMoved(number, at, State.QUEUED, State.CANCELLED, None, "me", {"ended_at": at})]


def make(home: Home, runs: int = RUNS, output: int = OUTPUT) -> None:
    """A home with so many runs that are over, and so many bytes of output, the same of each."""
    ledger = Ledger()
    with closing(open_database(home.database, JOURNAL, snapshots=home.snapshots)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        for first in range(1, runs + 1, TOGETHER):
            lives = [steps(number) for number in range(first, min(first + TOGETHER, runs + 1))]
            while lives:
                lives = [life for life in lives if _step(ledger, connection, life)]
            ledger.flush(connection)
        connection.execute("COMMIT")
    with closing(open_logs(home.logs, snapshots=home.snapshots)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.executemany(statements("logs")["insert"], _pieces(runs, output))
        connection.execute("COMMIT")


def _step(ledger: Ledger, connection: sqlite3.Connection, life: Iterator[list[Record]]) -> bool:
    step = next(life, None)
    if step is not None:
        ledger.commit(connection, step, ())
    return step is not None


def _pieces(runs: int, output: int) -> Iterator[tuple[object, ...]]:
    data = os.urandom(PIECE)
    digest, many = crc32(data), output // PIECE
    for number in range(1, many + 1):
        run_id = 1 + (number - 1) * runs // many
        yield (*sealed(number, run_id, 1, 0, 0, PIECE, data.count(b"\n"), 0, 0, digest), data)


def _bytes(home: Home) -> float:
    total = 0
    for path in home.path.glob("*.db*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return float(total)


FAMILIES: Final = (
    Family(
        "pruning",
        (
            Bar(
                30,
                "pruning 100,000 runs and 1 GB of logs: a commit beside it, p99",
                "",
                "commit",
                at_most=50,
                unit="ms",
                control="calm",
                control_at_most=50,
            ),
            Bar(30, "and the bytes that are left of the databases", "before", "left", "before", at_most=0.1),
        ),
        full,
    ),
)
