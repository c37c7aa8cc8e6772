"""A burst is dealt with in slices: none is long, none loses or doubles anything, and all come to the same."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from polysync.domain import inputs as ins
from polysync.domain.effects import RunCreated, StartAttempt
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import State
from polysync.domain.settings import Calendar, Configuration, Daemon, Platform
from polysync.domain.slices import Gap
from polysync.domain.task import Edge, Task
from polysync.domain.values import Catchup, EdgeOn
from tests.seeds import seed_of
from tests.simulation.simulator import Commit, Simulator
from tests.simulation.story import MINUTE, NOON, a_task, events, rows, story, submit

HOUR = timedelta(hours=1)
ZERO = timedelta(0)
MINUTELY: dict[str, Any] = {"cron": ("* * * * *",), "queue_max": 1000}


def together(count: int, **keys: Any) -> list[Task]:
    """Tasks that are due in the same minute of each hour."""
    return [a_task(f"t{number}", cron=("0 * * * *",), **keys) for number in range(count)]


def handled(simulator: Simulator, told: ins.Input | None = None) -> list[Any]:
    """One call of the engine, with what it says."""
    said: list[Any] = []
    assert simulator.engine is not None
    carry_out = simulator.engine.handle_all
    effects = carry_out((told or ins.Tick(),), simulator.clock.read())
    said.extend(effects)
    simulator.carry_out(effects)
    return said


def due_now(simulator: Simulator) -> bool:
    assert simulator.engine is not None
    return simulator.engine.due_in() == ZERO


def gap_of(simulator: Simulator) -> Gap | None:
    assert simulator.engine is not None
    return simulator.engine.gap


def test_a_call_fires_as_many_slots_as_fit_the_rest_is_due_at_once_and_the_important_come_first() -> None:
    tasks = [replace(task, priority=number % 3) for number, task in enumerate(together(25))]
    simulator = story(*tasks, size=10)
    simulator.clock.advance(HOUR)
    sizes: list[int] = []
    made: list[Run] = []
    while not sizes or due_now(simulator):
        effects = handled(simulator)
        sizes.append(sum(type(effect) is RunCreated for effect in effects))
        made += [effect.run for effect in effects if type(effect) is RunCreated]
        assert sum(type(effect) is StartAttempt for effect in effects) <= 10
    assert [size for size in sizes if size] == [10, 15]  # a burst that goes on is decided in wider slices
    assert [run.priority for run in made] == sorted((run.priority for run in made), reverse=True)
    assert {run.trigger for run in made} == {"cron"}


def test_a_slot_that_had_to_wait_for_the_next_call_is_merely_late() -> None:
    simulator = story(*together(3, catch_up=Catchup.SKIP), size=1)
    simulator.clock.advance(HOUR)
    simulator.tell(ins.Tick())
    simulator.clock.advance(45 * MINUTE)
    simulator.run_for(3 * MINUTE)
    assert all(rows(simulator, f"t{number}") == ["cron 13:00: succeeded"] for number in range(3))


def test_every_slot_of_a_gap_is_missed_although_it_took_several_calls() -> None:
    kept = {policy: a_task(policy.value, **MINUTELY, catch_up=policy, max_concurrent=99) for policy in Catchup}
    simulator = story(*kept.values(), size=2)
    simulator.suspend(5 * MINUTE)
    simulator.run_for(MINUTE / 2)
    assert rows(simulator, "skip") == ["catchup 12:01 x5: skipped/missed"]
    assert rows(simulator, "latest")[0] == "catchup 12:01 x4: skipped/missed"
    assert [row[:13] for row in rows(simulator, "latest")[1:]] == ["catchup 12:05"]
    assert [row[:13] for row in rows(simulator, "all")] == [f"catchup 12:0{minute}" for minute in range(1, 6)]


def test_a_gap_is_over_when_its_last_slot_is_accounted_for_and_not_seen_as_passed_before() -> None:
    simulator = story(*together(4, catch_up=Catchup.SKIP), size=2)
    seen = simulator.journal.last_seen_at
    simulator.clock.suspend(90 * MINUTE)
    handled(simulator)
    assert gap_of(simulator) == Gap(NOON, NOON + 90 * MINUTE)
    assert simulator.journal.last_seen_at == seen == NOON
    simulator.clock.advance(MINUTE)
    while due_now(simulator):
        handled(simulator)
    assert gap_of(simulator) is None
    assert simulator.journal.last_seen_at == NOON + 91 * MINUTE
    assert all(rows(simulator, f"t{number}") == ["catchup 13:00: skipped/missed"] for number in range(4))


@pytest.mark.parametrize("calls", range(1, 12))
@pytest.mark.parametrize("rebuilt", [True, False])
def test_an_end_between_two_slices_neither_loses_nor_doubles_a_slot_nor_forgets_the_policy(
    calls: int, *, rebuilt: bool
) -> None:
    tasks = [a_task(policy.value, **MINUTELY, catch_up=policy, max_concurrent=99) for policy in Catchup]
    simulator = story(*tasks, size=2)
    simulator.clock.suspend(6 * MINUTE)
    for _ in range(calls):
        handled(simulator)
    if rebuilt:
        simulator.next_commit = Commit.LOST
        simulator.tell(ins.Submit(task="all"))
        assert simulator.rebuilds == 1
    else:
        simulator.kill()
        simulator.boot()
    simulator.run_for(MINUTE / 2)
    assert len([row for row in rows(simulator, "all") if row.startswith("catchup")]) == 6
    assert rows(simulator, "skip") == ["catchup 12:01 x6: skipped/missed"]
    assert [row[:13] for row in rows(simulator, "latest")] == ["catchup 12:01", "catchup 12:06"]


def test_what_is_left_of_a_task_is_worked_out_anew_when_its_schedule_is_touched_halfway() -> None:
    simulator = story(a_task(**MINUTELY, catch_up=Catchup.ALL), a_task("other"), size=2)
    simulator.clock.suspend(6 * MINUTE)
    handled(simulator)
    handled(simulator, ins.Configure(Configuration(tasks={"work": a_task(**MINUTELY, catch_up=Catchup.ALL)})))
    simulator.run_for(MINUTE / 2)
    slots = [run.scheduled_for for run in simulator.journal.runs.values()]
    assert slots == [NOON + number * MINUTE for number in range(1, 7)]


def test_resume_of_a_task_that_is_halfway_goes_on_from_its_anchor() -> None:
    simulator = story(a_task(**MINUTELY, catch_up=Catchup.ALL), size=2)
    simulator.clock.suspend(6 * MINUTE)
    handled(simulator)
    simulator.tell(ins.Resume("work", "r"))
    simulator.run_for(MINUTE / 2)
    assert len(rows(simulator)) == 6


def test_another_jump_while_a_gap_is_not_dealt_with_makes_it_longer() -> None:
    simulator = story(a_task(**MINUTELY, catch_up=Catchup.ALL), size=2)
    simulator.clock.suspend(6 * MINUTE)
    handled(simulator)
    simulator.clock.suspend(3 * MINUTE)
    simulator.run_for(MINUTE / 2)
    assert [row[:13] for row in rows(simulator)] == [f"catchup 12:0{minute}" for minute in range(1, 10)]


def test_a_clock_set_back_into_a_gap_leaves_the_part_before_it() -> None:
    simulator = story(a_task(**MINUTELY, catch_up=Catchup.ALL), size=2)
    simulator.clock.suspend(6 * MINUTE)
    handled(simulator)
    simulator.clock.step(-2 * MINUTE)
    simulator.run_for(4 * MINUTE)
    slots = [run.scheduled_for for run in simulator.journal.runs.values()]
    assert slots == [NOON + number * MINUTE for number in range(1, 9)]
    assert len(set(slots)) == len(slots)


def test_a_clock_set_back_before_a_gap_leaves_nothing_of_it() -> None:
    simulator = story(a_task(**MINUTELY, catch_up=Catchup.ALL), size=2)
    simulator.clock.suspend(6 * MINUTE)
    handled(simulator)
    simulator.clock.step(-10 * MINUTE)
    handled(simulator)
    assert gap_of(simulator) is None


def test_a_long_gap_that_nothing_is_made_of_is_walked_in_steps() -> None:
    closed = Calendar(name="closed", dates=("06-10",))
    often = a_task(cron=("* * * * * *",), skip_on=("closed",))
    simulator = story(often, size=1, calendars={"closed": closed})
    simulator.clock.suspend(20 * MINUTE)
    calls = 1
    handled(simulator)
    while due_now(simulator):
        handled(simulator)
        calls += 1
    assert calls >= 1200 // 256
    assert rows(simulator) == ["cron 12:00 x1200: skipped/calendar"]


def test_what_a_calendar_leaves_out_and_what_was_missed_keep_their_order() -> None:
    closed = Calendar(name="closed", dates=("06-11", "06-13"))
    simulator = story(
        a_task(cron=("0 12 * * *",), skip_on=("closed",), catch_up=Catchup.LATEST), calendars={"closed": closed}
    )
    simulator.suspend(timedelta(days=5))
    simulator.run_for(MINUTE)
    told = [(run.scheduled_for.day if run.scheduled_for else 0, run.slots) for run in simulator.journal.runs.values()]
    assert told == [(11, 1), (13, 1), (12, 2), (15, 1)]


def test_timers_of_one_moment_ring_in_slices() -> None:
    simulator = story(*(a_task(f"t{number}") for number in range(7)), size=3)
    for number in range(7):
        submit(simulator, f"t{number}", start_at=NOON + MINUTE)
    simulator.clock.advance(MINUTE)
    started: list[int] = []
    while not started or due_now(simulator):
        started.append(sum(type(effect) is StartAttempt for effect in handled(simulator)))
    assert started == [3, 3, 1]


def test_the_tasks_below_one_end_start_in_slices() -> None:
    below = [a_task(f"t{number}", depends_on=(Edge(task="work", on=EdgeOn.SUCCESS),)) for number in range(7)]
    simulator = story(a_task(), *below, size=3)
    number = submit(simulator)
    made = [
        sum(type(effect) is RunCreated for effect in handled(simulator, ins.AttemptExited(number, 1, Exit(code=0))))
    ]
    while due_now(simulator):
        made.append(sum(type(effect) is RunCreated for effect in handled(simulator)))
    assert made == [3, 3, 1]


def test_a_crash_between_the_tasks_below_one_end_starts_each_once() -> None:
    below = [a_task(f"t{number}", depends_on=(Edge(task="work"),)) for number in range(7)]
    simulator = story(a_task(), *below, size=3)
    number = submit(simulator)
    handled(simulator, ins.AttemptExited(number, 1, Exit(code=0)))
    simulator.kill()
    simulator.boot()
    simulator.run_for(HOUR)
    assert Counter(run.task for run in simulator.journal.runs.values()) == {
        "work": 1,
        **dict.fromkeys([f"t{n}" for n in range(7)], 1),
    }


def test_whoever_can_start_is_found_behind_many_who_cannot() -> None:
    full = Platform(name="full", type="slurm", max_running=1)
    stuck = [a_task(f"s{number}", cron=("0 * * * *",), platform="full", priority=9) for number in range(100)]
    simulator = story(*stuck, a_task(cron=("0 * * * *",)), size=2, platforms={"full": full}, minutes=600)
    simulator.run_for(HOUR + MINUTE / 2)
    assert rows(simulator) == ["cron 13:00: running"]
    assert Counter(run.state for run in simulator.journal.open.values()) == {"queued": 99, "running": 2}


def test_shutdown_and_disk_between_slices_end_the_walk() -> None:
    simulator = story(*together(9), size=2)
    simulator.clock.advance(HOUR)
    handled(simulator)
    simulator.tell(ins.Shutdown(stop=False))
    while due_now(simulator):
        assert not any(type(effect) is StartAttempt for effect in handled(simulator))
    assert Counter(str(run.state) for run in simulator.journal.open.values())["queued"] == 7


def history(size: int, seed: int) -> list[str]:
    """Three days of some tasks under jumps of the clock, as a sorted list of what became of each slot."""
    dice = random.Random(seed)
    crons = ("*/10 * * * *", "7 * * * *", "0 3 * * *", "*/30 * * * *")
    tasks = {}
    for number in range(9):
        keys: dict[str, Any] = {"cron": (crons[number % 4],), "catch_up": dice.choice(list(Catchup)), "queue_max": 999}
        tasks[f"t{number}"] = a_task(f"t{number}", priority=number, max_catch_up_runs=5, **keys)

    def script(_run: Run, _attempt: Attempt) -> tuple[timedelta, Exit]:
        return 3 * MINUTE, Exit(code=0)

    simulator = Simulator(Configuration(tasks=tasks), NOON, script, size=size)
    for _ in range(15):
        by = timedelta(seconds=dice.randrange(60, 9000))
        act = Simulator.suspend if dice.random() < 0.6 else Simulator.step
        simulator.at(timedelta(seconds=dice.randrange(3 * 86_400)), lambda sim, act=act, by=by: act(sim, by))  # type: ignore[misc]  # bound at once
    simulator.boot()
    simulator.run_for(timedelta(days=3))
    return sorted(f"{run.task} {told(run)}" for run in simulator.journal.runs.values())


def told(run: Run) -> tuple[datetime | None, int, str, str, str]:
    return run.scheduled_for, run.slots, run.trigger, run.state, str(run.end_reason)


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.slow
def test_slices_of_any_size_come_to_the_same(size: int) -> None:
    seed = seed_of("slices")
    whole = history(10_000, seed)
    assert len(whole) > 500
    assert history(size, seed) == whole


def test_a_jump_while_the_clock_is_held_is_told_and_does_not_move_what_was_seen() -> None:
    simulator = story(a_task(**MINUTELY))
    simulator.kill()
    simulator.clock.step(-100 * HOUR)
    simulator.boot()
    simulator.step(2 * HOUR)
    assert simulator.journal.last_seen_at == NOON
    assert "clock.changed" in events(simulator)
    assert rows(simulator) == []


def test_slots_whose_turn_had_not_come_belong_to_the_schedule_before() -> None:
    simulator = story(*together(4), size=1)
    simulator.clock.advance(HOUR)
    handled(simulator)
    simulator.reload(Configuration(tasks={"t3": a_task("t3", cron=("30 * * * *",))}))
    simulator.run_for(10 * MINUTE)
    assert rows(simulator, "t0") == ["cron 13:00: succeeded"]
    assert [rows(simulator, f"t{number}") for number in range(1, 3)] == [["cron 13:00: skipped/removed"]] * 2
    assert rows(simulator, "t3") == ["cron 13:00: succeeded"]


def test_a_long_sleep_whose_commit_went_through_unheard_is_not_a_wrong_clock() -> None:
    simulator = story(a_task(cron=("0 * * * *",), catch_up=Catchup.SKIP))
    simulator.next_commit = Commit.UNANSWERED
    simulator.suspend(5 * HOUR)
    assert simulator.rebuilds == 1
    simulator.run_for(HOUR + 3 * MINUTE)
    assert rows(simulator) == ["catchup 13:00 x5: skipped/missed", "cron 18:00: succeeded"]


def test_those_who_wait_for_room_are_looked_at_in_slices_too() -> None:
    simulator = story(*together(12), daemon=Daemon(max_running=6), size=2)
    simulator.clock.advance(HOUR)
    started: list[int] = []
    while len(started) < 40:
        effects = handled(simulator)
        started.append(sum(type(effect) is StartAttempt for effect in effects))
    assert max(started) <= 2
    assert sum(started) == 6
    simulator.run_for(30 * MINUTE)
    assert all(rows(simulator, f"t{number}") == ["cron 13:00: succeeded"] for number in range(12))


def test_who_left_the_line_between_two_slices_is_passed_over() -> None:
    tasks = [replace(task, priority=number % 2) for number, task in enumerate(together(12))]
    simulator = story(*tasks, daemon=Daemon(max_running=1), size=2)
    simulator.clock.advance(HOUR)
    while len(simulator.journal.runs) < len(tasks):
        handled(simulator)
    whole = simulator.configuration
    handled(simulator, ins.Configure(replace(whole, daemon=Daemon(max_running=64))))
    queued = [run.id for run in simulator.journal.runs.values() if run.state is State.QUEUED]
    low = next(number for number in queued if simulator.journal.runs[number].priority == 0)
    assert len(queued) > 6
    handled(simulator, ins.Stop(low))
    simulator.run_for(30 * MINUTE)
    ends = Counter(run.state for run in simulator.journal.runs.values())
    assert ends == {State.CANCELLED: 1, State.SUCCEEDED: 11}
