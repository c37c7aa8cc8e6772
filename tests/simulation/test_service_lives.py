"""Services that fall over: when they begin again, when they are given up, and what survives the daemon."""

from __future__ import annotations

from datetime import timedelta

import pytest

from polysync.domain import inputs as ins
from polysync.domain.outcome import Exit
from polysync.domain.rows import Instance
from polysync.domain.run import Reason, State
from polysync.domain.settings import Configuration, Daemon
from polysync.domain.values import Backoff, Restart, Trigger
from tests.simulation.servants import (
    CHECK,
    HOUR,
    SECOND,
    a_service,
    checked,
    ends,
    lives,
    say,
    servants,
    shown,
    told,
    up,
    view,
)
from tests.simulation.simulator import Commit, Simulator
from tests.simulation.story import NOON, a_task, refusal, submit


def begun(simulator: Simulator) -> list[int]:
    """At which second each life of the service began."""
    runs = (run for run in simulator.journal.runs.values() if run.task == "web")
    return [round((run.created_at - simulator.began_at).total_seconds()) for run in runs]


def remembered(simulator: Simulator) -> Instance:
    """What is written down of the first instance."""
    state = simulator.journal.tasks["web"].service
    assert state is not None
    return state.instances[0]


def test_service_starts_with_the_daemon_and_each_life_is_a_run() -> None:
    simulator = servants(a_service(instances=3))
    runs = list(simulator.journal.runs.values())
    assert [(run.task, run.instance, run.trigger, run.state, run.attempt) for run in runs] == [
        ("web", number, Trigger.SERVICE, State.RUNNING, 1) for number in (1, 2, 3)
    ]
    assert shown(simulator) == "running: running running running"
    assert told(simulator) == ["started web1", "started web2", "started web3"]


def test_service_that_falls_over_begins_again_later_each_time() -> None:
    simulator = servants(a_service(restart_delay=2 * SECOND, restart_max_delay=10 * SECOND), lasting=1)
    simulator.run_for(40 * SECOND)
    assert begun(simulator) == [0, 3, 8, 17, 28, 39]  # 2, 4, 8, 10 and again 10 seconds after each end
    assert view(simulator).instances[0].failures >= 4
    assert set(ends(simulator)) == {"failed/exit_code"}


@pytest.mark.parametrize(
    ("backoff", "starts"), [(Backoff.CONSTANT, [0, 3, 6, 9, 12, 15]), (Backoff.LINEAR, [0, 3, 8, 15])]
)
def test_delay_grows_as_it_is_told_to(backoff: Backoff, starts: list[int]) -> None:
    simulator = servants(a_service(restart_delay=2 * SECOND, restart_backoff=backoff), lasting=1)
    simulator.run_for(15 * SECOND)
    assert begun(simulator) == starts


def test_life_that_was_long_enough_wipes_what_failed_before_it() -> None:
    simulator = servants(a_service(restart_attempts=2, healthy_after=5 * SECOND), lasting=6)
    simulator.run_for(HOUR)
    assert lives(simulator) > 500
    assert view(simulator).instances[0].failures == 0


def test_service_that_fails_too_often_in_a_row_is_given_up_until_somebody_starts_it() -> None:
    simulator = servants(a_service(restart_attempts=3, restart_delay=SECOND), lasting=1)
    simulator.run_for(HOUR)
    assert lives(simulator) == 3
    assert shown(simulator) == "fatal: fatal"
    assert told(simulator).count("fatal web1") == 1
    simulator.kill()
    simulator.boot()
    simulator.run_for(HOUR)
    assert lives(simulator) == 3
    say(simulator, up=True)
    assert lives(simulator) == 4
    simulator.run_for(HOUR)
    assert lives(simulator) == 6
    assert told(simulator).count("fatal web1") == 2


@pytest.mark.parametrize(
    ("restart", "end", "again"),
    [
        (Restart.ALWAYS, Exit(code=0), True),
        (Restart.ALWAYS, Exit(code=1), True),
        (Restart.ON_FAILURE, Exit(code=0), False),
        (Restart.ON_FAILURE, Exit(code=1), True),
        (Restart.ON_FAILURE, Exit(code=143, signal="TERM"), True),
        (Restart.NEVER, Exit(code=0), False),
        (Restart.NEVER, Exit(code=1), False),
    ],
)
def test_restart_says_after_which_ends_it_begins_again(restart: Restart, end: Exit, *, again: bool) -> None:
    simulator = servants(a_service(restart=restart), lasting=1, end=end)
    simulator.run_for(10 * SECOND)
    assert (lives(simulator) > 1) is again
    if not again:
        assert shown(simulator) == "ended: ended"
        assert told(simulator) == ["started web1", "stopped web1 ended"]


def test_what_ended_by_itself_begins_again_with_the_host_and_not_with_the_daemon() -> None:
    simulator = servants(lasting=1)
    simulator.reload(Configuration(services={"web": a_service(restart=Restart.NEVER)}))
    for _ in range(2):
        simulator.run_for(10 * SECOND)
        assert lives(simulator) == 1
        simulator.kill()
        simulator.boot()
    simulator.kill()
    simulator.boot_id = "boot-2"
    simulator.boot()
    simulator.run_for(SECOND)
    assert lives(simulator) == 2


def test_life_that_went_with_the_host_is_no_failure() -> None:
    simulator = servants(a_service(restart_attempts=1, restart=Restart.NEVER))
    number = next(iter(simulator.journal.open))
    simulator.tell(ins.AttemptExited(number, 1, Exit(reason=Reason.HOST_REBOOTED)))
    assert ends(simulator) == ["crashed/host_rebooted"]
    assert up(simulator) == ["web1"]


def test_services_go_on_without_the_daemon_and_are_never_started_twice() -> None:
    simulator = servants(a_service(instances=2), a_service("db"))
    before = set(simulator.journal.open)
    for _ in range(3):
        simulator.kill()
        simulator.run_for(HOUR)
        simulator.boot()
        simulator.run_for(SECOND)
    assert set(simulator.journal.open) == before
    assert len(simulator.adapter.executions) == 3
    assert told(simulator).count("started web1") == 1


def test_delay_goes_on_over_a_restart_of_the_daemon_and_a_clock_that_was_set_back() -> None:
    simulator = servants(a_service(restart_delay=60 * SECOND), lasting=1)
    simulator.run_for(10 * SECOND)
    assert shown(simulator) == "degraded: backoff"
    simulator.kill()
    simulator.run_for(20 * SECOND)
    simulator.boot()
    simulator.run_for(29 * SECOND)
    assert begun(simulator) == [0]
    simulator.run_for(2 * SECOND)
    assert begun(simulator) == [0, 61]
    simulator.run_for(10 * SECOND)
    simulator.kill()
    simulator.step(-HOUR)
    simulator.boot()
    simulator.run_for(61 * SECOND)
    assert lives(simulator) == 3


def test_lasting_counts_over_a_restart_of_the_daemon() -> None:
    simulator = servants(a_service(restart_attempts=1, healthy_after=60 * SECOND), lasting=100)
    simulator.run_for(30 * SECOND)
    simulator.kill()
    simulator.boot()
    simulator.run_for(28 * SECOND)
    assert not remembered(simulator).proven
    simulator.run_for(2 * SECOND)
    assert remembered(simulator).proven
    simulator.run_for(HOUR)
    assert shown(simulator) != "fatal: fatal"


def test_lost_commit_neither_loses_nor_doubles_a_life() -> None:
    for fate in (Commit.LOST, Commit.UNANSWERED):
        simulator = servants(a_service(instances=2), lasting=5)
        simulator.next_commit = fate
        simulator.run_for(30 * SECOND)
        assert simulator.rebuilds == 1
        assert lives(simulator) >= 4


def test_services_take_no_places_of_tasks() -> None:
    simulator = servants(a_service(instances=5), daemon=Daemon(max_running=1), tasks={"work": a_task()})
    submit(simulator)
    assert simulator.journal.runs[6].state is State.STARTING
    assert len(up(simulator)) == 5


def test_low_disk_starts_no_life_until_there_is_room() -> None:
    simulator = servants(a_service(restart_delay=SECOND), lasting=3)
    simulator.tell(ins.SetDiskLow(low=True))
    simulator.run_for(10 * SECOND)
    assert shown(simulator) == "starting: waiting"
    simulator.tell(ins.SetDiskLow(low=False))
    simulator.run_for(SECOND)
    assert up(simulator) == ["web1"]


def test_more_instances_than_fit_into_one_call_start_in_several() -> None:
    many = {name: a_service(name, instances=7) for name in ("db", "web")}
    simulator = Simulator(Configuration(services=many), NOON, lambda _run, _attempt: (HOUR, Exit(code=0)), size=3)
    simulator.muted = 100  # nothing is heard of those that were started
    simulator.boot()
    assert len(up(simulator)) == 3
    simulator.run_for(timedelta(milliseconds=1))
    assert len(up(simulator)) == 14


def test_many_that_fall_over_together_all_begin_again() -> None:
    crowd = [a_service(f"web-{number}", instances=64, restart_delay=10 * SECOND) for number in range(5)]
    simulator = servants(*crowd, lasting=1)
    simulator.run_for(5 * SECOND)
    assert not up(simulator)
    simulator.adapter.script = lambda _run, _attempt: (HOUR, Exit(code=0))
    simulator.run_for(10 * SECOND)
    assert len(up(simulator)) == 5 * 64


def test_life_that_is_stopped_by_its_number_is_followed_by_another_where_the_service_is_always_on() -> None:
    for restart, after in ((Restart.ALWAYS, 2), (Restart.ON_FAILURE, 1)):
        simulator = servants(a_service(restart=restart, restart_attempts=1))
        simulator.tell(ins.Stop(next(iter(simulator.journal.open)), "asked", "eva"))
        simulator.run_for(10 * SECOND)
        assert lives(simulator) == after
        assert ends(simulator) == ["cancelled/stopped"]


def test_life_that_fails_more_checks_than_are_forgiven_is_replaced() -> None:
    simulator = servants(a_service(health_check=CHECK, restart_delay=5 * SECOND))
    assert view(simulator).instances[0].well is None
    checked(simulator, True, False, False)
    assert shown(simulator) == "degraded: unwell"
    assert view(simulator).instances[0].text == "refused"
    checked(simulator, True, False, False)
    assert ends(simulator) == []
    checked(simulator, False)
    assert ends(simulator) == ["failed/unhealthy"]
    assert simulator.journal.runs[1].messages[-1].text == "refused"
    assert shown(simulator) == "degraded: backoff"
    simulator.run_for(10 * SECOND)
    assert shown(simulator) == "running: running"
    assert view(simulator).instances[0].failures == 1


def test_life_that_is_unwell_is_not_proven_by_lasting() -> None:
    simulator = servants(a_service(health_check=CHECK, restart_attempts=1, healthy_after=20 * SECOND))
    checked(simulator, False, False)
    simulator.run_for(60 * SECOND)
    checked(simulator, False)
    simulator.run_for(SECOND)
    assert shown(simulator) == "fatal: fatal"
    say(simulator, up=True)
    checked(simulator, False)
    simulator.run_for(15 * SECOND)
    checked(simulator, True)
    simulator.run_for(20 * SECOND)
    assert remembered(simulator).proven


def test_checks_of_what_is_over_and_of_tasks_say_nothing() -> None:
    simulator = servants(a_service(), tasks={"work": a_task()})
    number = submit(simulator)
    simulator.tell(ins.HealthTold(number, well=False), ins.HealthTold(1, well=False), ins.HealthTold(99, well=False))
    assert view(simulator).instances[0].well is False  # nobody asks any more, and nobody minds
    simulator.run_for(timedelta(minutes=5))
    assert ends(simulator) == []


def test_unknown_service_is_refused() -> None:
    simulator = servants(a_service())
    assert refusal(simulator, ins.SetService("wbe", up=True, key="asked")) == "unknown: no service wbe"
