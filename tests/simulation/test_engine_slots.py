"""Slots and the rows they leave: windows, ranges, what a pause, a calendar or a breaker makes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from polysync.domain import inputs as ins
from polysync.domain.approvals import Decision
from polysync.domain.outcome import Exit
from polysync.domain.settings import Calendar
from polysync.domain.task import Approval, Edge
from polysync.domain.values import Catchup, Mode, OnStart, Trigger
from tests.simulation.simulator import Simulator
from tests.simulation.story import MINUTE, NOON, a_task, refusal, rows, story, submit

HOUR = timedelta(hours=1)
HOURLY = ("0 * * * *",)


def windows(simulator: Simulator) -> list[tuple[datetime | None, datetime | None]]:
    """From when to when each run that started looks at the world."""
    return [(run.window_from, run.scheduled_for) for run in simulator.journal.runs.values() if run.attempt]


def test_window_of_a_run_begins_at_the_slot_before_also_after_a_gap_and_after_a_restart() -> None:
    simulator = story(a_task(cron=HOURLY), wall=NOON - 30 * MINUTE)
    simulator.run_for(HOUR)
    simulator.suspend(3 * HOUR)
    simulator.run_for(HOUR)
    simulator.kill()
    simulator.boot()
    simulator.run_for(HOUR)
    ends = [NOON + hours * HOUR for hours in (0, 3, 4, 5)]
    assert windows(simulator) == [(end - HOUR, end) for end in ends]


def test_window_of_each_slot_that_is_caught_up_begins_at_the_slot_before() -> None:
    simulator = story(a_task(cron=HOURLY, catch_up=Catchup.ALL, max_concurrent=9), wall=NOON + MINUTE)
    simulator.suspend(4 * HOUR)
    simulator.run_for(HOUR)
    assert windows(simulator) == [(NOON + (n - 1) * HOUR, NOON + n * HOUR) for n in (1, 2, 3, 4, 5)]


def test_window_after_a_gap_without_a_run_begins_inside_the_gap() -> None:
    simulator = story(a_task(cron=HOURLY, catch_up=Catchup.SKIP), wall=NOON - 30 * MINUTE)
    simulator.run_for(HOUR)
    simulator.suspend(3 * HOUR)
    simulator.run_for(HOUR)
    assert windows(simulator)[-1] == (NOON + 3 * HOUR, NOON + 4 * HOUR)


def test_window_after_a_correction_does_not_begin_in_the_wrong_time() -> None:
    simulator = story(a_task(cron=HOURLY), wall=NOON + MINUTE)
    simulator.step(1000 * HOUR)
    simulator.step(-1000 * HOUR)
    simulator.run_for(2 * HOUR + 5 * MINUTE)
    assert windows(simulator)[-1] == (NOON + HOUR, NOON + 2 * HOUR)


def test_slots_on_either_side_of_one_that_ran_are_two_rows() -> None:
    shut = Calendar(name="shut", windows=("13:00-13:30", "15:00-15:30"))
    task = a_task(cron=HOURLY, skip_on=("shut",), catch_up=Catchup.ALL, max_concurrent=9)
    simulator = story(task, wall=NOON + MINUTE, calendars={"shut": shut})
    simulator.suspend(4 * HOUR)
    simulator.run_for(MINUTE)
    assert sorted(rows(simulator)) == [
        "catchup 14:00: running",
        "catchup 16:00: running",
        "cron 13:00: skipped/calendar",
        "cron 15:00: skipped/calendar",
    ]


def test_row_of_the_wrong_time_does_not_grow_in_the_right_one() -> None:
    simulator = story(a_task(cron=HOURLY), wall=NOON + MINUTE)
    simulator.tell(ins.Pause("work", "asked"))
    simulator.step(1000 * HOUR)
    simulator.step(-1000 * HOUR)
    simulator.run_for(3 * HOUR)
    assert rows(simulator)[1:] == ["cron 14:00 x2: skipped/paused"]


def test_skip_next_is_not_used_up_by_a_slot_that_would_not_have_run() -> None:
    simulator = story(a_task(cron=("*/10 * * * *",), start_deadline=2 * MINUTE))
    simulator.tell(ins.SkipNext("work", "asked"))
    simulator.clock.advance(15 * MINUTE)
    simulator.tell(ins.Tick())
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["cron 12:10: skipped/deadline", "cron 12:20: skipped/skip_next"]


def test_skip_next_leaves_out_the_slot_that_would_be_caught_up() -> None:
    simulator = story(a_task(cron=HOURLY), wall=NOON + MINUTE)
    simulator.tell(ins.SkipNext("work", "asked"))
    simulator.suspend(3 * HOUR)
    simulator.run_for(MINUTE)
    assert rows(simulator) == ["catchup 13:00 x2: skipped/missed", "cron 15:00: skipped/skip_next"]


def test_slots_of_a_gap_after_the_end_of_a_pause_are_caught_up() -> None:
    simulator = story(a_task(cron=HOURLY, catch_up=Catchup.ALL, max_concurrent=9), wall=NOON + MINUTE)
    simulator.tell(ins.Pause("work", "asked", NOON + 2 * HOUR))
    simulator.suspend(3 * HOUR)
    simulator.run_for(5 * MINUTE)
    assert rows(simulator) == [
        "cron 13:00: skipped/paused",
        "catchup 14:00: succeeded",
        "catchup 15:00: succeeded",
    ]


def test_slots_too_late_for_their_deadline_in_a_gap_say_so() -> None:
    task = a_task(cron=HOURLY, catch_up=Catchup.ALL, start_deadline=90 * MINUTE, max_concurrent=9)
    simulator = story(task, wall=NOON + MINUTE)
    simulator.suspend(4 * HOUR)
    simulator.run_for(5 * MINUTE)
    assert rows(simulator) == [
        "cron 13:00 x2: skipped/deadline",
        "catchup 15:00: succeeded",
        "catchup 16:00: succeeded",
    ]


def test_catch_up_does_not_wait_for_jitter() -> None:
    simulator = story(a_task(cron=HOURLY, jitter=50 * MINUTE), wall=NOON + MINUTE)
    simulator.suspend(HOUR)
    assert rows(simulator) == ["catchup 13:00: starting"]


def test_resume_after_the_breaker_starts_from_now() -> None:
    simulator = story(a_task(cron=("* * * * *",), max_concurrent=99))
    simulator.journal.tasks["work"].tripped = True
    simulator.kill()
    simulator.boot()
    simulator.run_for(30 * MINUTE + timedelta(seconds=1))
    assert rows(simulator) == []
    simulator.tell(ins.Resume("work", "asked"))
    simulator.run_for(3 * MINUTE)
    assert rows(simulator) == ["cron 12:31: succeeded", "cron 12:32: running", "cron 12:33: running"]


def test_template_that_becomes_a_task_starts_from_now() -> None:
    simulator = story(a_task(cron=HOURLY, mode=Mode.TEMPLATE), wall=NOON + MINUTE)
    simulator.run_for(5 * HOUR)
    simulator.reload(replace(simulator.configuration, tasks={"work": a_task(cron=HOURLY)}))
    simulator.run_for(HOUR + 5 * MINUTE)
    assert rows(simulator) == ["cron 18:00: succeeded"]


def test_task_added_while_the_clock_is_held_has_no_slots_in_the_wrong_time() -> None:
    simulator = story(a_task(cron=HOURLY))
    simulator.run_for(HOUR + MINUTE)
    simulator.kill()
    simulator.step(-2000 * HOUR)
    simulator.boot()
    tasks = {**simulator.configuration.tasks, "fresh": a_task("fresh", cron=HOURLY)}
    simulator.reload(replace(simulator.configuration, tasks=tasks))
    simulator.run_for(HOUR)
    simulator.step(2000 * HOUR)
    simulator.run_for(5 * MINUTE)
    assert rows(simulator, "fresh") == rows(simulator)[1:] == ["catchup 14:00: succeeded"]


def test_clock_that_was_confirmed_is_not_doubted_again() -> None:
    simulator = story(a_task(cron=HOURLY), wall=NOON + MINUTE)
    simulator.kill()
    simulator.step(-24 * HOUR)
    simulator.boot()
    simulator.tell(ins.ConfirmClock())
    simulator.kill()
    simulator.boot()
    simulator.run_for(HOUR + 5 * MINUTE)
    assert rows(simulator) == ["cron 13:00: succeeded"]


def test_every_keeps_its_beat_when_another_expression_of_the_task_changes() -> None:
    simulator = story(a_task(cron=("@EVERY 25m",)))
    simulator.run_for(10 * MINUTE)
    both = a_task(cron=("@EVERY 25m", "0 3 * * *"))
    simulator.reload(replace(simulator.configuration, tasks={"work": both}))
    simulator.run_for(20 * MINUTE)
    assert rows(simulator) == ["cron 12:25: succeeded"]
    assert simulator.journal.tasks["work"].seen == {"@EVERY 25m": NOON}


def test_what_happens_by_itself_starts_nothing_that_is_paused_or_off_but_a_person_may() -> None:
    simulator = story(a_task(), a_task("off", enabled=False))
    simulator.tell(ins.Pause("work", "asked"))
    for trigger in (Trigger.EVENT, Trigger.FILE, Trigger.WEBHOOK, Trigger.MANUAL):
        submit(simulator, trigger=trigger)
        submit(simulator, "off", trigger=trigger)
    simulator.run_for(5 * MINUTE)
    started = [trigger.value for trigger in (Trigger.EVENT, Trigger.FILE, Trigger.WEBHOOK)]
    assert rows(simulator) == [*(f"{trigger}: skipped/paused" for trigger in started), "manual: succeeded"]
    assert rows(simulator, "off") == [*(f"{trigger}: skipped/disabled" for trigger in started), "manual: succeeded"]


def test_task_closed_to_requests_is_open_to_its_file_trigger_whoever_asks() -> None:
    simulator = story(a_task(api_trigger=False))
    asked = ins.Submit(task="work", key="asked", actor="scheduler")
    assert refusal(simulator, asked) == "forbidden: API triggering disabled for this task"
    submit(simulator, trigger=Trigger.FILE)
    simulator.run_for(5 * MINUTE)
    assert rows(simulator) == ["file: succeeded"]


def test_paused_task_does_not_run_on_start() -> None:
    simulator = story(a_task(run_on_start=OnStart.DAEMON))
    simulator.run_for(5 * MINUTE)
    simulator.tell(ins.Pause("work", "asked"))
    simulator.kill()
    simulator.boot()
    assert rows(simulator) == ["startup: succeeded", "startup: skipped/paused"]


def test_end_upstream_does_not_count_for_an_edge_that_was_taken_away_meanwhile() -> None:
    join = a_task(depends_on=(Edge(task="up"), Edge(task="other")))
    simulator = story(a_task("up"), a_task("other"), join)
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    whole = simulator.configuration
    fewer = replace(join, depends_on=(Edge(task="other"),))
    simulator.reload(replace(whole, tasks={**whole.tasks, "work": fewer}))
    simulator.reload(whole)
    submit(simulator, "other")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == []


def test_fresh_end_upstream_counts_and_an_old_one_does_not() -> None:
    join = a_task(depends_on=(Edge(task="up"), Edge(task="other")), depends_max_age=HOUR)
    simulator = story(a_task("up"), a_task("other"), join)
    submit(simulator, "up")
    simulator.run_for(2 * HOUR)
    submit(simulator, "other")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == []
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["dependency: succeeded"]


def test_newest_end_upstream_is_the_one_that_counts() -> None:
    join = a_task(depends_on=(Edge(task="up"), Edge(task="other")))
    simulator = story(a_task("up"), a_task("other"), join)
    old, new = submit(simulator, "up"), submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    submit(simulator, "other")
    simulator.run_for(10 * MINUTE)
    joined = next(run for run in simulator.journal.runs.values() if run.task == "work")
    assert new in joined.parents
    assert old not in joined.parents


def test_downstream_sees_a_result_only_after_its_approval() -> None:
    upstream = a_task("up", approval=Approval(after=True, ttl=HOUR))
    simulator = story(upstream, a_task(depends_on=(Edge(task="up"),)), exits=(Exit(code=0, outputs={"rows": 7}),))
    number = submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    simulator.tell(ins.AttemptReported(number, 1, outputs={"rows": 8}))
    assert rows(simulator) == []
    simulator.tell(ins.Decide(number, Decision.APPROVE, "asked"))
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["dependency: succeeded"]
    assert simulator.journal.runs[number].outputs == {"rows": 7}
