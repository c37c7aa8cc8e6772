"""Keeping services up: whatever is wanted and may start starts, whatever nobody wants stops, in their order.

There is no queue of lives: one that can begin begins, and none of them counts under a limit of tasks.  They
would hold its places for ever, and a daemon full of tasks could not bring back a service that fell over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from polysync.domain.admission import claim
from polysync.domain.effects import EventName
from polysync.domain.placement import LOCAL
from polysync.domain.rows import Instance, Over, Run
from polysync.domain.run import Move, Reason, State
from polysync.domain.service import Down, as_task, unwanted
from polysync.domain.service_life import (
    await_settling,
    instance_of,
    is_fine,
    is_outdated,
    is_trusted,
    live_of,
    note_instance,
    remembered,
    target,
    waits_for,
)
from polysync.domain.settings import Service
from polysync.domain.stopping import stop
from polysync.domain.timers import Due, Timer
from polysync.domain.values import Trigger
from polysync.domain.world import World, create, tell

RELOAD = "reload"  # who stops what the file no longer wants


def keep(world: World) -> None:
    """Look at every service about which something changed; what does not fit into the call stays for the next."""
    keeping, left = world.keeping, world.budget.size
    for name in list(keeping.unsettled):
        if left <= 0:
            return
        del keeping.unsettled[name]
        left -= _settle(world, name, left)


def _settle(world: World, name: str, room: int) -> int:
    """Bring one service to what is wanted of it; how many lives that began."""
    service, count = world.configuration.services.get(name), target(world, name)
    _dismiss(world, name, count)
    if service is None or not count or world.closing or world.disk_low or waits_for(world, service):
        return 0
    _renew(world, service)
    return _begin_missing(world, service, room)


def _dismiss(world: World, name: str, count: int) -> None:
    """Stop what nobody wants, the highest numbers first; what others depend on stops after they are gone."""
    live = live_of(world, name)
    if not world.ending:
        _give_up_waiting(world, name, count, live)
    if not count and any(live_of(world, other) and not target(world, other) for other in _above(world, name)):
        return
    for number in sorted((number for number in live if number > count), reverse=True):
        _stop(world, world.runs[live[number]])


def _above(world: World, name: str) -> tuple[str, ...]:
    """Who depends on a service, those among them that were removed and are still there."""
    leaving = (other for other, below in world.keeping.leaving.items() if name in below)
    return (*world.keeping.above.get(name, ()), *leaving)


def _give_up_waiting(world: World, name: str, count: int, live: Mapping[int, int]) -> None:
    """An instance that waits for its next life is not to have one."""
    for one in remembered(world, name).instances[count:]:
        if one.number not in live and one.due_at is not None:
            note_instance(world, name, replace(one, due_at=None, failures=0))
            reason = unwanted(world.configuration.services.get(name), remembered(world, name)) or Down.SURPLUS
            tell(world, EventName.SERVICE_STOPPED, task=name, instance=one.number, reason=reason.value)


def _stop(world: World, run: Run) -> None:
    if world.ending:
        stop(world, run, Reason.SHUTDOWN, "daemon")
        return
    service, state = world.configuration.services.get(run.task), remembered(world, run.task)
    one = instance_of(world, run.task, run.instance)
    by_word = unwanted(service, state) is Down.STOPPED or (one is not None and not one.process)
    stop(world, run, Reason.STOPPED, (state.actor if by_word else "") or RELOAD)


def _renew(world: World, service: Service) -> None:
    """Give one outdated life after the other a successor: the next one goes once the last new one is good."""
    live, old = live_of(world, service.name), []
    for one in remembered(world, service.name).instances:
        run = world.runs.get(live.get(one.number, 0))
        if run is None:
            if one.over is not Over.ENDED:  # it is to begin, or what is new fails: the rest stays as it is
                return
        elif run.state is State.STOPPING:
            return
        elif is_outdated(world, run):
            old.append(run)
        elif not is_trusted(world, run, one):
            return
    if old:
        _stop(world, min(old, key=lambda run: (is_fine(world, run), run.instance)))


def _begin_missing(world: World, service: Service, room: int) -> int:
    """Begin the lives that are missing and due, as far as there is room for them in this call."""
    live = live_of(world, service.name)
    instances = remembered(world, service.name).instances
    due = [one for one in instances if one.number not in live and one.over is None and one.due_at is None]
    for one in due[:room]:
        _begin(world, service, one)
    if len(due) > room:
        world.keeping.unsettled[service.name] = None
    return len(due[:room])


def _begin(world: World, service: Service, one: Instance) -> None:
    task = as_task(service)
    run = create(world, task, Move.QUEUE, Trigger.SERVICE, instance=one.number)
    claim(world, run, task, LOCAL)
    process = world.keeping.processes[service.name]
    note_instance(world, service.name, replace(one, run=run.id, process=process, proven=False, done=False))
    await_settling(world, run, service)
    world.timers.after(service.healthy_after, Timer(Due.HEALTHY, run.id, run.attempt), world.now)
