"""The clock vectors: what becomes of slots when time itself misbehaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

from polysync.domain import inputs as ins
from polysync.domain.breaker import ALLOWANCE
from polysync.domain.effects import EventName, RunCreated, TakeStock
from polysync.domain.engine import LONGEST_SLEEP, Engine
from polysync.domain.firing import fire_due, plan
from polysync.domain.rows import Snapshot, TaskState
from polysync.domain.schedule import Timetable
from polysync.domain.settings import Configuration
from polysync.domain.values import Catchup, OnStart, Reading
from polysync.domain.world import World
from polysync.testing import SimClock
from tests.faults import fault
from tests.simulation.story import MINUTE, NOON, a_task, events, rows, story

HOUR = timedelta(hours=1)
NIGHT = datetime(2026, 6, 10, 2, tzinfo=UTC)


@fault("F27")
def test_suspend_over_a_slot_gives_one_catchup_run_for_it() -> None:
    simulator = story(a_task(cron=("0 3 * * *",)), wall=NIGHT)
    simulator.suspend(3.5 * HOUR)
    simulator.run_for(HOUR)
    assert rows(simulator) == ["catchup 03:00: succeeded"]
    assert EventName.CLOCK_CHANGED in events(simulator)


@fault("F26")
def test_step_back_after_a_slot_fires_nothing_twice() -> None:
    simulator = story(a_task(cron=("0 3 * * *", "*/10 * * * *")), wall=NIGHT + 55 * MINUTE)
    simulator.run_for(10 * MINUTE)
    simulator.step(-30 * MINUTE)
    simulator.run_for(40 * MINUTE)
    assert rows(simulator) == ["cron 03:00: succeeded", "cron 03:10: succeeded"]


def test_edited_schedule_starts_from_now() -> None:
    simulator = story(a_task(cron=("40 5 * * *",)), wall=NIGHT.replace(hour=7, minute=14))
    simulator.reload(replace(simulator.configuration, tasks={"work": a_task(cron=("50 5 * * *",))}))
    simulator.run_for(12 * HOUR)
    assert rows(simulator) == []
    simulator.run_for(12 * HOUR)
    assert rows(simulator) == ["cron 05:50: succeeded"]


@fault("F30")
def test_stalled_loop_starts_late_and_keeps_the_slot() -> None:
    simulator = story(a_task(cron=("0 3 * * *",)), wall=NIGHT + 59 * MINUTE)
    simulator.clock.advance(3 * MINUTE)
    simulator.tell(ins.Tick())
    simulator.run_for(HOUR)
    assert rows(simulator) == ["cron 03:00: succeeded"]


def test_slot_that_comes_too_late_for_its_deadline_is_left_out() -> None:
    simulator = story(a_task(cron=("0 3 * * *",), start_deadline=2 * MINUTE), wall=NIGHT + 59 * MINUTE)
    simulator.clock.advance(5 * MINUTE)
    simulator.tell(ins.Tick())
    assert rows(simulator) == ["cron 03:00: skipped/deadline"]


def test_slots_of_a_stall_before_a_suspend_are_on_time_and_those_inside_are_missed() -> None:
    simulator = story(a_task(cron=("*/10 * * * *",), catch_up=Catchup.SKIP, max_concurrent=9))
    simulator.clock.advance(25 * MINUTE)
    simulator.suspend(30 * MINUTE)
    simulator.run_for(3 * MINUTE)
    assert rows(simulator) == [
        "cron 12:10: succeeded",
        "cron 12:20: succeeded",
        "catchup 12:30 x3: skipped/missed",
    ]


def test_short_downtime_without_a_slot_leaves_no_row() -> None:
    simulator = story(a_task(cron=("0 3 * * *",)))
    simulator.kill()
    simulator.run_for(5 * MINUTE)
    simulator.boot()
    simulator.run_for(HOUR)
    assert rows(simulator) == []


@fault("F27")
def test_downtime_is_caught_up_as_the_task_says() -> None:
    tasks = [a_task(f"t-{policy}", cron=("0 * * * *",), catch_up=policy, max_catch_up_runs=2) for policy in Catchup]
    simulator = story(*tasks, wall=NOON + MINUTE)
    simulator.kill()
    simulator.run_for(3.5 * HOUR)
    simulator.boot()
    simulator.run_for(10 * MINUTE)
    assert rows(simulator, "t-latest") == ["catchup 13:00 x2: skipped/missed", "catchup 15:00: succeeded"]
    assert rows(simulator, "t-all") == [
        "catchup 13:00: skipped/missed",
        "catchup 14:00: succeeded",
        "catchup 15:00: succeeded",
    ]
    assert rows(simulator, "t-skip") == ["catchup 13:00 x3: skipped/missed"]


def test_start_that_dies_before_its_first_commit_decides_nothing() -> None:
    simulator = story(a_task(cron=("0 * * * *",)), wall=NOON + MINUTE)
    simulator.kill()
    simulator.run_for(2 * HOUR)
    simulator.fuse = 0
    simulator.boot()
    assert rows(simulator) == []
    simulator.run_for(HOUR)
    simulator.boot()
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["catchup 13:00 x2: skipped/missed", "catchup 15:00: succeeded"]


@fault("F29")
def test_clock_far_in_the_past_at_start_holds_firing_until_it_is_right() -> None:
    simulator = story(a_task(cron=("*/10 * * * *",), catch_up=Catchup.SKIP), wall=NOON + MINUTE)
    simulator.run_for(MINUTE)
    simulator.kill()
    simulator.step(-24 * HOUR)
    simulator.boot()
    simulator.run_for(HOUR)
    assert rows(simulator) == []
    simulator.step(24 * HOUR)
    simulator.run_for(MINUTE)
    assert rows(simulator) == ["catchup 12:10 x6: skipped/missed"]


@fault("F29")
def test_clock_far_in_the_past_at_start_can_be_confirmed() -> None:
    simulator = story(a_task(cron=("*/10 * * * *",)), wall=NOON + MINUTE)
    simulator.run_for(MINUTE)
    simulator.kill()
    simulator.step(-24 * HOUR)
    simulator.boot()
    simulator.tell(ins.ConfirmClock())
    simulator.tell(ins.ConfirmClock())
    simulator.run_for(15 * MINUTE)
    assert rows(simulator) == ["cron 12:10: succeeded"]


@fault("F26")
def test_wrong_future_clock_freezes_no_task() -> None:
    simulator = story(a_task(cron=("0 * * * *",), catch_up=Catchup.SKIP), wall=NOON + MINUTE)
    simulator.step(1000 * HOUR)
    simulator.step(-1000 * HOUR)
    simulator.run_for(2 * HOUR + 10 * MINUTE)
    assert rows(simulator)[1:] == ["cron 14:00: succeeded"]


@fault("F26")
def test_slots_decided_in_the_wrong_time_are_not_decided_again() -> None:
    simulator = story(a_task(cron=("0 * * * *",), catch_up=Catchup.ALL, max_concurrent=9), wall=NOON + MINUTE)
    simulator.step(5 * HOUR)
    simulator.step(-5 * HOUR)
    simulator.step(-10 * MINUTE)
    simulator.run_for(7 * HOUR)
    assert len(rows(simulator)) == len(set(rows(simulator))) == 7


def test_answer_to_an_older_question_about_the_clock_is_not_taken() -> None:
    simulator = story(a_task(cron=("0 * * * *",)), wall=NOON + MINUTE)
    simulator.tell(ins.Taken(NOON, {"work": frozenset({NOON + HOUR})}))
    simulator.run_for(HOUR + 10 * MINUTE)
    assert rows(simulator) == ["cron 13:00: succeeded"]


def test_nothing_fires_before_it_is_known_which_slots_the_wrong_time_took() -> None:
    engine, clock = Engine(), SimClock(NOON)
    tasks = {"work": a_task(cron=("0 11 12 * *",))}
    engine.handle(ins.Start(Configuration(tasks=tasks), Snapshot(), "boot-1", "home"), clock.read())
    engine.handle(ins.Tick(), clock.step(20 * HOUR))
    asked = [effect for effect in engine.handle(ins.Tick(), clock.step(-20 * HOUR)) if isinstance(effect, TakeStock)]
    assert asked == [TakeStock(NOON)]
    assert engine.due_in() is None
    assert engine.handle(ins.Tick(), clock.advance(48 * HOUR)) == []
    effects = engine.handle(ins.Taken(NOON, {}), clock.read())
    assert not any(isinstance(effect, RunCreated) for effect in effects)
    created = [effect for effect in engine.handle(ins.Tick(), clock.read()) if isinstance(effect, RunCreated)]
    assert [effect.run.scheduled_for for effect in created] == [NOON + 47 * HOUR]


@fault("F26")
def test_leftover_anchor_of_a_wrong_clock_is_mended_at_start() -> None:
    simulator = story(a_task(cron=("0 * * * *",)), wall=NOON + MINUTE)
    simulator.run_for(MINUTE)
    simulator.kill()
    simulator.journal.tasks["work"].anchor = NOON + 900 * HOUR
    simulator.boot()
    simulator.run_for(HOUR)
    assert rows(simulator) == ["cron 13:00: succeeded"]


def test_driver_looks_at_the_clock_at_least_every_thirty_seconds() -> None:
    engine = Engine()
    assert engine.due_in() is None
    assert engine.sleep() == LONGEST_SLEEP
    simulator = story(a_task(cron=("* * * * *",)), wall=NOON + timedelta(seconds=50))
    assert simulator.engine is not None
    assert simulator.engine.sleep() == timedelta(seconds=10)
    assert simulator.engine.next_slots() == {"work": NOON + MINUTE}


def test_every_keeps_its_anchor_over_a_restart() -> None:
    simulator = story(a_task(cron=("@every 25m",)))
    simulator.run_for(30 * MINUTE)
    simulator.kill()
    simulator.run_for(2 * MINUTE)
    simulator.boot()
    simulator.run_for(30 * MINUTE)
    assert rows(simulator) == ["cron 12:25: succeeded", "cron 12:50: succeeded"]


def test_run_on_start_runs_at_each_start_or_once_per_boot() -> None:
    simulator = story(
        a_task("always", run_on_start=OnStart.DAEMON),
        a_task("boot", run_on_start=OnStart.BOOT),
        a_task("off", run_on_start=OnStart.BOOT, enabled=False),
    )
    simulator.run_for(5 * MINUTE)
    simulator.kill()
    simulator.boot()
    simulator.run_for(5 * MINUTE)
    assert rows(simulator, "always") == ["startup: succeeded"] * 2
    assert rows(simulator, "boot") == ["startup: succeeded"]
    assert rows(simulator, "off") == []


class Runaway:
    """A timetable with the worst of bugs: it is due every second and says that its step is an hour."""

    smallest_step = HOUR

    def next_at(self, after: datetime) -> datetime:
        return after + timedelta(seconds=1)

    def instants(self, after: datetime, until: datetime) -> Iterator[datetime]:
        while (after := self.next_at(after)) <= until:
            yield after

    def previous_at(self, before: datetime) -> datetime:
        return before - timedelta(seconds=1)

    def excludes(self, _at: datetime) -> bool:
        return False

    def labels(self, _at: datetime) -> tuple[str, ...]:
        return ()


def test_breaker_stops_a_schedule_that_starts_more_often_than_it_can() -> None:
    task = a_task(cron=("0 * * * *",))
    now = Reading(NOON, HOUR, HOUR)
    world = World("home", Configuration(tasks={"work": task}), now, timetables={"work": cast("Timetable", Runaway())})
    world.tasks["work"] = TaskState("work", anchor=NOON - MINUTE)
    plan(world, "work")
    fire_due(world)
    assert len(world.runs) == ALLOWANCE
    assert world.tasks["work"].tripped
    assert "work" not in world.next_at
    assert EventName.CONFIG_ERROR in [event.name for event in world.events]


def test_breaker_stops_one_that_runs_away_slot_by_slot() -> None:
    task = a_task(cron=("0 * * * *",))
    start = Reading(NOON, HOUR, HOUR)
    world = World("home", Configuration(tasks={"work": task}), start, timetables={"work": cast("Timetable", Runaway())})
    world.tasks["work"] = TaskState("work", anchor=NOON)
    plan(world, "work")
    for seconds in range(1, 10):
        world.now = replace(start, wall=NOON + timedelta(seconds=seconds))
        fire_due(world)
    assert len(world.runs) == ALLOWANCE
    assert "work" not in world.next_at
