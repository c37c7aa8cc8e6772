"""The lives of services: what is known of them in the world, and what follows when one begins and ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from polysync.domain.effects import EventName
from polysync.domain.rows import Instance, Over, Run, ServiceState
from polysync.domain.run import Reason, State
from polysync.domain.service import SETTLING, Down, Health, after_life, unwanted
from polysync.domain.settings import Service
from polysync.domain.timers import Due, Timer
from polysync.domain.world import World, note_task, tell

_NEW: Final = ServiceState()
_NOBODY: Final[Mapping[int, int]] = {}


def live_of(world: World, name: str) -> Mapping[int, int]:
    """The runs that are the lives of a service, by instance."""
    return world.index.serving.get(name, _NOBODY)


def remembered(world: World, name: str) -> ServiceState:
    """What is remembered of a service."""
    state = world.tasks.get(name)
    return _NEW if state is None or state.service is None else state.service


def instance_of(world: World, name: str, number: int) -> Instance | None:
    """What is remembered of one instance, if the service still has so many."""
    instances = remembered(world, name).instances
    return instances[number - 1] if 0 < number <= len(instances) else None


def note_instance(world: World, name: str, one: Instance) -> None:
    """Change what is remembered of one instance."""
    state = remembered(world, name)
    instances = tuple(one if other.number == one.number else other for other in state.instances)
    note_task(world, name, service=replace(state, instances=instances))


def look_again(world: World, name: str) -> None:
    """Something about a service changed, which may let it, those above it and those below it go on."""
    keeping, service = world.keeping, world.configuration.services.get(name)
    below = keeping.leaving.get(name, ()) if service is None else service.depends_on
    keeping.unsettled.update(dict.fromkeys((name, *keeping.above.get(name, ()), *below)))


def look_at_all(world: World) -> None:
    """Something changed for every service there is."""
    names = (*world.configuration.services, *(name for name, live in world.index.serving.items() if live))
    world.keeping.unsettled.update(dict.fromkeys(names))


def wanted(world: World, name: str) -> int:
    """How many instances of a service should be up while the daemon is there."""
    service = world.configuration.services.get(name)
    return 0 if service is None or unwanted(service, remembered(world, name)) else service.instances


def target(world: World, name: str) -> int:
    """How many should be up now."""
    return 0 if world.ending else wanted(world, name)


def is_outdated(world: World, run: Run) -> bool:
    """Whether a life shall be followed by another one under what holds today."""
    one = instance_of(world, run.task, run.instance)
    return one is None or one.process != world.keeping.processes.get(run.task)


def is_fine(world: World, run: Run) -> bool:
    """Whether a life runs, and is well if anybody asks it."""
    service = world.configuration.services.get(run.task)
    if run.state is not State.RUNNING or service is None:
        return False
    return service.health_check is None or health_of(world, run.id).well is True


def health_of(world: World, run_id: int) -> Health:
    """What the checks of a life said last."""
    return world.keeping.health.get(run_id, _UNKNOWN)


_UNKNOWN: Final = Health()


def is_trusted(world: World, run: Run, one: Instance) -> bool:
    """Whether a life is so good that the next of its like may follow it."""
    asked = health_of(world, run.id).well is True
    return is_fine(world, run) and not one.failures and (asked or run.id in world.keeping.settled)


def await_settling(world: World, run: Run, service: Service) -> None:
    """Have it noticed that a life did not fall over at once."""
    wait = min(SETTLING, service.healthy_after)
    world.timers.after(wait, Timer(Due.SETTLED, run.id, run.attempt), world.now)


def is_ready(world: World, name: str) -> bool:
    """Whether those that depend on a service may start: it is up or has done its part, but for what was given up."""
    live = live_of(world, name)
    instances = remembered(world, name).instances[: target(world, name)]
    there = [one for one in instances if one.over is None or one.done]
    up = (world.runs.get(live.get(one.number, 0)) for one in there if one.over is None)
    return bool(there) and all(run is not None and is_fine(world, run) for run in up)


def waits_for(world: World, service: Service) -> tuple[str, ...]:
    """The services that have to be up before this one starts, and are not."""
    return tuple(name for name in service.depends_on if not is_ready(world, name))


def life_begun(world: World, run: Run) -> None:
    """A life was confirmed."""
    tell(world, EventName.SERVICE_STARTED, run, instance=run.instance)
    look_again(world, run.task)


def life_over(world: World, run: Run) -> None:
    """A life is over: decide about the next one, unless nobody wants it."""
    look_again(world, run.task)
    world.keeping.health.pop(run.id, None)
    world.keeping.settled.discard(run.id)
    if not live_of(world, run.task):
        world.keeping.leaving.pop(run.task, None)
    service = world.configuration.services.get(run.task)
    one = instance_of(world, run.task, run.instance)
    if service is None or one is None or run.instance > wanted(world, run.task):
        _tell_down(world, run, unwanted(service, remembered(world, run.task)) or Down.SURPLUS)
        return
    after = after_life(service, one, run, world.now.wall, outdated=is_outdated(world, run))
    note_instance(world, run.task, after)
    if after.over is Over.FATAL:
        tell(world, EventName.SERVICE_FATAL, run, instance=one.number, failures=after.failures)
    elif after.over is Over.ENDED:
        _tell_down(world, run, Down.ENDED)
    elif after.due_at is not None:
        await_restart(world, run.task, after, after.due_at - world.now.wall)
    if after.over is None and run.stop_reason is Reason.SHUTDOWN:
        _tell_down(world, run, Down.SHUTDOWN)


def await_restart(world: World, name: str, one: Instance, delay: timedelta) -> None:
    """Have the next life begin after `delay`."""
    world.timers.after(delay, Timer(Due.RESTART, one.run, one.number, name), world.now)


def _tell_down(world: World, run: Run, reason: Down) -> None:
    tell(world, EventName.SERVICE_STOPPED, run, instance=run.instance, reason=reason.value)
