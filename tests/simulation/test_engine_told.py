"""What the engine says of itself to those who count and keep the audit."""

from __future__ import annotations

from datetime import timedelta

from polysync.domain.inputs import Stop, Tick
from polysync.domain.run import State
from tests.simulation.story import NOON, a_task, story, submit


def test_the_runs_that_a_call_ended_are_told_until_the_next_one() -> None:
    simulator = story(a_task())
    number = submit(simulator, hold=True)
    engine = simulator.engine
    assert engine is not None
    assert engine.over == []
    simulator.tell(Stop(number, key="stop"))
    assert [(run.id, run.state) for run in engine.over] == [(number, State.CANCELLED)]
    simulator.tell(Tick())
    assert engine.over == []


def test_what_is_remembered_of_a_task_names_its_last_success() -> None:
    simulator = story(a_task(), a_task("idle"), minutes=1)
    engine = simulator.engine
    assert engine is not None
    assert engine.remembered("nothing") is None
    assert engine.last_successes() == {}
    submit(simulator)
    simulator.run_for(timedelta(minutes=2))
    state = engine.remembered("work")
    assert state is not None
    assert engine.last_successes() == {"work": state.last_success_at}
    assert state.last_success_at is not None
    assert state.last_success_at >= NOON + timedelta(minutes=1)
