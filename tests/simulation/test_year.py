"""A year of fifty tasks in seconds: two clock changes, sleeps, steps, crashes between effects, reloads."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from zlib import crc32

import pytest

from polysync.domain.inputs import Tick
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import FINAL, LIVE, Reason, State
from polysync.domain.settings import Configuration, Daemon
from polysync.domain.task import Task
from polysync.domain.values import Catchup, Trigger
from tests.faults import fault
from tests.seeds import seed_of
from tests.simulation.oracle import Expected, Plan, expected, halves, slots
from tests.simulation.simulator import Script, Simulator

BEGIN = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
YEAR = timedelta(days=365)
ZONES = ("Europe/Bratislava", "America/New_York", "Australia/Lord_Howe", "UTC")
POLICIES = (Catchup.LATEST, Catchup.ALL, Catchup.SKIP)
SUCCESS, FAILURE = Exit(code=0), Exit(code=1)
CAP = 6  # slots that `all` catches up in one gap


def year_tasks() -> dict[str, tuple[Task, Plan]]:
    """A task every three hours, sixteen daily ones, and rarer ones, over four zones and three policies."""
    made: dict[str, tuple[Task, Plan]] = {}
    often = Plan(frozenset({7}), frozenset(range(0, 24, 3)), interval=True)
    made["often"] = _task("often", "7 */3 * * *", 1, often)
    for number in range(16):
        hour, minute = (number * 5 + 2) % 24, (number * 17) % 60
        plan = Plan(frozenset({minute}), frozenset({hour}))
        made[f"daily-{number}"] = _task(f"daily-{number}", f"{minute} {hour} * * *", number, plan)
    for number in range(25):
        hour, weekday = (number * 7) % 24, 1 + number % 7
        plan = Plan(frozenset({0}), frozenset({hour}), weekdays=frozenset({weekday}))
        made[f"weekly-{number}"] = _task(f"weekly-{number}", f"0 {hour} * * {weekday}", number, plan)
    night = Plan(frozenset({30}), frozenset({1, 2}))  # inside every clock change of the zones
    for number in range(4):
        made[f"night-{number}"] = _task(f"night-{number}", "30 1,2 * * *", number, night)
    work = Plan(frozenset({15}), frozenset({9}), weekdays=frozenset(range(1, 6)))
    made["workdays"] = _task("workdays", "15 9 * * mon-fri", 0, work)
    first = Plan(frozenset({0}), frozenset({0}), days=frozenset({1}))
    made["monthly"] = _task("monthly", "0 0 1 * *", 1, first)
    steps = Plan(frozenset({30}), frozenset(range(0, 24, 6)), interval=True)
    made["steps"] = _task("steps", "30 */6 * * *", 0, steps)
    leap = Plan(frozenset({0}), frozenset({12}), days=frozenset({31}))
    made["thirty-first"] = _task("thirty-first", "0 12 31 * *", 2, leap)
    return made


def _task(name: str, cron: str, number: int, plan: Plan) -> tuple[Task, Plan]:
    task = Task(
        name=name,
        run="true",
        cron=(cron,),
        timezone=ZONES[number % len(ZONES)],
        catch_up=POLICIES[number % len(POLICIES)],
        max_catch_up_runs=CAP,
        retry_attempts=2,
        retry_delay=timedelta(seconds=30),
        queue_max=10_000,
        max_concurrent=1 + number % 3,
    )
    return task, plan


def lasting(seed: int) -> Script:
    """Work that takes a few minutes, and fails now and then at its first attempt."""

    def script(run: Run, attempt: Attempt) -> tuple[timedelta, Exit]:
        dice = crc32(f"{seed}/{run.task}/{run.id}/{attempt.number}".encode())
        failed = attempt.number == 1 and dice % 20 == 0
        return timedelta(seconds=1 + dice % 600), FAILURE if failed else SUCCESS

    return script


def keeps_its_limits(simulator: Simulator) -> None:
    """No task runs more often at once than it may, and all together no more than the daemon may."""
    live = [run for run in simulator.journal.open.values() if run.state in LIVE]
    assert len(live) <= simulator.configuration.daemon.max_running
    for task, count in Counter(run.task for run in live).items():
        assert count <= simulator.configuration.tasks[task].max_concurrent, task


def disturb(simulator: Simulator, dice: random.Random, tasks: dict[str, Task]) -> None:
    """Spread the year's troubles over it."""

    def somewhen() -> timedelta:
        return timedelta(seconds=dice.randrange(60, int(YEAR.total_seconds()) - 10 * 86_400))

    def hours(most: int) -> timedelta:
        return timedelta(seconds=dice.randrange(1, most * 3600))

    for _ in range(40):
        simulator.at(somewhen(), partial(Simulator.crash_after, effects=dice.randrange(12), down=hours(9)))
    for _ in range(25):
        simulator.at(somewhen(), partial(Simulator.suspend, by=hours(14)))
    for _ in range(8):
        simulator.at(somewhen(), partial(Simulator.step, by=hours(5)))
        simulator.at(somewhen(), partial(Simulator.step, by=-hours(2)))
    for turn in range(12):
        changed = {name: replace(task, priority=turn) for name, task in tasks.items()}
        configuration = replace(simulator.configuration, tasks=changed)
        simulator.at(somewhen(), partial(Simulator.reload, configuration=configuration))


@fault("F28")
@pytest.mark.slow
def test_year_agrees_with_the_oracle() -> None:
    seed = seed_of("year")
    made = year_tasks()
    tasks = {name: task for name, (task, _) in made.items()}
    configuration = Configuration(tasks=tasks, daemon=Daemon(max_running=24), zone="UTC")
    simulator = Simulator(configuration, BEGIN, lasting(seed), after_step=keeps_its_limits)
    disturb(simulator, random.Random(seed), tasks)
    simulator.boot()
    simulator.run_for(YEAR)
    end = settle(simulator)

    assert len(tasks) == 50
    assert simulator.crashes >= 30
    cuts = {zone: halves(zone, BEGIN - timedelta(days=1), end) for zone in ZONES}
    for name, (task, plan) in made.items():
        due = [at for at in slots(plan, cuts[task.timezone or "UTC"]) if BEGIN < at <= end]
        judge(simulator, task, due, name)
    assert_every_run_ended(simulator)


def settle(simulator: Simulator) -> datetime:
    """Let the troubles end, the schedules too, and the work run out; returns when the schedules ended."""
    simulator.events.clear()
    if simulator.engine is None:
        simulator.revive()
    simulator.fuse = None
    simulator.tell(Tick())
    end = simulator.clock.read().wall
    silent = {name: replace(task, cron=()) for name, task in simulator.configuration.tasks.items()}
    simulator.reload(replace(simulator.configuration, tasks=silent))
    simulator.run_for(timedelta(days=2))
    return end


def judge(simulator: Simulator, task: Task, due: list[datetime], name: str) -> None:
    gaps = [(gap.after, gap.until) for gap in simulator.gaps]
    wanted = expected(due, gaps, task.catch_up.value, CAP)
    assert Expected(*accounted(simulator, name, due)) == wanted, name


def accounted(simulator: Simulator, name: str, due: list[datetime]) -> tuple[set[datetime], set[datetime]]:
    """The slots of a task that have a row: those that ran, and those that a row says were missed."""
    ran: set[datetime] = set()
    missed: set[datetime] = set()
    for run in simulator.journal.runs.values():
        if run.task != name or run.scheduled_for is None:
            continue
        if run.state is not State.SKIPPED:
            ran.add(run.scheduled_for)
            continue
        assert run.end_reason is Reason.MISSED
        span = [at for at in due if run.scheduled_for <= at <= (run.last_slot or run.scheduled_for)]
        assert len(span) == run.slots, (name, run.scheduled_for, run.last_slot)
        missed.update(span)
    return ran, missed


def assert_every_run_ended(simulator: Simulator) -> None:
    assert not simulator.journal.open
    assert {run.state for run in simulator.journal.runs.values()} <= FINAL
    triggers = Counter(run.trigger for run in simulator.journal.runs.values())
    assert triggers[Trigger.CRON] > 8_000
    assert triggers[Trigger.CATCHUP] > 100
    assert simulator.journal.attempt_count > len(simulator.journal.runs) - triggers[Trigger.CATCHUP]
