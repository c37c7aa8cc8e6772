"""Services beside random tasks under random troubles: never two of one, and in the end exactly what is wanted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from polysync.domain import inputs as ins
from polysync.domain.effects import EventName
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import LIVE, Reason, State
from polysync.domain.settings import Service
from polysync.domain.slices import SLICE
from polysync.domain.values import Trigger
from tests.faults import fault
from tests.seeds import seed_of
from tests.simulation import chance, service_chance
from tests.simulation.service_chance import NAMES, lives, script, services
from tests.simulation.simulator import Commit, Simulator
from tests.simulation.test_seeds import always, nothing_is_left

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
LENGTH = timedelta(hours=12)
BATCH = 20
MOST = 300
MUST_HAPPEN = {
    EventName.SERVICE_STARTED,
    EventName.SERVICE_STOPPED,
    EventName.SERVICE_FATAL,
    "stopped",
    "disabled",
    "removed",
    "surplus",
    "shutdown",
    "ended",
    Reason.UNHEALTHY,
    Reason.STOPPED,
    Reason.SHUTDOWN,
    Trigger.SERVICE,
    State.STOPPING,
}


def never_two(simulator: Simulator) -> None:
    """After every step: one life of an instance at most, in the rows and out there; none of one that was given up."""
    rows = Counter((run.task, run.instance) for run in lives(simulator) if run.state in LIVE)
    now, runs = simulator.clock.read().boot, simulator.journal.runs
    going = (runs[one.run_id] for one in simulator.adapter.executions.values() if one.ends_at > now)
    there = Counter((run.task, run.instance) for run in going if run.instance)
    doubled = [key for counts in (rows, there) for key, count in counts.items() if count > 1]
    assert not doubled, doubled
    kept = {name: task.service for name, task in simulator.journal.tasks.items() if task.service is not None}
    given_up = {(name, one.number) for name, state in kept.items() for one in state.instances if one.over is not None}
    assert not given_up & rows.keys()
    always(simulator)


def live_through(seed: int) -> Simulator:
    """One seed: half a day of trouble, then quiet, in which everything comes to what is wanted of it."""
    dice = random.Random(f"services {seed}")
    configuration = replace(chance.configuration(dice), services=services(dice))
    size = dice.choice([1, 2, 7, SLICE])
    simulator = Simulator(configuration, chance.begin_of(dice), script(seed), after_step=never_two, size=size)
    chance.spread(simulator, dice, LENGTH, 30)
    service_chance.spread(simulator, dice, LENGTH, 80)
    simulator.boot()
    simulator.run_for(LENGTH)
    calm(simulator, dice)
    return simulator


def eternal(run: Run, _attempt: Attempt) -> tuple[timedelta, Exit]:
    """Lives that nothing ends but a word."""
    return 1000 * HOUR if run.instance else SECOND, Exit(code=0)


def calm(simulator: Simulator, dice: random.Random) -> None:
    """Faults off: what is wanted runs, and nothing else does; then everything goes."""
    simulator.next_commit, simulator.muted = Commit.STORED, 0
    simulator.revive()
    simulator.adapter.script = eternal
    tasks = {name: chance.silent(task) for name, task in simulator.configuration.tasks.items()}
    simulator.tell(ins.SetDiskLow(low=False), ins.ConfirmClock())
    simulator.run_for(60 * HOUR)  # whatever was begun before is over
    simulator.reload(replace(simulator.configuration, tasks=tasks, services=services(dice)))
    is_as_wanted(simulator, dice)
    goes_in_order(simulator, ins.Shutdown(stop=True) if dice.random() < 0.5 else None)
    simulator.revive()
    simulator.reload(replace(simulator.configuration, services={}))
    simulator.tell(*(ins.Stop(run.id) for run in simulator.journal.open.values() if run.state is State.HELD))
    simulator.run_for(timedelta(days=40))
    assert not list(lives(simulator))


def is_as_wanted(simulator: Simulator, dice: random.Random) -> None:
    """Say of each service whether it shall be up, let its checks be good, and look some time later."""
    made = simulator.configuration.services
    ups = {name for name, service in made.items() if service.enabled and dice.random() < 0.7}
    simulator.adapter.script = lambda run, _attempt: (SECOND * (20 if run.instance else 1), Exit(code=1))
    before = max(simulator.journal.runs, default=0)
    pass_well(simulator, ups)
    begins_again_in_time(simulator, ups, before)
    simulator.adapter.script = eternal
    pass_well(simulator, ups)
    can = {name for name in ups if supported(made, name, ups)}
    there = Counter(run.task for run in lives(simulator))
    for name, service in made.items():
        assert there[name] <= (service.instances if name in ups else 0), name
        assert name not in can or there[name] == service.instances, (name, there)
    settled = {run.id for run in lives(simulator)}
    simulator.kill()
    simulator.boot()
    simulator.run_for(HOUR)
    assert settled == {run.id for run in lives(simulator)}


def goes_in_order(simulator: Simulator, end: ins.Shutdown | None) -> None:
    """Let all services go: what depends on another one is gone before that is asked to go."""
    made, there = simulator.configuration.services, {run.id: run.task for run in lives(simulator)}
    since = len(simulator.journal.history)
    simulator.tell(end or ins.Configure(replace(simulator.configuration, services={})))
    simulator.run_for(HOUR)
    moves = [(there[number], state) for number, _, state in simulator.journal.history[since:] if number in there]
    asked = {name: moves.index((name, State.STOPPING)) for name in set(there.values())}
    gone = {name: len(moves) - 1 - moves[::-1].index((name, State.CANCELLED)) for name in set(there.values())}
    for name, last in gone.items():
        assert all(last < asked[below] for below in made[name].depends_on if below in asked), (name, moves)


def pass_well(simulator: Simulator, ups: set[str]) -> None:
    """Some minutes in which every check is good, so long that a chain of services and instances comes up."""
    for name in simulator.configuration.services:
        simulator.tell(ins.SetService(name, name in ups, key="w"))
    for count in range(12 * len(NAMES)):
        if count % 20 == 7:
            simulator.kill()
            simulator.boot()
        simulator.run_for(10 * SECOND)
        simulator.tell(*(ins.HealthTold(run.id, well=True) for run in lives(simulator)))


def begins_again_in_time(simulator: Simulator, ups: set[str], before: int) -> None:
    """Where nothing else holds it back, no delay before a life is longer than the longest that may be."""
    now = simulator.clock.read().wall
    fresh = [run for run in simulator.journal.runs.values() if run.id > before]
    for name in (name for name in ups if not simulator.configuration.services[name].depends_on):
        service, state = simulator.configuration.services[name], simulator.journal.tasks[name].service
        assert state is not None
        for one in state.instances:
            runs = [run for run in fresh if (run.task, run.instance) == (name, one.number)]
            begun = [run.created_at for run in runs][1:] + [now] * (one.over is None)
            late = [after - (run.ended_at or now) for run, after in zip(runs, begun, strict=False)]
            assert max(late, default=SECOND) <= service.restart_max_delay + SECOND, (name, one.number)


def supported(made: Mapping[str, Service], name: str, ups: set[str]) -> bool:
    """Whether a service and everything below it is to be up."""
    return name in ups and all(supported(made, below, ups) for below in made[name].depends_on)


@fault("F1", "F27")
@pytest.mark.slow
def test_services_keep_the_promises_under_every_seed() -> None:
    first = seed_of("services")
    seen: set[object] = set()
    for seed in range(first, first + MOST):
        if seed - first >= BATCH and seen >= MUST_HAPPEN:
            break
        simulator = live_through(seed)
        nothing_is_left(simulator)
        events = [event for event in simulator.published if event.name.startswith("service.")]
        seen |= {event.name for event in events} | {event.data.get("reason") for event in events}
        for run in simulator.journal.runs.values():
            seen |= {run.trigger, run.end_reason} if run.instance else set()
        seen |= {state for _, _, state in simulator.journal.history}
    assert seen >= MUST_HAPPEN, f"POLYSYNC_SEED={first}: never happened: {MUST_HAPPEN - seen}"


def test_one_seed_with_services() -> None:
    live_through(seed_of("one service seed"))
