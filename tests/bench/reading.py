"""Bars 18 and 19: what is answered of a million runs, asked as people ask it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from polysync.api.client import Client
from polysync.store.overview import Overview
from tests.bench.bars import Bar, Family, Figures, percentile
from tests.bench.serving import served
from tests.store_reading.many_runs import BEGAN, EVERY, make_many

RUNS: Final = 1_000_000
TASKS: Final = 2_000
ASKED: Final = 100
PAGE: Final = "/api/runs?limit=50"


@contextmanager
def million() -> Iterator[Callable[[], Figures]]:
    """A database of a million runs, and an API over it."""
    with TemporaryDirectory(prefix="polysync-bench-") as name:
        home = Path(name)
        make_many(home / "polysync.db", RUNS, tasks=TASKS)
        chance = Random(18)

        with served(home) as socket, Client(str(socket)) as client:

            def ask(target: str) -> float:
                began = time.perf_counter()
                answer = client.request("GET", target)
                assert answer.status == 200, answer.body
                return (time.perf_counter() - began) * 1000

            def once() -> Figures:
                first = [ask(PAGE) for _ in range(ASKED)]
                deep = [ask(f"{PAGE}&cursor={chance.randrange(1000, RUNS // 2)}") for _ in range(ASKED)]
                task = [ask(f"{PAGE}&task=task-{chance.randrange(TASKS):05d}") for _ in range(ASKED)]
                failed = [ask(f"{PAGE}&state=failed") for _ in range(ASKED)]
                bare = [ask("/api/health") for _ in range(ASKED)]
                return {
                    "page": percentile(first, 0.99),
                    "first": percentile(first, 0.5),
                    "deep": percentile(deep, 0.5),
                    "task": percentile(task, 0.99),
                    "failed": percentile(failed, 0.99),
                    "bare": percentile(bare, 0.999),
                    **asyncio.run(_overview(home / "polysync.db")),
                }

            yield once


async def _overview(path: Path) -> Figures:
    overview = await Overview.open(path)
    day = BEGAN + EVERY * RUNS - timedelta(days=1)
    try:
        last = await _times(overview.last_runs)
        counts = await _times(lambda: overview.counts(day))
    finally:
        await overview.close()
    return {"last": percentile(last, 0.99), "day": percentile(counts, 0.99)}


async def _times(ask: Callable[[], Awaitable[object]]) -> Sequence[float]:
    found = []
    for _ in range(ASKED):
        began = time.perf_counter()
        await ask()
        found.append((time.perf_counter() - began) * 1000)
    return found


def _bar(number: int, what: str, figure: str, most: float) -> Bar:
    return Bar(
        number,
        f"1,000,000 runs: {what}, p99",
        "",
        figure,
        at_most=most,
        unit="ms",
        control="bare",
        control_at_most=most,
    )


FAMILIES: Final = (
    Family(
        "reading",
        (
            _bar(18, "newest page", "page", 5),
            _bar(18, "a task's history", "task", 5),
            _bar(18, "failures", "failed", 5),
            Bar(18, "1,000,000 runs: deep page", "first page", "deep", "first", at_most=1.3),
            _bar(19, "last run of 2,000 tasks", "last", 25),
            _bar(19, "24 h summary", "day", 25),
        ),
        million,
    ),
)
