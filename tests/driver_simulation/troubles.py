"""What happens in one seed: a random configuration, and acts spread over a day; each kind is on or off per seed."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from polysync.domain import inputs as ins
from polysync.domain.approvals import Decision
from polysync.domain.run import Blocker
from polysync.domain.settings import Service
from polysync.domain.task import Task
from polysync.ports import Request
from tests.driver_simulation.life import Life
from tests.driver_simulation.storage import Fate
from tests.driver_simulation.world import World
from tests.simulation import chance, service_chance

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
Act = Callable[[Life], Awaitable[None]]
REMOTE = (
    "start refused for good",
    "start refused",
    "find refused for good",
    "find refused",
    "connection lost",
    "follow refused for good",
    "end told late",
    "stop refused",
    "forget refused",
    "answers come late",
    "answers get lost",
    "output told again",
    "vault sealed",
)


def world_of(seed: int, folder: Path, length: timedelta, count: int) -> World:
    """A world with `count` acts spread over `length`."""
    dice = random.Random(seed)
    services = calm_services(random.Random(f"services {seed}"))
    configuration = replace(chance.configuration(dice), services=services)
    world = World(seed, folder, configuration, chance.begin_of(dice))
    world.places.faulty = frozenset(name for name in REMOTE if dice.random() < 0.6)
    kinds = [kind for kind, odds in KINDS.items() if dice.random() < odds] or [submit]
    for _ in range(count):
        world.at(SECOND * dice.randrange(int(length.total_seconds())), dice.choice(kinds))
    return world


# ---- people


async def submit(life: Life) -> None:
    """Ask for a run, now, later, or held back."""
    dice, now = life.world.dice, life.world.clock.read().wall
    for _ in range(dice.choice([1, 1, 1, 12])):
        life.submit(
            task=_a_task(life),
            hold=dice.random() < 0.1,
            start_at=dice.choice([None, None, now + HOUR, now - HOUR]),
            expires_after=dice.choice([None, HOUR]),
            priority=dice.choice([None, 50]),
            trigger=dice.choice(chance.ASKED),
        )


async def stop(life: Life) -> None:
    """Stop a few runs."""
    for run_id in _some_runs(life, 2):
        life.ask(ins.Stop(run_id))


async def release(life: Life) -> None:
    """Let what is held go."""
    for run_id in _some_runs(life, 3):
        life.ask(ins.Release(run_id))


async def decide(life: Life) -> None:
    """Decide about whatever waits for an approval."""
    for run_id in sorted(life.world.witness.states):
        run = life.desk.live(run_id)
        if run is not None and run.blocked_on is not None and run.blocked_on.kind is Blocker.APPROVAL:
            life.ask(ins.Decide(run_id, life.world.dice.choice(list(Decision)), comment="as you like"))


async def pause(life: Life) -> None:
    """Pause a task, for a time or for good, or end that."""
    task, dice = _a_task(life), life.world.dice
    until = life.world.clock.read().wall + HOUR * dice.randrange(1, 5)
    wishes: list[Request] = [ins.Pause(task), ins.Pause(task, until=until), ins.Resume(task), ins.SkipNext(task)]
    life.ask(dice.choice(wishes))


async def reload(life: Life) -> None:
    """Add, remove, disable or rewrite a task."""
    world, dice = life.world, life.world.dice
    made = dict(world.configuration.tasks)
    name = dice.choice(list(made))
    match dice.randrange(4):
        case 0 if len(made) > 2:
            made = chance.without(made, name)
        case 1:
            fresh = f"task-{dice.randrange(100, 999)}"
            made[fresh] = Task(name=fresh, run="true", **chance.habits(dice, list(made)[:2]))
        case 2:
            made[name] = replace(made[name], enabled=not made[name].enabled)
        case _:
            made[name] = Task(name=name, run="true", **chance.habits(dice, []))
    life.configure(world.reload(tasks=made, contention=chance.profiles(dice)))


# ---- services


def calm_services(dice: random.Random) -> dict[str, Service]:
    """Random services that do not begin again every second: each time costs a dozen commits."""
    made = service_chance.services(dice)
    return {name: replace(one, restart_delay=HOUR / 6, restart_max_delay=HOUR) for name, one in made.items()}


async def word(life: Life) -> None:
    """Have a service up, down, or anew."""
    dice = life.world.dice
    up = dice.random() < 0.7
    life.ask(ins.SetService(dice.choice(service_chance.NAMES), up, restart=up and dice.random() < 0.5))


async def check(life: Life) -> None:
    """Say of each life how it is."""
    for view in life.driver.engine.services():
        for one in view.instances:
            life.inbox.tell(ins.HealthTold(one.run_id or 0, life.world.dice.random() < 0.5, "refused"))


async def other_services(life: Life) -> None:
    """Rewrite all services in the file."""
    life.configure(life.world.reload(services=calm_services(life.world.dice)))


# ---- the end of a daemon


async def kill(life: Life) -> None:
    """Kill the daemon somewhere soon: between two steps, at a statement, or while it asks somebody for something."""
    world, dice = life.world, life.world.dice
    match dice.randrange(3):
        case 0:
            life.loop.fuse = dice.randrange(60)
            world.saw("death between two steps")
        case 1:
            world.storage.fuse = dice.randrange(25)
        case _:
            world.places.fuse = dice.randrange(4)
    life.submit(task=_a_task(life))  # so that something goes on
    life.submit(task=_a_task(life))


async def shut_down(life: Life) -> None:
    """Ask the daemon to go, with its work or without."""
    stop = life.world.dice.random() < 0.5
    life.world.saw(f"a shutdown that {'stops' if stop else 'leaves'} the work")
    await life.driver.close(stop=stop, budget=timedelta(seconds=life.world.dice.choice([1, 30, 100])))


async def reboot(life: Life) -> None:
    """The host goes down with everything on it."""
    life.world.boots += 1
    life.world.places.reboot()
    life.world.saw("a reboot")
    life.breath.die()


# ---- the disk


async def fill(life: Life) -> None:
    """Let the disk be full for a while."""
    storage = life.world.storage
    storage.full = True

    async def empty(_life: Life) -> None:
        storage.full = False

    life.world.at(SECOND * life.world.dice.randrange(1, 4000), empty)


async def fail(life: Life) -> None:
    """Let the next transactions fail; after some failures only a new daemon helps."""
    dice = life.world.dice
    life.world.storage.fates.extend(dice.choice(list(Fate)) for _ in range(dice.choice([1, 1, 3])))
    life.submit(task=_a_task(life))


async def mislay(life: Life) -> None:
    """Let the answer to a commit come late or not at all."""
    dice = life.world.dice
    life.world.storage.replies.extend(dice.choices(["", "late", "unanswered", "not stored"], (3, 1, 1, 1), k=6))
    life.submit(task=_a_task(life))


# ---- time


async def suspend(life: Life) -> None:
    """Let the host sleep."""
    life.world.jump(suspend=SECOND * life.world.dice.randrange(3, 20_000))
    _look_again(life)


async def step(life: Life) -> None:
    """Set the clock a little."""
    life.world.jump(step=SECOND * life.world.dice.choice([-1, 1]) * life.world.dice.randrange(3, 9000))
    _look_again(life)


async def correct(life: Life) -> None:
    """Set a clock right that was far ahead."""
    life.world.jump(step=-SECOND * life.world.dice.randrange(11_000, 90_000))
    life.world.saw("a clock that is set right")
    _look_again(life)


KINDS: dict[Act, float] = {
    submit: 0.8,
    stop: 0.7,
    release: 0.7,
    decide: 0.7,
    pause: 0.6,
    reload: 0.6,
    word: 0.6,
    check: 0.6,
    other_services: 0.4,
    kill: 0.8,
    shut_down: 0.5,
    reboot: 0.4,
    fill: 0.5,
    fail: 0.7,
    mislay: 0.7,
    suspend: 0.5,
    step: 0.5,
    correct: 0.2,  # after one, slots may come again: nobody can account for them
}


def _a_task(life: Life) -> str:
    return life.world.dice.choice([*life.world.configuration.tasks, "no-such-task"])


def _some_runs(life: Life, count: int) -> list[int]:
    open_runs = [run_id for run_id in sorted(life.world.witness.states) if life.desk.live(run_id) is not None]
    return life.world.dice.sample(open_runs, min(count, len(open_runs)))


def _look_again(life: Life) -> None:
    for remote in life.remotes.values():
        remote.poke()
