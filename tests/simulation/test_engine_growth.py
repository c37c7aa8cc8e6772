"""What the engine remembers is bounded by what is going on, never by how long it has been going on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from types import FrameType
from typing import Any

import pytest

from polysync.domain import inputs as ins
from polysync.domain.effects import Effect, RunCreated, StartAttempt
from polysync.domain.engine import Engine
from polysync.domain.firing import CROWDED_AGENDA
from polysync.domain.outcome import Exit
from polysync.domain.rows import Snapshot
from polysync.domain.settings import Calendar, Configuration, Daemon
from polysync.domain.task import Approval, Edge, Task
from polysync.domain.timers import FEW
from polysync.domain.values import Overlap
from polysync.testing import SimClock
from tests.faults import fault
from tests.simulation.story import MINUTE, NOON, a_task, rows, story, submit

DAY = timedelta(days=1)


def test_timers_of_runs_that_are_over_do_not_pile_up() -> None:
    month = 30 * DAY
    patient: dict[str, Any] = {"timeout": month, "max_duration": month, "stale_after": month, "expires_after": month}
    task = a_task(cron=("* * * * *",), **patient, must_start_by=month, warn_after=month)
    simulator = story(task, minutes=0.5)
    simulator.run_for(DAY / 2)
    assert simulator.engine is not None
    assert len(rows(simulator)) == 720
    assert simulator.engine.sizes()["timers"] <= FEW + 10


def test_timers_of_an_attempt_and_of_a_pause_survive_the_sweeps_around_them() -> None:
    busy = a_task("busy", cron=("* * * * *",), timeout=30 * DAY, warn_after=30 * DAY, expires_after=30 * DAY)
    simulator = story(busy, a_task(timeout=700 * MINUTE, retry_attempts=1, retry_delay=DAY), minutes=0.5)
    simulator.adapter.script = lambda run, _attempt: (DAY if run.task == "work" else MINUTE / 2, Exit(code=0))
    simulator.tell(ins.Submit(task="work"))
    simulator.tell(ins.Pause("work", until=NOON + 698 * MINUTE))
    simulator.run_for(699 * MINUTE)
    assert rows(simulator) == ["manual: running"]
    assert not simulator.journal.tasks["work"].paused
    simulator.run_for(2 * MINUTE)
    assert rows(simulator) == ["manual: retrying"]


def test_plans_that_are_made_again_and_again_do_not_pile_up() -> None:
    simulator = story(a_task(cron=("0 3 * * *",)))
    for _ in range(3 * CROWDED_AGENDA):
        simulator.tell(ins.Resume("work", "asked"))
    assert simulator.engine is not None
    assert simulator.engine.sizes()["agenda"] <= CROWDED_AGENDA + 2


def test_definitions_that_nobody_needs_are_forgotten_at_a_reload() -> None:
    simulator = story(a_task(), minutes=600)
    simulator.tell(ins.Submit(task="work"))
    for priority in range(20):
        changed = {"work": a_task(priority=priority, max_concurrent=2)}
        simulator.reload(Configuration(tasks=changed))
    simulator.tell(ins.Submit(task="work"))
    assert simulator.engine is not None
    assert simulator.engine.sizes()["definitions"] == 2


def many(count: int) -> tuple[Engine, SimClock]:
    """An engine with so many tasks, all due in half an hour."""
    tasks = {f"t{number}": a_task(f"t{number}", cron=("0 * * * *",)) for number in range(count)}
    configuration = Configuration(tasks=tasks, daemon=Daemon(max_running=64))
    engine, clock = Engine(), SimClock(NOON + 30 * MINUTE)
    engine.handle(ins.Start(configuration, Snapshot(), "boot-1", "home"), clock.read())
    return engine, clock


def everything(engine: Engine, clock: SimClock) -> list[Effect]:
    """What follows from time having passed, call after call until nothing is due."""
    effects = engine.handle(ins.Tick(), clock.read())
    while engine.due_in() == timedelta(0):
        effects += engine.handle(ins.Tick(), clock.read())
    return effects


def calls(act: Callable[[], object]) -> int:
    """How many functions are called by `act`: work that can be counted where time must not be."""
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


@fault("F37")
def test_thousands_of_tasks_due_in_one_minute_start_as_far_as_there_is_room() -> None:
    engine, clock = many(2000)
    clock.advance(30 * MINUTE)
    effects = everything(engine, clock)
    created = [effect.run for effect in effects if isinstance(effect, RunCreated)]
    started = [effect.run.id for effect in effects if isinstance(effect, StartAttempt)]
    assert len(created) == 2000
    assert started == [run.id for run in created][:64]
    assert engine.sizes()["line"] == 2000 - 64
    assert engine.handle(ins.Tick(), clock.read()) == []


def test_work_for_slots_due_at_once_grows_with_their_number_and_no_faster() -> None:
    def work(count: int) -> int:
        engine, clock = many(count)
        clock.advance(30 * MINUTE)
        return calls(partial(everything, engine, clock))

    work(10)  # what is compiled once is compiled
    assert work(800) < 2.2 * work(400)


@fault("F36")
def test_work_for_one_exit_does_not_grow_with_the_queue() -> None:
    def work(count: int) -> int:
        engine, clock = many(count)
        clock.advance(30 * MINUTE)
        everything(engine, clock)
        over = ins.AttemptExited(1, 1, Exit(code=0))
        return calls(partial(engine.handle, over, clock.advance(MINUTE)))

    assert work(800) < work(200) + 50


def flood(task: Task, pending: int) -> int:
    """The work for one more request beside so many runs of the same task that wait."""
    engine, clock = Engine(), SimClock(NOON)
    configuration = Configuration(tasks={task.name: task})
    engine.handle(ins.Start(configuration, Snapshot(), "boot-1", "home"), clock.read())
    for number in range(pending + 1):  # one of them runs
        engine.handle(ins.Submit(task=task.name, key=str(number)), clock.read())
    everything(engine, clock)
    assert engine.sizes()["runs"] == pending + 1
    return calls(partial(engine.handle, ins.Submit(task=task.name, key="more"), clock.read()))


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"on_overlap": Overlap.TERMINATE},
        {"start_after": DAY},
        {"approval": Approval(before=True)},
        {"depends_on": (Edge(task="work"),), "depends_trigger": False},
    ],
    ids=("queued", "terminating", "scheduled", "awaiting approval", "awaiting another task"),
)
def test_work_for_one_request_does_not_grow_with_those_that_wait(keys: dict[str, Any]) -> None:
    task = a_task(queue_max=5000, **keys)
    flood(task, 3)  # what is compiled once is compiled
    assert flood(task, 600) < flood(task, 50) + 20


def test_run_whose_task_is_full_has_nobody_looked_at_again() -> None:
    simulator = story(a_task(), a_task("other", locks=("door",)), a_task("holder", locks=("door",)), minutes=10)
    submit(simulator, "holder")
    for _ in range(5):
        submit(simulator, "other")
        submit(simulator)
    simulator.run_for(timedelta(seconds=2))
    assert rows(simulator) == ["manual: running", *["manual: queued"] * 4]
    simulator.run_for(60 * MINUTE)
    assert rows(simulator)[:5] == ["manual: succeeded"] * 5
    assert rows(simulator, "other") == ["manual: succeeded"] * 5


def test_schedule_is_remembered_in_few_words_however_many_days_its_calendar_has() -> None:
    day = NOON.date()
    dates = tuple((day + number * DAY).isoformat() for number in range(2000))
    task = a_task(cron=("0 3 * * *",), skip_on=("closed",), timezone="Europe/Paris")
    remembered = []
    for calendar in (Calendar(name="closed", dates=dates), Calendar(name="closed", dates=dates[1:])):
        simulator = story(task, calendars={"closed": calendar})
        remembered.append(simulator.journal.tasks["work"].schedule)
    assert all(len(text) < 300 for text in remembered)
    assert remembered[0] != remembered[1]
