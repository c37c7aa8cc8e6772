"""Services beside random tasks under random troubles: never two of one, and in the end exactly what is wanted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from polysync.domain import inputs as ins
from polysync.domain.effects import EventName
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import LIVE, Reason, State
from polysync.domain.settings import HealthCheck, Service
from polysync.domain.slices import SLICE
from polysync.domain.values import Backoff, Restart, Trigger
from tests.faults import fault
from tests.seeds import seed_of
from tests.simulation import chance
from tests.simulation.simulator import Commit, Script, Simulator
from tests.simulation.test_seeds import always, nothing_is_left

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
LENGTH = timedelta(hours=12)
BATCH = 30
MOST = 300
NAMES = ("db", "cache", "api", "web", "edge")  # each may depend on those before it
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


def a_service(dice: random.Random, name: str, there: list[str]) -> Service:
    """A service with random habits, which may depend on some that are there already."""
    rare: dict[str, Callable[[], Any]] = {
        "enabled": lambda: False,
        "autostart": lambda: False,
        "health_check": lambda: HealthCheck(tcp="a:1", every=10 * SECOND, retries=dice.randrange(3)),
        "restart_attempts": lambda: dice.randrange(1, 5),
        "restart": lambda: dice.choice(list(Restart)),
        "restart_backoff": lambda: dice.choice(list(Backoff)),
        "graceful_stop": lambda: SECOND * dice.randrange(60),
        "healthy_after": lambda: SECOND * dice.choice([0, 1, 600]),
    }
    keys = {key: make() for key, make in rare.items() if dice.random() < 0.25}
    below = tuple(other for other in there if dice.random() < 0.4)
    return Service(name=name, run=dice.choice(["one", "two"]), instances=dice.randrange(1, 4), depends_on=below, **keys)


def services(dice: random.Random) -> dict[str, Service]:
    """Some of the names, each a service."""
    made: dict[str, Service] = {}
    for name in NAMES:
        if dice.random() < 0.7:
            made[name] = a_service(dice, name, list(made))
    return made


def script(seed: int) -> Script:
    """Tasks as ever; lives that end early and late, well and badly."""
    tasks = chance.script(seed)

    def play(run: Run, attempt: Attempt) -> tuple[timedelta, Exit]:
        if not run.instance:
            return tasks(run, attempt)
        dice = random.Random(f"{seed}/{run.id}")
        return SECOND * dice.choice([0, 1, 30, 100, 5000, 100_000]), dice.choice([Exit(code=0), Exit(code=1)])

    return play


def lives(simulator: Simulator) -> Iterator[Run]:
    return (run for run in simulator.journal.open.values() if run.instance)


def never_two(simulator: Simulator) -> None:
    """After every step: one life of an instance at most, in the rows and out there."""
    rows = Counter((run.task, run.instance) for run in lives(simulator) if run.state in LIVE)
    now, runs = simulator.clock.read().boot, simulator.journal.runs
    going = (runs[one.run_id] for one in simulator.adapter.executions.values() if one.ends_at > now)
    there = Counter((run.task, run.instance) for run in going if run.instance)
    doubled = [key for counts in (rows, there) for key, count in counts.items() if count > 1]
    assert not doubled, doubled
    always(simulator)


def troubles(dice: random.Random) -> dict[str, Callable[[Simulator], None]]:
    """What may happen next besides what happens to tasks."""
    return {
        "word": lambda sim: word(sim, dice),
        "check": lambda sim: check(sim, dice),
        "services": lambda sim: sim.reload(replace(sim.configuration, services=services(dice))),
        "one": lambda sim: change_one(sim, dice),
        "life": lambda sim: stop_life(sim, dice),
        "reboot": reboot,
    }


def word(simulator: Simulator, dice: random.Random) -> None:
    up = dice.random() < 0.6
    simulator.tell(ins.SetService(dice.choice(NAMES), up, restart=up and dice.random() < 0.5, key="w", actor="eva"))


def check(simulator: Simulator, dice: random.Random) -> None:
    well = dice.random() < 0.5
    for run in list(lives(simulator)):
        simulator.tell(ins.HealthTold(run.id, well or dice.random() < 0.3, "refused"))


def change_one(simulator: Simulator, dice: random.Random) -> None:
    made = dict(simulator.configuration.services)
    if made:
        name = dice.choice(list(made))
        change = dice.choice(
            [{"run": "three"}, {"instances": dice.randrange(1, 5)}, {"enabled": not made[name].enabled}]
        )
        made[name] = replace(made[name], **change)
        simulator.reload(replace(simulator.configuration, services=made))


def stop_life(simulator: Simulator, dice: random.Random) -> None:
    there = list(lives(simulator))
    if there:
        simulator.tell(ins.Stop(dice.choice(there).id, "s", "eva"))


def reboot(simulator: Simulator) -> None:
    """Everything that ran is gone; only the rows are left."""
    simulator.kill()
    now = simulator.clock.read()
    for execution in simulator.adapter.executions.values():
        if execution.ends_at > now.boot:
            execution.ends_at, execution.exit = now.boot, Exit(reason=Reason.HOST_REBOOTED)
    simulator.boot_id = f"boot-{simulator.crashes}"
    simulator.boot()


def live_through(seed: int) -> Simulator:
    """One seed: half a day of trouble, then quiet, in which everything comes to what is wanted of it."""
    dice = random.Random(f"services {seed}")
    configuration = replace(chance.configuration(dice), services=services(dice))
    size = dice.choice([1, 2, 7, SLICE])
    simulator = Simulator(configuration, chance.begin_of(dice), script(seed), after_step=never_two, size=size)
    chance.spread(simulator, dice, LENGTH, 30)
    kinds = {name: act for name, act in troubles(dice).items() if dice.random() < 0.8} or {"reboot": reboot}
    for _ in range(80):
        act = kinds[dice.choice(list(kinds))]
        simulator.at(SECOND * dice.randrange(int(LENGTH.total_seconds())), act)
    simulator.boot()
    simulator.run_for(LENGTH)
    calm(simulator, dice)
    return simulator


def calm(simulator: Simulator, dice: random.Random) -> None:
    """Faults off: what is wanted runs, and nothing else does; then everything goes."""
    simulator.next_commit, simulator.muted = Commit.STORED, 0
    simulator.revive()
    simulator.adapter.script = lambda run, _attempt: (1000 * HOUR if run.instance else SECOND, Exit(code=0))
    tasks = {name: chance.silent(task) for name, task in simulator.configuration.tasks.items()}
    simulator.tell(ins.SetDiskLow(low=False), ins.ConfirmClock())
    simulator.run_for(60 * HOUR)  # whatever was begun before is over
    simulator.reload(replace(simulator.configuration, tasks=tasks, services=services(dice)))
    is_as_wanted(simulator, dice)
    simulator.reload(replace(simulator.configuration, services={}))
    simulator.tell(*(ins.Stop(run.id) for run in simulator.journal.open.values() if run.state is State.HELD))
    simulator.run_for(timedelta(days=40))
    assert not list(lives(simulator))


def is_as_wanted(simulator: Simulator, dice: random.Random) -> None:
    """Say of each service whether it shall be up, let its checks be good, and look some time later."""
    made, ups = simulator.configuration.services, set[str]()
    for name, service in made.items():
        if service.enabled and dice.random() < 0.7:
            ups.add(name)
        simulator.tell(ins.SetService(name, name in ups, key="w"))
    for _ in range(12 * len(NAMES)):  # a chain of rolls: each instance waits for the one before
        simulator.run_for(10 * SECOND)
        simulator.tell(*(ins.HealthTold(run.id, well=True) for run in lives(simulator)))
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


def supported(made: dict[str, Service], name: str, ups: set[str]) -> bool:
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
