"""Stops that meet other stops, room that is made for a new run, and time that is used up."""

from __future__ import annotations

from datetime import timedelta

from polysync.domain import inputs as ins
from polysync.domain.approvals import Decision
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import Lack, State
from polysync.domain.settings import Daemon, Platform, Profile
from polysync.domain.task import Approval, Edge
from polysync.domain.values import EdgeOn, OnExceed, Overlap, ProfileType
from tests.simulation.simulator import Simulator
from tests.simulation.story import MINUTE, NOON, a_task, rows, story, submit

HOUR = timedelta(hours=1)


def stubborn(simulator: Simulator) -> None:
    """From now on, work goes on until the test says how it ended."""
    simulator.adapter.script = lambda _run, _attempt: (1000 * HOUR, Exit(code=0))


def exits(simulator: Simulator, number: int, attempt: int = 1) -> None:
    """The work is gone at last, by the signal that was sent."""
    simulator.adapter.executions[simulator.adapter.tokens[number, attempt]].ends_at = simulator.clock.read().boot
    simulator.tell(ins.AttemptExited(number, attempt, Exit(code=143, signal="TERM")))


def test_stop_of_a_run_that_is_being_stopped_for_its_timeout_ends_its_retries() -> None:
    simulator = story(a_task(timeout=MINUTE, retry_attempts=3), minutes=60)
    number = submit(simulator)
    simulator.run_for(MINUTE)
    assert simulator.journal.runs[number].state is State.STOPPING
    simulator.tell(ins.Stop(number, "asked", "eva"), ins.Stop(number, "asked", "adam"))
    simulator.run_for(HOUR)
    assert rows(simulator) == ["manual: cancelled/stopped"]
    assert simulator.journal.attempt_count == 1


def test_time_used_up_while_a_timeout_stops_the_attempt_ends_the_run() -> None:
    simulator = story(a_task(timeout=58 * MINUTE, max_duration=HOUR, retry_attempts=9, graceful_stop=HOUR))
    stubborn(simulator)
    number = submit(simulator)
    simulator.run_for(58 * MINUTE)
    simulator.ends.clear()  # the signal does not impress it
    simulator.run_for(3 * MINUTE)
    exits(simulator, number)
    assert rows(simulator) == ["manual: timeout/max_duration"]


def test_timeout_counts_on_over_a_restart_while_the_whole_time_does_too() -> None:
    task = a_task(max_duration=HOUR, retry_attempts=9, retry_delay=25 * MINUTE)
    simulator = story(task, minutes=1, exits=(Exit(code=1),))
    submit(simulator)
    simulator.run_for(40 * MINUTE)
    simulator.kill()
    simulator.boot()
    simulator.run_for(21 * MINUTE)
    assert rows(simulator) == ["manual: timeout/max_duration"]
    assert simulator.journal.attempt_count == 3


def test_time_that_people_took_for_a_review_is_not_the_works() -> None:
    ask = Approval(after=True, ttl=10 * HOUR, request_changes=2)
    simulator = story(a_task(max_duration=HOUR, approval=ask))

    def play(_run: Run, attempt: Attempt) -> tuple[timedelta, Exit]:
        return (50 * MINUTE if attempt.number < 3 else 100 * HOUR), Exit(code=0)

    simulator.adapter.script = play
    number = submit(simulator)
    for restarts in (False, True):
        simulator.run_for(2 * HOUR)
        assert rows(simulator) == ["manual: waiting"]
        simulator.tell(ins.Decide(number, Decision.REQUEST_CHANGES, "asked"))
        if restarts:
            simulator.run_for(10 * MINUTE)
            simulator.kill()
            simulator.boot()
    simulator.run_for(49 * MINUTE)
    assert rows(simulator) == ["manual: running"]
    simulator.run_for(2 * MINUTE)
    assert rows(simulator) == ["manual: timeout/max_duration"]


def test_run_for_later_ends_nothing_before_its_time() -> None:
    ask = Approval(before=True, ttl=HOUR)
    simulator = story(a_task(on_overlap=Overlap.TERMINATE), minutes=30)
    submit(simulator)
    simulator.run_for(MINUTE)
    submit(simulator, hold=True)
    submit(simulator, start_at=NOON + 20 * MINUTE)
    simulator.run_for(15 * MINUTE)
    assert rows(simulator) == ["manual: running", "manual: held", "manual: scheduled"]
    simulator.run_for(6 * MINUTE)
    assert rows(simulator) == ["manual: cancelled/overlap_terminated", "manual: held", "manual: running"]
    asked = story(a_task(on_overlap=Overlap.TERMINATE, approval=ask), minutes=30)
    numbers = [submit(asked), submit(asked)]
    asked.tell(ins.Decide(numbers[0], Decision.APPROVE, "asked"))
    asked.run_for(MINUTE)
    assert rows(asked) == ["manual: running", "manual: waiting"]
    asked.tell(ins.Decide(numbers[1], Decision.APPROVE, "asked"))
    asked.run_for(MINUTE)
    assert rows(asked) == ["manual: cancelled/overlap_terminated", "manual: running"]


def test_new_run_starts_only_after_those_that_make_room_are_gone() -> None:
    simulator = story(a_task(on_overlap=Overlap.TERMINATE, graceful_stop=HOUR))
    stubborn(simulator)
    first = submit(simulator)
    simulator.run_for(MINUTE)
    submit(simulator)
    simulator.ends.clear()
    simulator.run_for(30 * MINUTE)
    assert rows(simulator) == ["manual: stopping", "manual: queued"]
    exits(simulator, first)
    assert rows(simulator) == ["manual: cancelled/overlap_terminated", "manual: starting"]


def test_run_that_a_timeout_stops_makes_room_for_good() -> None:
    task = a_task(on_overlap=Overlap.TERMINATE, timeout=MINUTE, retry_attempts=9, graceful_stop=HOUR)
    simulator = story(task)
    stubborn(simulator)
    first = submit(simulator)
    simulator.run_for(MINUTE)
    simulator.ends.clear()
    submit(simulator)
    submit(simulator)
    exits(simulator, first)
    assert rows(simulator)[:2] == ["manual: cancelled/overlap_terminated", "manual: starting"]


def test_retrying_run_makes_room_at_once() -> None:
    task = a_task(on_overlap=Overlap.TERMINATE, retry_attempts=9, retry_delay=HOUR)
    simulator = story(task, exits=(Exit(code=1),))
    submit(simulator)
    simulator.run_for(5 * MINUTE)
    submit(simulator)
    assert rows(simulator) == ["manual: cancelled/overlap_terminated", "manual: starting"]


def test_run_that_is_turned_away_lets_its_downstream_start_at_once() -> None:
    one = Profile(name="one", type=ProfileType.CONCURRENCY, max=1, on_exceed=OnExceed.REJECT)
    below = a_task(depends_on=(Edge(task="up", on=EdgeOn.COMPLETION),))
    upstream = a_task("up", contention=("one",), max_concurrent=5)
    simulator = story(upstream, below, minutes=60, contention={"one": one})
    submit(simulator, "up")
    submit(simulator, "up")
    assert rows(simulator) == ["dependency: starting"]


def test_what_a_failed_attempt_put_out_is_not_passed_on() -> None:
    failed = Exit(code=1, outputs={"rows": 1})
    simulator = story(a_task(retry_attempts=1), exits=(failed, Exit(code=0, outputs={"day": "monday"})))
    number = submit(simulator)
    simulator.run_for(MINUTE)
    simulator.tell(ins.AttemptReported(number, 1, progress=(90, "nearly")))
    simulator.run_for(10 * MINUTE)
    assert simulator.journal.runs[number].outputs == {"day": "monday"}
    assert simulator.journal.runs[number].progress is None


def test_run_knows_when_the_last_success_before_it_ended() -> None:
    simulator = story(a_task())
    first, second = submit(simulator), submit(simulator)
    simulator.run_for(10 * MINUTE)
    runs = simulator.journal.runs
    assert runs[first].previous_success_at is None
    assert runs[second].previous_success_at == runs[first].ended_at


def test_queued_run_says_that_its_jitter_is_not_over_and_a_running_one_lacks_nothing() -> None:
    simulator = story(a_task(cron=("0 * * * *",), jitter=30 * MINUTE), minutes=60)
    simulator.run_for(HOUR)
    assert simulator.engine is not None
    needs = simulator.engine.why(1)
    assert [(need.lack, need.until) for need in needs] == [(Lack.JITTER, simulator.journal.runs[1].available_at)]
    simulator.run_for(40 * MINUTE)
    assert rows(simulator) == ["cron 13:00: running"]
    assert simulator.engine.why(1) == []


def test_retrying_run_says_what_it_lacks() -> None:
    one = Profile(name="one", type=ProfileType.CONCURRENCY, max=1)
    tasks = a_task(contention=("one",), retry_attempts=1, retry_delay=MINUTE), a_task("other", contention=("one",))
    simulator = story(*tasks, minutes=10, exits=(Exit(code=1),), contention={"one": one})
    number = submit(simulator)
    submit(simulator, "other")
    simulator.run_for(12 * MINUTE)
    assert rows(simulator) == ["manual: retrying"]
    assert simulator.engine is not None
    assert [need.name for need in simulator.engine.why(number)] == ["one"]


def test_elder_of_a_task_that_runs_as_often_as_it_may_goes_first_and_others_are_not_held_up() -> None:
    cluster = {"cluster": Platform(name="cluster", type="slurm", max_running=9)}
    simulator = story(a_task(max_concurrent=2), a_task("other"), platforms=cluster, minutes=10)
    numbers = [submit(simulator) for _ in range(6)]
    submit(simulator, "other")
    assert rows(simulator, "other") == ["manual: starting"]
    simulator.run_for(HOUR)
    started = [simulator.journal.runs[number].started_at for number in numbers]
    assert started == sorted(started, key=lambda at: at or NOON)
    assert len(set(started)) == 3


def test_run_lacks_one_of_the_slots_that_all_tasks_share() -> None:
    simulator = story(a_task(), a_task("other"), daemon=Daemon(max_running=1))
    submit(simulator)
    number = submit(simulator, "other")
    assert simulator.engine is not None
    assert [(need.lack, need.name) for need in simulator.engine.why(number)] == [(Lack.SLOT, "max_running")]


def test_run_that_waited_long_goes_before_a_fresh_one_of_higher_priority() -> None:
    simulator = story(a_task(), a_task("low"), a_task("high", priority=10), minutes=30, daemon=Daemon(max_running=1))
    submit(simulator)
    submit(simulator, "low")
    simulator.run_for(20 * MINUTE)
    submit(simulator, "high")
    simulator.run_for(12 * MINUTE)
    assert (rows(simulator, "low"), rows(simulator, "high")) == (["manual: running"], ["manual: queued"])


def test_attempt_after_a_timeout_is_judged_by_its_own_end() -> None:
    simulator = story(a_task(timeout=5 * MINUTE, retry_attempts=1))

    def play(_run: Run, attempt: Attempt) -> tuple[timedelta, Exit]:
        return (HOUR if attempt.number == 1 else MINUTE), Exit(code=0)

    simulator.adapter.script = play
    submit(simulator)
    simulator.run_for(HOUR)
    assert rows(simulator) == ["manual: succeeded"]


def test_just_enough_of_the_oldest_make_room() -> None:
    simulator = story(a_task(on_overlap=Overlap.TERMINATE, max_concurrent=3), minutes=30)
    for _ in range(4):
        submit(simulator)
        simulator.run_for(MINUTE)
    assert rows(simulator) == ["manual: cancelled/overlap_terminated", *["manual: running"] * 3]


def test_run_whose_result_waits_for_approval_keeps_its_place() -> None:
    simulator = story(a_task(approval=Approval(after=True, ttl=HOUR)))
    number = submit(simulator)
    submit(simulator)
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["manual: waiting", "manual: queued"]
    simulator.tell(ins.Decide(number, Decision.APPROVE, "asked"))
    assert rows(simulator) == ["manual: succeeded", "manual: starting"]
