"""What the engine answers about itself."""

from __future__ import annotations

from datetime import timedelta

from polysync.domain.definition import Definition
from polysync.domain.timekeeping import Change, ClockChange, notice
from polysync.domain.values import Reading
from polysync.domain.zone import is_zone
from tests.simulation.story import NOON, a_task, story, submit


def test_definition_of_a_run_is_the_one_that_it_started_with() -> None:
    simulator = story(a_task())
    number = submit(simulator)
    assert simulator.engine is not None
    run = simulator.engine.run(number)
    assert run is not None
    assert simulator.engine.definition(run) == Definition(a_task())
    assert simulator.engine.knows(run.definition)
    assert not simulator.engine.knows("another")


def test_anchors_say_since_when_an_interval_is_counted() -> None:
    simulator = story(a_task(cron=("@every 50m",)), a_task("other", cron=("0 * * * *",)))
    assert simulator.engine is not None
    assert simulator.engine.anchors() == {"work": {"@every 50m": NOON}}


def test_time_without_a_daemon_is_told_as_such() -> None:
    assert str(ClockChange(Change.RETURNED, timedelta(minutes=5), NOON)) == "down 5m"


def test_one_look_at_the_clocks_is_no_jump() -> None:
    reading = Reading(NOON, timedelta(0), timedelta(0))
    assert notice(reading, reading) is None


def test_zones_are_known_by_name() -> None:
    assert is_zone("Europe/Paris")
    assert not is_zone("Europe/Nowhere")
