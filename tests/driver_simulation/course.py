"""The course of one seed: half a day of troubles, one daemon after the other, then quiet and a judgement."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from polysync.domain.approvals import Decision
from polysync.domain.inputs import ConfirmClock, Decide, Stop
from polysync.domain.run import Blocker
from tests.driver_simulation.judge import judge
from tests.driver_simulation.life import Life, one_life
from tests.driver_simulation.troubles import mislay, world_of
from tests.driver_simulation.verdict import FINAL
from tests.driver_simulation.world import World
from tests.simulation import chance

LENGTH = timedelta(hours=10)
ACTS = 45
HOUR = timedelta(hours=1)
LAST_TROUBLES = 8
PATIENCE = timedelta(days=2)  # within it everything must have ended


def live_through(seed: int, folder: Path, kind: type[Life] = Life) -> World:
    """Half a day of troubles, then quiet until everything has ended."""
    world = world_of(seed, folder, LENGTH, ACTS)
    end = world.clock.read().boot + LENGTH
    while world.clock.read().boot < end:
        one_life(world, end, kind=kind)
        world.clock.advance(timedelta(seconds=world.dice.choice([0, 1, 60, 4000])))
    ends_at = calm(world, kind)
    world.witness.open(str(world.home / "polysync.db"))
    try:
        judge(world, ends_at)
    finally:
        world.witness.close()
    return world


def calm(world: World, kind: type[Life]) -> datetime:
    """Faults off: after this nothing may be left over; returns when the schedules ended."""
    world.events.clear()
    world.storage.heal()
    world.places.soothe()
    silenced: list[datetime] = []

    async def confirm(life: Life) -> None:
        life.inbox.tell(ConfirmClock())

    async def catch_up(_life: Life) -> None:  # else what waits for a time would wait for days
        world.jump(step=max(world.latest - world.clock.read().wall, timedelta(0)))

    async def silence(life: Life) -> None:
        silenced.append(max(world.latest, world.clock.read().wall))
        tasks = {name: replace(chance.silent(task), contention=()) for name, task in world.configuration.tasks.items()}
        wide = {name: replace(limit, limit=10**6, max=10**3) for name, limit in world.configuration.contention.items()}
        life.configure(world.reload(tasks=tasks, contention=wide, services={}))

    def over(life: Life) -> bool:
        if silenced:
            answer_everybody(life)
        settled = bool(silenced) and life.driver.configuration is world.configuration
        return (
            settled
            and not left_over(world)
            and not len(life.launcher)
            and not any(asks_somebody(life, run_id) for run_id in world.witness.states)
        )

    world.at(timedelta(0), confirm)
    for _ in range(LAST_TROUBLES):  # that this daemon has to get over by itself
        world.at(HOUR * world.dice.random(), mislay)
    world.at(HOUR / 2, catch_up)
    world.at(HOUR, silence)
    life = one_life(world, world.clock.read().boot + PATIENCE, over, kind)
    assert life is not None
    assert not left_over(world), left_over(world)
    assert life.driver.gauges.trouble == ""
    sizes = life.driver.engine.sizes()
    assert all(sizes[kind] == 0 for kind in ("attempts", "signs", "locks", "line")), sizes
    return silenced[0]


def left_over(world: World) -> dict[int, str]:
    """What has not ended; a run may wait for ever for another one that never comes."""
    return {run_id: state for run_id, state in world.witness.states.items() if state not in FINAL | {"waiting"}}


def answer_everybody(life: Life) -> None:
    """Do what runs wait for people to do."""
    for run_id, state in list(life.world.witness.states.items()):
        if state == "held":
            life.ask(Stop(run_id))
        elif state == "waiting" and asks_somebody(life, run_id):
            life.ask(Decide(run_id, Decision.APPROVE))


def asks_somebody(life: Life, run_id: int) -> bool:
    """Whether a run waits for a person."""
    run = life.desk.live(run_id)
    return run is not None and run.blocked_on is not None and run.blocked_on.kind is not Blocker.DEPENDENCIES
