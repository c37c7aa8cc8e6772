"""What may start, in which order, and what a run that may not lacks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from polysync.domain import inputs as ins
from polysync.domain.effects import EventName, RunMoved
from polysync.domain.outcome import Exit
from polysync.domain.run import LIVE, Lack, Reason, State
from polysync.domain.settings import Daemon, Platform, Profile
from polysync.domain.task import Approval, Job
from polysync.domain.values import OnExceed, OnStale, OnUnknown, Overlap, ProfileType
from tests.simulation.simulator import Simulator
from tests.simulation.story import MINUTE, a_task, events, rows, story, submit

HOUR = timedelta(hours=1)
ONE = Profile(name="one", type=ProfileType.CONCURRENCY, max=1)
RATE = Profile(name="rate", type=ProfileType.RATE, limit=1, window=10 * MINUTE)


def live(simulator: Simulator) -> list[str]:
    return [run.task for run in simulator.journal.open.values() if run.state in LIVE]


def lacks(simulator: Simulator, number: int) -> list[tuple[Lack, str]]:
    assert simulator.engine is not None
    return [(need.lack, need.name) for need in simulator.engine.why(number)]


def test_higher_priority_goes_first() -> None:
    tasks = (a_task("low", priority=-10), a_task("high", priority=10), a_task("first"))
    simulator = story(*tasks, daemon=Daemon(max_running=1))
    for name in ("first", "low", "high"):
        submit(simulator, name)
    simulator.run_for(3 * MINUTE)
    assert live(simulator) == ["high"]


def test_one_that_cannot_start_does_not_block_those_behind_it() -> None:
    simulator = story(a_task("a", locks=("db",)), a_task("b", locks=("db",), priority=5), a_task("c"))
    submit(simulator, "a")
    blocked = submit(simulator, "b")
    submit(simulator, "c")
    assert live(simulator) == ["a", "c"]
    assert lacks(simulator, blocked) == [(Lack.LOCK, "db")]
    simulator.run_for(10 * MINUTE)
    assert rows(simulator, "b") == ["manual: succeeded"]


def test_lock_is_held_over_retries_and_over_a_restart() -> None:
    holder = a_task("holder", locks=("db",), retry_attempts=1, retry_delay=10 * MINUTE)
    simulator = story(holder, a_task(locks=("db",)), exits=(Exit(code=1), Exit(code=0)))
    submit(simulator, "holder")
    submit(simulator)
    simulator.run_for(5 * MINUTE)
    simulator.kill()
    simulator.boot()
    simulator.run_for(5 * MINUTE)
    assert rows(simulator, "holder") == ["manual: retrying"]
    assert rows(simulator) == ["manual: queued"]


def test_platform_has_a_limit_of_its_own() -> None:
    cluster = Platform(name="cluster", type="slurm", max_running=1)
    simulator = story(a_task(platform="cluster", max_concurrent=5), platforms={"cluster": cluster})
    submit(simulator)
    assert lacks(simulator, submit(simulator)) == [(Lack.PLATFORM, "cluster")]


def test_requirements_choose_the_platform_or_keep_the_run_waiting() -> None:
    platforms = {"gpu": Platform(name="gpu", type="slurm", labels={"gpu": True})}
    task, nowhere = a_task(requirements={"gpu": True}), a_task("nowhere", requirements={"region": "mars"})
    simulator = story(task, nowhere, platforms=platforms)
    number = submit(simulator)
    assert simulator.journal.runs[number].platform == "gpu"
    assert lacks(simulator, submit(simulator, "nowhere")) == [(Lack.REQUIREMENTS, "")]


def test_labels_of_this_host_stand_in_two_places_and_count_together() -> None:
    local = {"local": Platform(name="local", type="local", labels={"tape": True})}
    daemon = Daemon(labels={"region": "eu"})
    simulator = story(a_task(requirements={"tape": True, "region": "eu"}), platforms=local, daemon=daemon)
    assert simulator.journal.runs[submit(simulator)].platform == "local"


def test_job_names_the_platform_and_its_limits() -> None:
    lake = Platform(name="lake", type="databricks", labels={"region": "eu"}, contention=("one",))
    job = Job(name="etl", platform="lake", contention=("one",))
    task = a_task(job="etl", requirements={"region": "eu"}, max_concurrent=5)
    simulator = story(task, jobs={"etl": job}, platforms={"lake": lake}, contention={"one": ONE})
    assert simulator.journal.runs[submit(simulator)].platform == "lake"
    assert lacks(simulator, submit(simulator)) == [(Lack.CONTENTION, "one")]


def test_disabled_profile_limits_nothing() -> None:
    off = replace(ONE, enabled=False)
    simulator = story(a_task(contention=("one",), max_concurrent=5), contention={"one": off})
    submit(simulator)
    submit(simulator)
    assert len(live(simulator)) == 2


def test_full_profile_rejects_queues_or_runs_out_of_time() -> None:
    def simulated(profile: Profile) -> list[str]:
        task = a_task(contention=("one",), max_concurrent=9)
        simulator = story(task, minutes=30, contention={"one": profile})
        for _ in range(3):
            submit(simulator)
        simulator.run_for(HOUR)
        return rows(simulator)

    assert simulated(replace(ONE, on_exceed=OnExceed.REJECT))[1:] == ["manual: rejected/contention"] * 2
    assert simulated(replace(ONE, queue_size=1))[1:] == ["manual: succeeded", "manual: rejected/contention"]
    expired = ["manual: expired/queue_timeout"] * 2
    assert simulated(replace(ONE, queue_timeout=10 * MINUTE))[1:] == expired


def test_queue_timeout_of_a_run_that_waits_for_something_else_does_not_end_it() -> None:
    profile = replace(ONE, max=5, queue_timeout=10 * MINUTE)
    simulator = story(a_task(contention=("one",)), minutes=30, contention={"one": profile})
    submit(simulator)
    submit(simulator)
    simulator.run_for(HOUR + MINUTE)
    assert rows(simulator) == ["manual: succeeded"] * 2


def test_rate_spaces_starts_and_survives_a_restart() -> None:
    simulator = story(a_task(contention=("rate",), max_concurrent=9), contention={"rate": RATE})
    for _ in range(3):
        submit(simulator)
    simulator.run_for(MINUTE)
    simulator.kill()
    simulator.boot()
    simulator.run_for(8 * MINUTE)
    assert rows(simulator) == ["manual: succeeded", "manual: queued", "manual: queued"]
    simulator.run_for(15 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"] * 3


def test_deferred_run_comes_back_when_the_window_ends() -> None:
    defer = replace(RATE, on_exceed=OnExceed.DEFER)
    simulator = story(a_task(contention=("rate",), max_concurrent=9), contention={"rate": defer})
    submit(simulator)
    submit(simulator)
    assert rows(simulator)[1] == "manual: scheduled"
    simulator.run_for(20 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"] * 2


def test_retry_waits_for_a_full_profile_and_is_never_rejected() -> None:
    reject = replace(ONE, on_exceed=OnExceed.REJECT)
    first = a_task("first", contention=("one",), retry_attempts=1, retry_delay=MINUTE)
    second = a_task("second", contention=("one",))
    simulator = story(first, second, minutes=5, exits=(Exit(code=1), Exit(code=0)), contention={"one": reject})
    submit(simulator, "first")
    simulator.run_for(5 * MINUTE + timedelta(seconds=1))
    submit(simulator, "second")
    simulator.run_for(30 * MINUTE)
    assert rows(simulator, "first") == ["manual: succeeded"]


def test_overlap_skips_queues_up_to_its_limit_or_terminates() -> None:
    def simulated(overlap: Overlap) -> list[str]:
        task = a_task(cron=("*/10 * * * *",), on_overlap=overlap, queue_max=1)
        simulator = story(task, minutes=25)
        simulator.run_for(42 * MINUTE)
        return rows(simulator)

    assert simulated(Overlap.SKIP) == ["cron 12:10: succeeded", "cron 12:20 x2: skipped/overlap", "cron 12:40: running"]
    assert simulated(Overlap.QUEUE) == [
        "cron 12:10: succeeded",
        "cron 12:20: running",
        "cron 12:30: skipped/queue_full",
        "cron 12:40: queued",
    ]
    assert simulated(Overlap.TERMINATE) == [
        *(f"cron 12:{minute}: cancelled/overlap_terminated" for minute in (10, 20, 30)),
        "cron 12:40: running",
    ]


def test_run_held_back_by_approval_does_not_count_as_overlap() -> None:
    ask = Approval(before=True, ttl=HOUR)
    task = a_task(cron=("*/10 * * * *",), on_overlap=Overlap.SKIP, approval=ask, queue_max=2)
    simulator = story(task)
    simulator.run_for(32 * MINUTE)
    assert rows(simulator) == ["cron 12:10: waiting", "cron 12:20: waiting", "cron 12:30: skipped/queue_full"]


def test_manual_run_beyond_the_limit_leaves_a_row() -> None:
    simulator = story(a_task(on_overlap=Overlap.SKIP))
    submit(simulator)
    submit(simulator)
    assert rows(simulator)[1] == "manual: skipped/overlap"


def test_timeout_and_max_duration_end_what_takes_too_long() -> None:
    slow = a_task("slow", timeout=MINUTE, retry_attempts=1, retry_delay=MINUTE)
    long = a_task("long", max_duration=3 * MINUTE, retry_attempts=9, retry_delay=HOUR)
    simulator = story(slow, long, minutes=2, exits=(Exit(code=1),))
    submit(simulator, "slow")
    submit(simulator, "long")
    simulator.run_for(HOUR)
    assert rows(simulator, "slow") == ["manual: timeout/timeout"]
    assert rows(simulator, "long") == ["manual: timeout/max_duration"]


def test_timers_of_a_running_attempt_survive_a_restart() -> None:
    task = a_task(timeout=30 * MINUTE, max_duration=50 * MINUTE, stale_after=40 * MINUTE)
    simulator = story(task, minutes=100)
    submit(simulator)
    simulator.run_for(10 * MINUTE)
    simulator.kill()
    simulator.boot()
    simulator.run_for(19 * MINUTE)
    assert rows(simulator) == ["manual: running"]
    simulator.run_for(3 * MINUTE)
    assert rows(simulator) == ["manual: timeout/timeout"]


def test_stopping_run_is_stopped_again_after_a_restart() -> None:
    simulator = story(a_task(), minutes=100)
    number = submit(simulator)
    simulator.run_for(MINUTE)
    assert simulator.engine is not None
    effects = simulator.engine.handle(ins.Stop(number), simulator.clock.read())
    # the daemon dies between the commit and the signal
    simulator.journal.commit(effect for effect in effects if isinstance(effect, RunMoved))
    simulator.kill()
    simulator.boot()
    simulator.run_for(MINUTE)
    assert rows(simulator) == ["manual: cancelled/stopped"]


def test_silent_run_is_told_of_and_killed_where_the_task_says_so() -> None:
    alert = a_task("alert", stale_after=5 * MINUTE)
    kill = a_task("kill", stale_after=5 * MINUTE, on_stale=OnStale.KILL)
    simulator = story(alert, kill, minutes=20)
    number = submit(simulator, "alert")
    submit(simulator, "kill")
    simulator.run_for(3 * MINUTE)
    simulator.tell(ins.AttemptReported(number, 1))
    simulator.run_for(4 * MINUTE)
    assert events(simulator).count(EventName.RUN_STALE) == 1
    simulator.run_for(20 * MINUTE)
    assert events(simulator).count(EventName.RUN_STALE) == 2
    assert rows(simulator, "kill") == ["manual: timeout/stale"]
    assert rows(simulator, "alert") == ["manual: succeeded"]


def test_stale_timer_of_a_task_that_no_longer_has_one_is_ignored() -> None:
    simulator = story(a_task(stale_after=5 * MINUTE, retry_attempts=1), minutes=2, exits=(Exit(code=1), Exit(code=0)))
    submit(simulator)
    simulator.run_for(10 * MINUTE)
    assert EventName.RUN_STALE not in events(simulator)


def test_late_and_long_runs_are_told_of() -> None:
    task = a_task(cron=("*/10 * * * *",), must_start_by=MINUTE, warn_after=5 * MINUTE)
    simulator = story(task, minutes=12)
    simulator.run_for(25 * MINUTE)
    assert EventName.RUN_LATE in events(simulator)
    assert EventName.RUN_LONG in events(simulator)


def test_recovery_is_told_of_once() -> None:
    simulator = story(a_task(), exits=(Exit(code=1),))
    submit(simulator)
    simulator.run_for(5 * MINUTE)
    simulator.adapter.script = lambda _run, _attempt: (MINUTE, Exit(code=0))
    for _ in range(2):
        submit(simulator)
        simulator.run_for(5 * MINUTE)
    assert events(simulator).count(EventName.RUN_RECOVERED) == 1


def test_retries_used_up_end_failed_or_dead() -> None:
    simulator = story(a_task("plain", retry_attempts=1), a_task("kept", dead_letter=True), exits=(Exit(code=1),))
    submit(simulator, "plain")
    submit(simulator, "kept")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator, "plain") == ["manual: failed/exit_code"]
    assert rows(simulator, "kept") == ["manual: dead/retries_exhausted"]


def test_start_of_unknown_fate_is_retried_only_where_the_task_says_so() -> None:
    lost = Exit(reason=Reason.LOST, uncertain=True)
    careful, bold = a_task("careful", retry_attempts=1), a_task("bold", retry_attempts=1, on_unknown=OnUnknown.RETRY)
    simulator = story(careful, bold, exits=(lost, Exit(code=0)))
    submit(simulator, "careful")
    submit(simulator, "bold")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator, "careful") == ["manual: crashed/lost"]
    assert rows(simulator, "bold") == ["manual: succeeded"]


def test_slot_waits_for_its_jitter_and_for_start_after() -> None:
    jittered = a_task("jittered", cron=("0 * * * *",), jitter=30 * MINUTE)
    later = a_task("later", cron=("0 * * * *",), start_after=20 * MINUTE)
    simulator = story(jittered, later)
    simulator.run_for(HOUR + timedelta(seconds=1))
    assert rows(simulator, "jittered") == ["cron 13:00: queued"]
    assert rows(simulator, "later") == ["cron 13:00: scheduled"]
    simulator.kill()
    simulator.boot()
    simulator.run_for(40 * MINUTE)
    assert rows(simulator, "jittered") == ["cron 13:00: succeeded"]
    assert rows(simulator, "later") == ["cron 13:00: succeeded"]
    run = next(run for run in simulator.journal.runs.values() if run.task == "jittered")
    assert run.state is State.SUCCEEDED
    assert run.started_at is not None
    assert run.started_at > (run.scheduled_for or run.started_at)
