"""What there was of each task: read once, and read again as soon as a decision has changed it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from polysync.daemon import pasts as under_test
from polysync.daemon.pasts import Pasts
from polysync.domain.effects import RunCreated, RunMoved
from polysync.domain.glances import Glance
from polysync.domain.rows import Run
from polysync.domain.run import State
from polysync.domain.values import Trigger

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


def created(number: int, task: str, state: State = State.QUEUED) -> RunCreated:
    return RunCreated(Run(number, f"{number}", task, state, Trigger.MANUAL, NOON, NOON))


def moved(number: int, state: State) -> RunMoved:
    return RunMoved(number, NOON, State.RUNNING, state, None, "engine", {})


@dataclass
class Stored:
    """An overview of so many runs of every task."""

    runs: int = 1
    asked: list[tuple[str, ...]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    began: asyncio.Event = field(default_factory=asyncio.Event)

    async def last_of(self, tasks: Sequence[str]) -> Mapping[str, Glance]:
        self.asked.append(tuple(tasks))
        self.began.set()
        found = {
            task: Glance(self.runs, task, State.SUCCEEDED, None, NOON, NOON, NOON, Trigger.CRON, 0)
            for task in tasks
            if task != "new"
        }
        if self.gate is not None:
            await self.gate.wait()
        return found

    async def outcomes(self, tasks: Sequence[str], limit: int) -> Mapping[str, Sequence[tuple[int, State]]]:
        newest_first = [(number, State.SUCCEEDED) for number in range(self.runs, 0, -1)]
        return {task: [] if task == "new" else newest_first[:limit] for task in tasks}


async def test_what_is_known_is_not_read_again() -> None:
    stored = Stored(runs=2)
    pasts = Pasts(stored)
    first = await pasts.of(["a", "new"])
    assert first["a"].outcomes == ((1, State.SUCCEEDED), (2, State.SUCCEEDED))
    assert (first["new"].last, first["new"].outcomes) == (None, ())
    assert await pasts.of(["a", "new"]) == first
    assert stored.asked == [("a", "new")]
    assert await pasts.of([]) == {}


async def test_a_run_that_is_made_or_ends_is_news_of_its_task_alone() -> None:
    stored = Stored()
    pasts = Pasts(stored)
    await pasts.of(["a", "b"])
    pasts.settled([created(7, "a")])
    await pasts.of(["a", "b"])
    pasts.settled([moved(7, State.STOPPING)])
    await pasts.of(["a", "b"])
    pasts.settled([moved(7, State.FAILED)])
    await pasts.of(["a", "b"])
    assert stored.asked == [("a", "b"), ("a",), ("a",)]


async def test_the_end_of_a_run_from_before_may_be_news_of_any_task() -> None:
    stored = Stored()
    pasts = Pasts(stored)
    await pasts.of(["a", "b"])
    pasts.settled([moved(3, State.FAILED)])
    await pasts.of(["a", "b"])
    assert len(stored.asked) == 2


async def test_what_changes_while_somebody_reads_is_read_again() -> None:
    for record in (created(7, "a", State.SKIPPED), moved(3, State.FAILED)):
        stored = Stored(gate=asyncio.Event())
        pasts = Pasts(stored)
        await asyncio.gather(pasts.of(["a", "b"]), _change(stored, pasts, record))
        found = await pasts.of(["a", "b"])
        assert found["a"].last is not None
        assert found["a"].last.id == 9


async def _change(stored: Stored, pasts: Pasts, record: RunCreated | RunMoved) -> None:
    """Settle something while somebody reads."""
    await stored.began.wait()
    pasts.settled([record])
    stored.runs = 9
    assert stored.gate is not None
    stored.gate.set()


async def test_only_so_many_tasks_are_kept_and_read_at_once() -> None:
    stored = Stored()
    pasts = Pasts(stored)
    many = [f"t{number}" for number in range(under_test.KEPT)]
    await pasts.of(many)
    assert max(map(len, stored.asked)) == under_test.AT_ONCE
    await pasts.of(["one more"])
    before = len(stored.asked)
    assert len(await pasts.of([*many[:1], "one more"])) == 2
    assert stored.asked[before:] == [("t0",)]
