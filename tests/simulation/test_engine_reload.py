"""What another configuration does to schedules, to runs in flight, and to those that never started."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from polysync.domain import inputs as ins
from polysync.domain.approvals import Decision
from polysync.domain.effects import ClockNoted, EventName
from polysync.domain.engine import Engine
from polysync.domain.inputs import Start
from polysync.domain.outcome import Exit
from polysync.domain.ringing import ring
from polysync.domain.rows import Run, Snapshot
from polysync.domain.run import Move, State
from polysync.domain.settings import Calendar, Configuration, Platform, Profile
from polysync.domain.taking_up import take_up
from polysync.domain.task import Approval, Edge, Job, Task
from polysync.domain.timers import Due, Timer
from polysync.domain.values import Mode, OnExceed, ProfileType, Reading, Trigger
from polysync.domain.world import World, create
from tests.simulation.simulator import Simulator
from tests.simulation.story import MINUTE, NOON, a_task, events, rows, story, submit

HOUR = timedelta(hours=1)
HOURLY: dict[str, Any] = {"cron": ("0 * * * *",)}


def edit(simulator: Simulator, *tasks: Task, **settings: Any) -> None:
    """Reload with these tasks instead of the ones before."""
    table = {task.name: task for task in tasks}
    simulator.reload(replace(simulator.configuration, tasks=table, **settings))


def test_new_task_starts_from_now() -> None:
    simulator = story(a_task("other"))
    simulator.run_for(HOUR)
    edit(simulator, a_task("other"), a_task(**HOURLY))
    simulator.run_for(HOUR + 5 * MINUTE)
    assert rows(simulator) == ["cron 14:00: succeeded"]
    assert events(simulator).count(EventName.CONFIG_RELOADED) == 1


def test_change_that_is_not_of_the_schedule_moves_no_slot() -> None:
    simulator = story(a_task(cron=("@every 50m",)))
    simulator.run_for(30 * MINUTE)
    edit(simulator, a_task(cron=("@every 50m",), priority=5))
    simulator.run_for(25 * MINUTE)
    assert rows(simulator) == ["cron 12:50: succeeded"]


def test_task_that_comes_back_catches_nothing_up() -> None:
    simulator = story(a_task(**HOURLY), a_task("other"), wall=NOON + MINUTE)
    edit(simulator, a_task("other"))
    simulator.run_for(3 * HOUR)
    edit(simulator, a_task("other"), a_task(**HOURLY))
    simulator.run_for(30 * MINUTE)
    assert rows(simulator) == []


def test_task_removed_while_the_daemon_was_down_is_forgotten_too() -> None:
    simulator = story(a_task(**HOURLY), a_task("other"), wall=NOON + MINUTE)
    whole = simulator.configuration
    simulator.kill()
    simulator.configuration = replace(whole, tasks={"other": whole.tasks["other"]})
    simulator.boot()
    simulator.run_for(3 * HOUR)
    simulator.kill()
    simulator.configuration = whole
    simulator.boot()
    assert rows(simulator) == []


def test_running_and_retrying_runs_of_a_removed_task_end_under_their_definition() -> None:
    simulator = story(a_task(retry_attempts=1, retry_delay=MINUTE), a_task("other"))
    simulator.adapter.script = lambda _run, attempt: (10 * MINUTE, Exit(code=1 if attempt.number == 1 else 0))
    submit(simulator)
    edit(simulator, a_task("other"))
    simulator.run_for(15 * MINUTE)
    simulator.kill()
    simulator.boot()
    simulator.run_for(15 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"]


def test_runs_that_never_started_end_with_their_task() -> None:
    simulator = story(a_task(), a_task("other"), minutes=30)
    submit(simulator)
    submit(simulator)
    submit(simulator, hold=True)
    edit(simulator, a_task("other"))
    simulator.run_for(HOUR)
    assert rows(simulator) == ["manual: succeeded", "manual: skipped/removed", "manual: skipped/removed"]


def test_queued_runs_of_a_disabled_task_stay_only_where_a_person_made_them() -> None:
    simulator = story(a_task(**HOURLY), minutes=90, wall=NOON + 59 * MINUTE)
    simulator.run_for(2 * MINUTE)
    submit(simulator)
    simulator.run_for(HOUR)
    edit(simulator, a_task(**HOURLY, enabled=False))
    simulator.run_for(4 * HOUR)
    assert rows(simulator) == [
        "cron 13:00: succeeded",
        "manual: succeeded",
        "cron 14:00: skipped/disabled",
        "cron 15:00 x4: skipped/disabled",
    ]


def test_template_never_fires() -> None:
    simulator = story(a_task(**HOURLY))
    edit(simulator, a_task(**HOURLY, mode=Mode.TEMPLATE))
    simulator.run_for(3 * HOUR)
    assert rows(simulator) == []


def test_changed_calendar_or_zone_starts_the_schedule_from_now() -> None:
    closed = Calendar(name="closed", weekdays=(2,))
    task = a_task(**HOURLY, skip_on=("closed",))
    simulator = story(task, wall=NOON + MINUTE, calendars={"closed": closed})
    simulator.run_for(HOUR)
    edit(simulator, task, calendars={"closed": replace(closed, weekdays=(3,))})
    simulator.run_for(HOUR + 5 * MINUTE)
    simulator.reload(replace(simulator.configuration, zone="Asia/Kathmandu"))
    simulator.run_for(30 * MINUTE)
    assert rows(simulator) == [
        "cron 13:00: skipped/calendar",
        "cron 14:00: succeeded",
        "cron 14:15: succeeded",
    ]


def test_waiting_run_whose_dependencies_were_taken_away_goes_on() -> None:
    simulator = story(a_task("up"), a_task(depends_on=(Edge(task="up"),), depends_trigger=False))
    submit(simulator)
    edit(simulator, a_task("up"), a_task())
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"]


def test_queued_run_takes_the_new_definition_when_it_starts() -> None:
    simulator = story(a_task(), minutes=30)
    submit(simulator)
    queued = submit(simulator)
    edit(simulator, a_task(timeout=MINUTE))
    simulator.run_for(HOUR)
    assert rows(simulator) == ["manual: succeeded", "manual: timeout/timeout"]
    assert simulator.journal.runs[queued].definition != simulator.journal.runs[queued - 1].definition


def test_run_after_its_platform_or_job_changed_has_another_definition() -> None:
    lake, job = Platform(name="lake", type="slurm"), Job(name="etl", platform="lake")
    simulator = story(a_task(job="etl"), platforms={"lake": lake}, jobs={"etl": job})
    numbers = [submit(simulator)]
    for changed in (
        replace(simulator.configuration, platforms={"lake": replace(lake, labels={"gpu": True})}),
        replace(simulator.configuration, jobs={"etl": replace(job, title="Sales")}),
        replace(simulator.configuration, jobs={"etl": replace(job, title="Sales")}),
    ):
        simulator.run_for(5 * MINUTE)
        simulator.reload(changed)
        numbers.append(submit(simulator))
    hashes = [simulator.journal.runs[number].definition for number in numbers]
    assert len(set(hashes)) == 3
    assert hashes[2] == hashes[3]


def test_deferred_run_does_not_pass_its_gates_again() -> None:
    rate = Profile(name="rate", type=ProfileType.RATE, limit=1, window=HOUR, on_exceed=OnExceed.DEFER)
    ask = Approval(before=True, ttl=10 * HOUR)
    simulator = story(a_task(contention=("rate",), approval=ask, max_concurrent=5), contention={"rate": rate})
    for number in (submit(simulator), submit(simulator)):
        simulator.tell(ins.Decide(number, Decision.APPROVE, "asked"))
    simulator.kill()
    simulator.boot()
    simulator.run_for(2 * HOUR)
    assert rows(simulator) == ["manual: succeeded"] * 2


def test_alerts_still_to_come_survive_a_restart() -> None:
    late = a_task("late", **HOURLY, must_start_by=30 * MINUTE, start_after=50 * MINUTE)
    long = a_task("long", warn_after=30 * MINUTE)
    simulator = story(late, long, minutes=60, wall=NOON + 59 * MINUTE)
    submit(simulator, "long")
    simulator.run_for(2 * MINUTE)
    simulator.kill()
    simulator.boot()
    simulator.run_for(40 * MINUTE)
    assert events(simulator).count(EventName.RUN_LATE) == 1
    assert events(simulator).count(EventName.RUN_LONG) == 1


def test_approval_still_to_come_survives_a_restart() -> None:
    simulator = story(a_task(approval=Approval(before=True, ttl=10 * MINUTE)))
    submit(simulator)
    simulator.kill()
    simulator.boot()
    simulator.run_for(11 * MINUTE)
    assert rows(simulator) == ["manual: failed/approval_expired"]


def test_wait_is_not_longer_than_it_was_because_the_clock_was_set_back() -> None:
    simulator = story(a_task())
    simulator.run_for(MINUTE)
    simulator.tell(ins.SetDiskLow(low=True))
    submit(simulator)
    simulator.kill()
    simulator.step(-2 * HOUR)
    simulator.boot()
    simulator.run_for(5 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"]


@pytest.mark.parametrize("kind", [kind for kind in Due if kind not in {Due.UNPAUSE, Due.DISPATCH}])
@pytest.mark.parametrize("move", [Move.HOLD, Move.QUEUE, Move.SCHEDULE])
def test_timer_whose_run_has_moved_on_is_ignored(kind: Due, move: Move) -> None:
    task = a_task()
    world = World("home", Configuration(tasks={"work": task}), Reading(NOON, HOUR, HOUR))
    run = create(world, task, move, Trigger.MANUAL, available_at=NOON + HOUR)
    if kind in {Due.READY, Due.RETRY} and run.state is State.QUEUED:
        run.state = State.HELD
    told = len(world.records), len(world.actions)
    if kind is not Due.LATE:
        run.attempt = 7 if kind is Due.EXPIRY else 0
    ring(world, Timer(kind, run.id, attempt=3))
    ring(world, Timer(kind, run.id + 1))
    ring(world, Timer(Due.UNPAUSE, task="work"))
    assert (len(world.records), len(world.actions)) == told


def test_first_start_on_an_empty_journal_needs_nothing() -> None:
    world, start = (
        World("home", Configuration(), Reading(NOON, HOUR, HOUR)),
        Start(Configuration(), Snapshot(), "b", "h"),
    )
    assert take_up(world, start, world.now) is None
    assert Engine().handle(start, world.now) == [ClockNoted(NOON)]


def test_run_copies_do_not_share_changes() -> None:
    run = Run(1, "u", "work", State.QUEUED, Trigger.MANUAL, NOON, NOON)
    other = run.copy()
    other.attempt = 5
    assert run.attempt == 0
