"""Services that depend on each other, words of operators, files that change, and the end of the daemon."""

from __future__ import annotations

from dataclasses import replace

from polysync.domain import inputs as ins
from polysync.domain.outcome import Exit
from polysync.domain.run import State
from polysync.domain.settings import Configuration, Service
from polysync.domain.values import Restart
from tests.simulation.servants import (
    BAD,
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
from tests.simulation.simulator import Simulator
from tests.simulation.story import a_task, refusal, submit


def change(simulator: Simulator, *services: Service) -> None:
    """Read a file with these services in it, and give what follows a moment."""
    simulator.reload(replace(simulator.configuration, services={service.name: service for service in services}))
    simulator.run_for(SECOND)


def restarted(simulator: Simulator) -> None:
    """The daemon dies and comes back."""
    simulator.kill()
    simulator.boot()
    simulator.run_for(SECOND)


# ---- what depends on what


def test_service_starts_once_those_it_depends_on_run_and_are_well() -> None:
    simulator = servants(
        a_service(depends_on=("api",)), a_service("api", depends_on=("db",)), a_service("db", health_check=CHECK)
    )
    assert up(simulator) == ["db1"]
    assert view(simulator, "api").waits_for == ("db",)
    assert shown(simulator) == "starting: waiting"
    checked(simulator, False, name="db")
    assert up(simulator) == ["db1"]
    checked(simulator, True, name="db")
    assert up(simulator) == ["api1", "db1", "web1"]
    assert told(simulator) == ["started db1", "started api1", "started web1"]


def test_dependent_that_runs_goes_on_when_what_it_depends_on_stops_but_does_not_start_anew() -> None:
    simulator = servants(a_service(depends_on=("db",)), a_service("db"))
    say(simulator, "db", up=False)
    assert up(simulator) == ["web1"]
    simulator.tell(ins.AttemptExited(next(iter(simulator.journal.open)), 1, BAD))
    simulator.run_for(HOUR)
    assert up(simulator) == []
    say(simulator, "db", up=True)
    assert up(simulator) == ["db1", "web1"]


def test_instance_that_was_given_up_holds_back_nobody_while_another_one_runs() -> None:
    simulator = servants(
        a_service(depends_on=("db",)), a_service("db", instances=2, restart_attempts=1, health_check=CHECK)
    )
    simulator.tell(ins.AttemptExited(1, 1, BAD))
    assert shown(simulator, "db") == "degraded: fatal running"
    checked(simulator, True, name="db", number=2)
    assert up(simulator) == ["db2", "web1"]


def test_service_that_has_done_its_part_lets_others_begin_and_one_that_failed_does_not() -> None:
    once = a_service("setup", restart=Restart.NEVER, health_check=CHECK)
    simulator = servants(a_service(depends_on=("setup",)), once)
    assert up(simulator) == ["setup1"]
    simulator.tell(ins.AttemptExited(1, 1, Exit(code=0)))
    simulator.run_for(SECOND)
    assert shown(simulator, "setup") == "ended: ended"
    assert up(simulator) == ["web1"]
    restarted(simulator)
    simulator.tell(ins.AttemptExited(2, 1, BAD))
    simulator.run_for(HOUR)
    assert up(simulator) == ["web1"]  # also the next life, and after the daemon came back
    say(simulator, "setup", up=True)
    simulator.tell(ins.AttemptExited(max(simulator.journal.runs), 1, BAD))
    simulator.run_for(SECOND)
    assert shown(simulator, "setup") == "ended: ended"
    assert view(simulator, "web").waits_for == ("setup",)


def test_one_that_somebody_stopped_has_not_done_its_part() -> None:
    simulator = servants(
        a_service(depends_on=("setup",), autostart=False), a_service("setup", restart=Restart.ON_FAILURE)
    )
    simulator.tell(ins.Stop(1, actor="anna"))
    simulator.run_for(SECOND)
    assert shown(simulator, "setup") == "ended: ended"
    say(simulator, "web", up=True)
    assert view(simulator, "web").waits_for == ("setup",)


def test_what_others_depend_on_stops_after_they_are_gone() -> None:
    chain = (a_service(depends_on=("api",)), a_service("api", depends_on=("db",)), a_service("db"))
    for stop in ("shutdown", "removed", "disabled"):
        simulator = servants(*chain)
        simulator.adapter.script = lambda _run, _attempt: (HOUR, BAD)
        if stop == "shutdown":
            simulator.tell(ins.Shutdown(stop=True))
        else:
            off = [replace(service, enabled=False) for service in chain if stop == "disabled"]
            simulator.reload(Configuration(services={service.name: service for service in off}))
        assert up(simulator) == ["api1", "db1", "web1*"]
        simulator.run_for(30 * SECOND)
        stops = [line for line in told(simulator) if line.startswith("stopped")]
        assert stops == [f"stopped {name}1 {stop}" for name in ("web", "api", "db")]
        assert up(simulator) == []


# ---- an operator's word


def test_word_of_an_operator_outlives_the_daemon() -> None:
    simulator = servants(a_service(instances=2), a_service("spare", autostart=False))
    assert shown(simulator, "spare") == "stopped: stopped"
    assert view(simulator, "spare").why == "autostart"
    say(simulator, up=False)
    say(simulator, "spare", up=True)
    for _ in range(2):
        assert up(simulator) == ["spare1"]
        assert (view(simulator).wanted, view(simulator).why) == (False, "stopped")
        restarted(simulator)
    assert ends(simulator) == ["cancelled/stopped", "cancelled/stopped"]
    assert [line for line in told(simulator) if "stopped" in line] == ["stopped web2 stopped", "stopped web1 stopped"]
    assert {run.actor for run in simulator.journal.runs.values()} == {"scheduler"}


def test_words_that_change_nothing_are_a_plain_yes() -> None:
    simulator = servants(a_service())
    say(simulator, up=True)
    assert lives(simulator) == 1
    say(simulator, up=False)
    say(simulator, up=False)
    assert told(simulator) == ["started web1", "stopped web1 stopped"]


def test_service_that_is_disabled_starts_for_nobody() -> None:
    simulator = servants(a_service(enabled=False))
    simulator.tell(ins.SetService("web", up=False, key="asked"))
    assert refusal(simulator, ins.SetService("web", up=True, key="asked")) == "conflict: web is disabled in the file"
    assert up(simulator) == []
    assert view(simulator).why == "disabled"


def test_word_that_cuts_a_delay_short_leaves_no_alarm_for_the_next_one() -> None:
    simulator = servants(a_service(restart_delay=60 * SECOND, restart_max_delay=HOUR), lasting=1)
    simulator.run_for(2 * SECOND)
    say(simulator, up=True)
    assert lives(simulator) == 2
    simulator.run_for(58 * SECOND)  # the first delay would be over now
    assert lives(simulator) == 2
    simulator.run_for(5 * SECOND)
    assert lives(simulator) == 3


def test_stop_while_the_next_life_is_awaited_is_the_end_of_it() -> None:
    simulator = servants(a_service(restart_delay=60 * SECOND), lasting=1)
    simulator.run_for(2 * SECOND)
    say(simulator, up=False)
    simulator.run_for(HOUR)
    assert lives(simulator) == 1
    assert shown(simulator) == "stopped: stopped"
    assert told(simulator) == ["started web1", "stopped web1 stopped"]
    say(simulator, up=True)
    simulator.run_for(2 * SECOND)
    change(simulator, a_service(enabled=False))
    simulator.run_for(HOUR)
    assert lives(simulator) == 2
    assert told(simulator)[2:] == ["started web1", "stopped web1 disabled"]


def test_restart_takes_one_instance_after_the_other() -> None:
    simulator = servants(a_service(instances=3, health_check=CHECK))
    for number in (1, 2, 3):
        checked(simulator, True, number=number)
    say(simulator, up=True, restart=True)
    assert [view(simulator).instances[number].run_id for number in range(3)] == [4, 2, 3]
    simulator.run_for(HOUR)
    assert lives(simulator) == 4  # the new one has not said that it is well
    assert [one.outdated for one in view(simulator).instances] == [False, True, True]
    checked(simulator, True, number=1)
    checked(simulator, True, number=2)
    assert [one.run_id for one in view(simulator).instances] == [4, 5, 6]
    assert ends(simulator) == ["cancelled/stopped"] * 3
    stops = [line for line in told(simulator) if "stopped" in line]
    assert stops == []


def test_restart_replaces_also_what_is_unwell_and_begins_with_it() -> None:
    simulator = servants(a_service(instances=2, health_check=CHECK))
    checked(simulator, True, number=1)
    checked(simulator, False, number=2)
    say(simulator, up=True, restart=True)
    assert [one.run_id for one in view(simulator).instances] == [1, 3]


def test_restart_waits_for_one_that_takes_its_time_to_stop() -> None:
    simulator = servants(a_service(instances=2, health_check=CHECK))
    checked(simulator, True, number=1)
    simulator.tell(ins.SetService("web", up=True, restart=True, key="asked"))
    assert up(simulator) == ["web1", "web2*"]  # the one that did not say that it is well
    simulator.tell(ins.HealthTold(1, well=False))
    assert up(simulator) == ["web1", "web2*"]


def test_start_while_it_is_being_stopped_gives_it_another_life_at_once() -> None:
    simulator = servants(a_service(restart=Restart.NEVER))
    simulator.tell(ins.SetService("web", up=False, key="a"), ins.SetService("web", up=True, key="b"))
    simulator.run_for(2 * SECOND)
    assert lives(simulator) == 1  # nothing had been asked of it yet
    simulator.tell(ins.SetService("web", up=False, key="a"))
    assert up(simulator) == ["web1*"]
    simulator.tell(ins.SetService("web", up=True, key="b"))
    assert lives(simulator) == 1
    simulator.run_for(2 * SECOND)
    assert (lives(simulator), up(simulator)) == (2, ["web1"])


# ---- a file that changes


def test_instances_follow_the_file_the_highest_go_first() -> None:
    simulator = servants(a_service())
    change(simulator, a_service(instances=4))
    assert up(simulator) == ["web1", "web2", "web3", "web4"]
    change(simulator, a_service(instances=2))
    assert up(simulator) == ["web1", "web2"]
    assert told(simulator)[-2:] == ["stopped web4 surplus", "stopped web3 surplus"]
    assert lives(simulator) == 4


def test_other_keys_restart_nothing() -> None:
    simulator = servants(a_service(instances=2))
    change(
        simulator, a_service(instances=2, healthy_after=HOUR, title="The web", log_max_size=4096, restart_attempts=9)
    )
    restarted(simulator)
    assert lives(simulator) == 2


def test_another_process_is_rolled_out_one_by_one_and_stops_where_it_fails() -> None:
    simulator = servants(a_service(instances=3))
    simulator.adapter.script = lambda _run, _attempt: (SECOND, BAD)
    change(simulator, a_service(instances=3, run="serve --wrong", restart_attempts=2))
    simulator.run_for(HOUR)
    assert shown(simulator) == "degraded: fatal running running"
    assert [one.outdated for one in view(simulator).instances] == [False, True, True]
    restarted(simulator)
    assert up(simulator) == ["web2", "web3"]
    simulator.adapter.script = lambda _run, _attempt: (1000 * HOUR, BAD)
    change(simulator, a_service(instances=3, run="serve --right"))
    simulator.run_for(10 * SECOND)
    assert shown(simulator) == "running: running running running"
    assert not any(one.outdated for one in view(simulator).instances)


def test_roll_waits_for_what_the_service_depends_on() -> None:
    simulator = servants(a_service(depends_on=("db",)), a_service("db", restart_delay=60 * SECOND))
    simulator.tell(ins.AttemptExited(1, 1, BAD), ins.AttemptExited(1, 1, BAD))
    assert shown(simulator, "db") == "degraded: backoff"
    change(simulator, a_service(depends_on=("db",), run="serve --more"), a_service("db", restart_delay=60 * SECOND))
    assert lives(simulator) == 1
    simulator.run_for(62 * SECOND)
    assert (lives(simulator), up(simulator)) == (2, ["db1", "web1"])


def test_what_ended_by_itself_is_passed_over_by_a_roll() -> None:
    simulator = servants(a_service(instances=2, restart=Restart.ON_FAILURE))
    simulator.tell(ins.AttemptExited(1, 1, Exit(code=0)))
    assert shown(simulator) == "running: ended running"
    say(simulator, up=True, restart=True)
    simulator.run_for(5 * SECOND)
    simulator.tell(ins.AttemptExited(3, 1, Exit(code=0)))
    change(simulator, a_service(instances=2, restart=Restart.ON_FAILURE, run="serve --more"))
    simulator.run_for(5 * SECOND)
    assert shown(simulator) == "running: running running"


def test_service_that_comes_back_while_it_is_being_stopped_gets_another_life() -> None:
    simulator = servants(a_service())
    simulator.reload(Configuration())
    assert up(simulator) == ["web1*"]
    assert view(simulator).why == "removed"
    assert shown(simulator) == "stopping: stopping"
    simulator.reload(Configuration(services={"web": a_service()}))
    simulator.run_for(2 * SECOND)
    assert (lives(simulator), up(simulator)) == (2, ["web1"])


def test_name_that_goes_over_to_a_task_and_back_is_no_longer_the_service() -> None:
    simulator = servants(a_service())
    simulator.reload(Configuration(tasks={"web": a_task("web")}))
    simulator.run_for(2 * SECOND)
    number = submit(simulator, "web")
    assert simulator.journal.runs[number].state is State.STARTING
    assert up(simulator) == []
    simulator.reload(Configuration(services={"web": a_service()}))
    simulator.run_for(2 * SECOND)
    assert up(simulator) == ["web1"]


def test_service_that_no_longer_starts_by_itself_is_not_stopped() -> None:
    simulator = servants(a_service())
    change(simulator, a_service(autostart=False))
    restarted(simulator)
    assert (lives(simulator), up(simulator)) == (1, ["web1"])


def test_word_is_forgotten_with_the_service() -> None:
    simulator = servants(a_service())
    say(simulator, up=False)
    change(simulator)
    change(simulator, a_service())
    assert up(simulator) == ["web1"]


# ---- the end of the daemon


def test_daemon_that_ends_and_lets_go_leaves_services_where_they_are() -> None:
    simulator = servants(a_service(), a_service("db", restart_delay=SECOND))
    before = up(simulator)
    simulator.tell(ins.Shutdown(stop=False))
    simulator.tell(ins.AttemptExited(2, 1, BAD))
    simulator.run_for(10 * SECOND)
    assert up(simulator) == ["web1"]  # nothing begins any more
    restarted(simulator)
    assert up(simulator) == before
    assert lives(simulator) == 1


def test_what_the_end_of_the_daemon_stopped_begins_again_with_it() -> None:
    for restart in Restart:
        simulator = servants(a_service(instances=2, restart=restart, restart_attempts=restart is not Restart.NEVER))
        simulator.tell(ins.Shutdown(stop=True))
        simulator.run_for(10 * SECOND)
        assert ends(simulator) == ["cancelled/shutdown"] * 2
        assert told(simulator)[-2:] == ["stopped web2 shutdown", "stopped web1 shutdown"]
        restarted(simulator)
        assert (lives(simulator), up(simulator)) == (4, ["web1", "web2"])
