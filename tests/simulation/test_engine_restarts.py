"""What a restart, or a commit that failed, must neither forget nor do again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from polysync.domain import inputs as ins
from polysync.domain.effects import EventName, Record
from polysync.domain.outcome import Exit
from polysync.domain.settings import Platform, Profile
from polysync.domain.task import Edge, Job
from polysync.domain.values import Catchup, OnExceed, OnStart, Overlap, ProfileType
from tests.simulation.simulator import Commit, Simulator
from tests.simulation.story import MINUTE, NOON, a_task, events, rows, story, submit

HOUR = timedelta(hours=1)
ONE = Profile(name="one", type=ProfileType.CONCURRENCY, max=1, queue_timeout=HOUR)
RATE = Profile(name="rate", type=ProfileType.RATE, limit=1, window=10 * MINUTE)


def restart(simulator: Simulator, *without: str) -> None:
    """Kill the daemon and start it again, with these tasks taken out of the file."""
    simulator.kill()
    whole = simulator.configuration
    kept = {name: task for name, task in whole.tasks.items() if name not in without}
    simulator.configuration = replace(whole, tasks=kept)
    simulator.boot()
    simulator.configuration = whole


def test_pause_with_an_end_ends_after_a_restart_too() -> None:
    simulator = story(a_task("up"), a_task(depends_on=(Edge(task="up"),)))
    simulator.tell(ins.Pause("work", "asked", NOON + HOUR))
    restart(simulator)
    simulator.run_for(2 * HOUR)
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["dependency: succeeded"]
    assert not simulator.journal.tasks["work"].paused


def test_runs_that_never_started_end_with_a_task_that_is_gone_at_the_start() -> None:
    simulator = story(a_task(), a_task("other"), minutes=30)
    submit(simulator)
    submit(simulator)
    submit(simulator, hold=True)
    restart(simulator, "work")
    simulator.run_for(HOUR)
    assert rows(simulator) == ["manual: succeeded", "manual: skipped/removed", "manual: skipped/removed"]


def test_task_that_comes_back_is_not_paused_and_finds_no_old_ends() -> None:
    join = a_task(depends_on=(Edge(task="up"), Edge(task="other")))
    simulator = story(a_task("up"), a_task("other"), join)
    submit(simulator, "up")
    simulator.tell(ins.Pause("work", "asked"))
    simulator.run_for(10 * MINUTE)
    restart(simulator, "work")
    assert "work" not in simulator.journal.held
    restart(simulator)
    submit(simulator, "other")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == []
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["dependency: succeeded"]


def test_queue_timeout_goes_on_over_a_restart() -> None:
    simulator = story(a_task(contention=("one",), max_concurrent=9), minutes=600, contention={"one": ONE})
    submit(simulator)
    submit(simulator)
    simulator.run_for(40 * MINUTE)
    restart(simulator)
    simulator.run_for(25 * MINUTE)
    assert rows(simulator) == ["manual: running", "manual: expired/queue_timeout"]


def test_queue_timeout_counts_for_the_profile_of_the_platform_that_the_job_names() -> None:
    lake = Platform(name="lake", type="databricks", contention=("one",))
    job = Job(name="etl", platform="lake")
    task = a_task(job="etl", max_concurrent=9)
    simulator = story(task, minutes=600, jobs={"etl": job}, platforms={"lake": lake}, contention={"one": ONE})
    submit(simulator)
    submit(simulator)
    simulator.run_for(2 * HOUR)
    assert rows(simulator) == ["manual: running", "manual: expired/queue_timeout"]


def test_rate_flows_on_after_the_clock_was_set_back_while_the_daemon_was_down() -> None:
    simulator = story(a_task(contention=("rate",), max_concurrent=9), contention={"rate": RATE})
    submit(simulator)
    submit(simulator)
    simulator.run_for(4 * MINUTE)
    simulator.kill()
    simulator.step(-2 * HOUR)
    simulator.boot()
    simulator.run_for(20 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"] * 2


def test_rate_and_what_it_deferred_go_on_after_the_clock_was_set_back() -> None:
    for on_exceed in (OnExceed.QUEUE, OnExceed.DEFER):
        rate = replace(RATE, on_exceed=on_exceed)
        simulator = story(a_task(contention=("rate",), max_concurrent=9), contention={"rate": rate})
        submit(simulator)
        submit(simulator)
        simulator.run_for(4 * MINUTE)
        simulator.step(-5 * HOUR)
        simulator.run_for(20 * MINUTE)
        assert rows(simulator) == ["manual: succeeded"] * 2, on_exceed


def test_deferred_run_waits_no_longer_because_the_clock_was_set_back_while_the_daemon_was_down() -> None:
    rate = replace(RATE, on_exceed=OnExceed.DEFER)
    simulator = story(a_task(contention=("rate",), max_concurrent=9), contention={"rate": rate})
    submit(simulator)
    submit(simulator)
    simulator.kill()
    simulator.step(-2 * HOUR)
    simulator.boot()
    simulator.run_for(25 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"] * 2


def test_lateness_is_told_once_and_also_where_nobody_was_there_when_it_began() -> None:
    task = a_task(cron=("0 * * * *",), must_start_by=5 * MINUTE, start_after=50 * MINUTE)
    told, unheard = story(task, wall=NOON - MINUTE), story(task, wall=NOON - MINUTE)
    told.run_for(10 * MINUTE)
    restart(told)
    told.run_for(MINUTE)
    assert events(told).count(EventName.RUN_LATE) == 1
    unheard.run_for(3 * MINUTE)
    unheard.kill()
    unheard.run_for(10 * MINUTE)
    unheard.boot()
    unheard.run_for(MINUTE)
    assert events(unheard).count(EventName.RUN_LATE) == 1


def test_attempt_that_is_found_again_keeps_the_time_of_its_start() -> None:
    simulator = story(a_task(), minutes=60)
    number = submit(simulator)
    simulator.run_for(10 * MINUTE)
    restart(simulator)
    simulator.run_for(MINUTE)
    assert simulator.journal.attempts[number].started_at == NOON
    simulator.tell(ins.AttemptStarted(number, 1, {"token": "another"}))
    assert simulator.journal.attempts[number].handle == {"token": "another"}
    assert simulator.journal.attempts[number].started_at == NOON


def test_start_whose_confirmation_was_lost_ends_all_the_same() -> None:
    simulator = story(a_task())
    simulator.muted = 1
    submit(simulator)
    simulator.run_for(MINUTE)
    assert rows(simulator) == ["manual: starting"]
    simulator.run_for(2 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"]


def test_work_that_ended_while_the_daemon_was_down_is_settled_at_its_start() -> None:
    simulator = story(a_task())
    submit(simulator)
    simulator.kill()
    simulator.run_for(HOUR)
    simulator.boot()
    simulator.run_for(MINUTE)
    assert rows(simulator) == ["manual: succeeded"]


def test_attempt_that_was_to_stop_before_it_began_is_never_started() -> None:
    simulator = story(a_task(), minutes=30)
    assert simulator.engine is not None
    for told in (ins.Submit(task="work"), ins.Stop(1)):  # both are stored, and then the daemon dies
        effects = simulator.engine.handle(told, simulator.clock.read())
        simulator.journal.commit(effect for effect in effects if isinstance(effect, Record))
    simulator.kill()
    simulator.boot()
    simulator.run_for(MINUTE)
    assert rows(simulator) == ["manual: cancelled/stopped"]
    assert not simulator.adapter.executions


def test_commit_that_failed_starts_nothing_twice_and_misses_nothing() -> None:
    for fate in (Commit.LOST, Commit.UNANSWERED):
        task = a_task(cron=("0 13 * * *",), catch_up=Catchup.SKIP)
        simulator = story(task, a_task("boot", run_on_start=OnStart.DAEMON))
        simulator.run_for(HOUR - timedelta(seconds=1))
        simulator.next_commit = fate
        simulator.run_for(5 * MINUTE)
        assert simulator.rebuilds == 1
        assert rows(simulator) == ["cron 13:00: succeeded"], fate
        assert rows(simulator, "boot") == ["startup: succeeded"], fate


def test_jump_that_was_lost_with_a_commit_is_noticed_again() -> None:
    simulator = story(a_task(cron=("0 * * * *",)), wall=NOON + MINUTE)
    simulator.next_commit = Commit.LOST
    simulator.suspend(3 * HOUR)
    simulator.run_for(5 * MINUTE)
    assert rows(simulator) == ["catchup 13:00 x2: skipped/missed", "catchup 15:00: succeeded"]


def test_retry_tally_and_its_delay_survive_a_restart() -> None:
    simulator = story(a_task(retry_attempts=2, retry_delay=10 * MINUTE), minutes=1, exits=(Exit(code=1),))
    number = submit(simulator)
    for _ in range(3):
        simulator.run_for(5 * MINUTE)
        restart(simulator)
    assert simulator.journal.runs[number].attempt == 2
    simulator.run_for(HOUR)
    assert rows(simulator) == ["manual: failed/exit_code"]
    assert simulator.journal.runs[number].attempt == 3
    assert simulator.journal.runs[number].used == 2


def test_anchors_of_a_wrong_clock_are_mended_all_at_once() -> None:
    simulator = story(a_task(cron=("0 * * * *",)), a_task("other", cron=("0 * * * *",)), wall=NOON + MINUTE)
    simulator.run_for(MINUTE)
    simulator.kill()
    simulator.journal.tasks["work"].anchor = NOON + 2 * HOUR
    simulator.journal.tasks["other"].anchor = NOON + 900 * HOUR
    simulator.boot()
    simulator.run_for(HOUR + 5 * MINUTE)
    assert rows(simulator) == rows(simulator, "other") == ["cron 13:00: succeeded"]


def test_open_row_of_slots_that_did_not_run_goes_on_after_a_restart() -> None:
    simulator = story(a_task(cron=("*/10 * * * *",)))
    simulator.tell(ins.Pause("work", "asked"))
    simulator.run_for(25 * MINUTE)
    restart(simulator)
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["cron 12:10 x3: skipped/paused"]


def test_run_that_makes_room_at_a_restart_leaves_no_lock_behind() -> None:
    simulator = story(a_task(locks=("db",), retry_attempts=3, retry_delay=HOUR), minutes=1, exits=(Exit(code=1),))
    simulator.tell(ins.SetDiskLow(low=True))
    submit(simulator)
    submit(simulator, priority=50)
    simulator.tell(ins.SetDiskLow(low=False))
    simulator.run_for(5 * MINUTE)
    assert rows(simulator) == ["manual: queued", "manual: retrying"]
    changed = {"work": a_task(locks=("db",), on_overlap=Overlap.TERMINATE)}
    simulator.reload(replace(simulator.configuration, tasks=changed))
    restart(simulator)
    simulator.run_for(HOUR)
    assert rows(simulator) == ["manual: failed/exit_code", "manual: cancelled/overlap_terminated"]


def test_ends_upstream_that_were_used_up_stay_so_over_a_restart() -> None:
    simulator = story(a_task("up"), a_task(depends_on=(Edge(task="up"),)))
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    restart(simulator)
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["dependency: succeeded"]


def test_length_of_an_absence_is_known_to_the_minute() -> None:
    simulator = story(a_task(cron=("0 13 * * *",), catch_up=Catchup.SKIP))
    simulator.run_for(59 * MINUTE)
    for _ in range(10):
        simulator.run_for(timedelta(seconds=30))  # as the driver looks at the clock
    assert simulator.journal.last_seen_at is not None
    assert simulator.clock.read().wall - simulator.journal.last_seen_at <= MINUTE
    assert rows(simulator) == ["cron 13:00: succeeded"]
    assert len(simulator.journal.clock) <= 10


def test_a_run_that_waits_expires_on_time_after_a_restart_too() -> None:
    simulator = story(a_task())
    submit(simulator)
    submit(simulator, expires_after=MINUTE)
    restart(simulator)
    simulator.run_for(HOUR)
    assert rows(simulator) == ["manual: succeeded", "manual: expired/not_started_in_time"]
