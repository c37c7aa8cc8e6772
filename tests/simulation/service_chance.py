"""Random services, their lives, and what may happen to them: chance for them, beside that of tasks."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from polysync.domain import inputs as ins
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import Reason
from polysync.domain.settings import HealthCheck, Service
from polysync.domain.values import Backoff, Restart
from tests.simulation import chance
from tests.simulation.simulator import Script, Simulator

SECOND = timedelta(seconds=1)
NAMES: Final = ("db", "cache", "api", "web", "edge")  # each may depend on those before it


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
    """The lives of services that are not over."""
    return (run for run in simulator.journal.open.values() if run.instance)


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
        changes: list[dict[str, Any]] = [
            {"run": "three"},
            {"instances": dice.randrange(1, 5)},
            {"enabled": not made[name].enabled},
        ]
        change = dice.choice(changes)
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


def spread(simulator: Simulator, dice: random.Random, length: timedelta, count: int) -> None:
    """Spread `count` troubles of the kinds that this seed has over `length`."""
    kinds = {name: act for name, act in troubles(dice).items() if dice.random() < 0.8} or {"reboot": reboot}
    for _ in range(count):
        act = kinds[dice.choice(list(kinds))]
        simulator.at(SECOND * dice.randrange(int(length.total_seconds())), act)
