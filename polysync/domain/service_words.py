"""What is said of services: by an operator, by a check, by a timer, and by a file that was read again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from polysync.domain.definition import parts_of, refreshed
from polysync.domain.effects import Refusal
from polysync.domain.inputs import HealthTold, SetService
from polysync.domain.rows import Message, Run
from polysync.domain.run import Reason, State
from polysync.domain.service import (
    Health,
    as_task,
    booted,
    delay_after,
    dependents,
    fitted,
    process_of,
    told_down,
    told_up,
)
from polysync.domain.service_life import (
    await_restart,
    await_settling,
    health_of,
    instance_of,
    live_of,
    look_again,
    look_at_all,
    note_instance,
    remembered,
)
from polysync.domain.settings import Configuration, Service
from polysync.domain.stopping import stop
from polysync.domain.timers import Due, Timer
from polysync.domain.world import World, answer, note, note_task, refuse


def set_service(world: World, asked: SetService) -> None:
    """Have a service up or down from now on."""
    name, service = asked.service, world.configuration.services.get(asked.service)
    if service is None:
        refuse(world, asked.key, Refusal.UNKNOWN, f"no service {name}")
        return
    if asked.up and not service.enabled:
        refuse(world, asked.key, Refusal.CONFLICT, f"{name} is disabled in the file")
        return
    state = remembered(world, name)
    if asked.up:
        stays = [number for number, run in live_of(world, name).items() if _stays(world.runs[run])]
        after = told_up(state, stays, asked.actor, renew=asked.restart)
    else:
        after = told_down(state, asked.actor)
    note_task(world, name, service=after)
    look_again(world, name)
    answer(world, asked.key)


def _stays(run: Run) -> bool:
    return run.state is not State.STOPPING


def health_told(world: World, told: HealthTold) -> None:
    """A check was carried out: a life that fails more of them in a row than are forgiven ends."""
    run = world.runs.get(told.run_id)
    if run is None or not run.instance or run.state is not State.RUNNING:
        return
    before = health_of(world, run.id)
    failed = 0 if told.well else before.failed + 1
    world.keeping.health[run.id] = Health(told.well, failed, told.text)
    if before.well is not told.well:
        look_again(world, run.task)
    service = world.configuration.services.get(run.task)
    check = None if service is None else service.health_check
    if check is not None and failed > check.retries:
        note(world, run, messages=(*run.messages, Message("unhealthy", told.text, error=True)))
        stop(world, run, Reason.UNHEALTHY, "engine")


def ring_restart(world: World, timer: Timer) -> None:
    """The delay before another life is over, unless it was cut short and this is another one."""
    one = instance_of(world, timer.task, timer.attempt)
    if one is not None and one.run == timer.run_id and one.due_at is not None:
        note_instance(world, timer.task, replace(one, due_at=None))
        look_again(world, timer.task)


def ring_settled(world: World, run: Run, _timer: Timer) -> None:
    """A life did not fall over at once: others may follow it."""
    if run.instance:
        world.keeping.settled.add(run.id)
        look_again(world, run.task)


def ring_healthy(world: World, run: Run, timer: Timer) -> None:
    """A life has lasted: what failed before it counts no more, unless it is unwell at this moment."""
    one, service = instance_of(world, run.task, run.instance), world.configuration.services.get(run.task)
    if one is None or service is None or one.run != run.id:
        return
    if service.health_check is not None and health_of(world, run.id).well is False:
        world.timers.after(service.health_check.every, timer, world.now)
        return
    note_instance(world, run.task, replace(one, proven=True, failures=0))
    look_again(world, run.task)


def configure_services(world: World, old: Configuration) -> None:
    """Let the services of the configuration hold, in place of those of `old`."""
    keeping, services = world.keeping, world.configuration.services
    known = {name: text for name, text in keeping.processes.items() if old.services.get(name) == services.get(name)}
    keeping.processes = {name: known.get(name) or process_of(service) for name, service in services.items()}
    keeping.above = dependents(services)
    for name, service in old.services.items():
        if name not in services and live_of(world, name):
            keeping.leaving[name] = service.depends_on
    for name in services:
        keeping.leaving.pop(name, None)
    for name, state in list(world.tasks.items()):
        if state.service is not None and name not in services:
            note_task(world, name, service=None)
    for name, service in services.items():
        before = remembered(world, name)
        after = fitted(before, service, keeping.processes[name], live_of(world, name))
        after = replace(after, boot=after.boot or world.boot_id)
        if after != before:
            note_task(world, name, service=after)
    look_at_all(world)


def take_up_services(world: World) -> None:
    """Go on with services where the journal says they stand, once the lives that go on are known."""
    configure_services(world, Configuration())
    for service in world.configuration.services.values():
        before = remembered(world, service.name)
        after = booted(before, world.boot_id)
        if after != before:
            note_task(world, service.name, service=after)
        _refresh(world, service)
        _rearm(world, service)


def _refresh(world: World, service: Service) -> None:
    """Give the definitions of lives that go on what the store does not keep: the values that were filled in."""
    today = parts_of(as_task(service), world.configuration)
    for digest in {world.runs[number].definition for number in live_of(world, service.name).values()}:
        world.definitions[digest] = refreshed(world.definitions[digest], today)


def _rearm(world: World, service: Service) -> None:
    """Durations go on from what the wall clock says is left, and are no longer than they were."""
    live, now, none = live_of(world, service.name), world.now, timedelta(0)
    for one in remembered(world, service.name).instances:
        run = world.runs.get(live.get(one.number, 0))
        if run is not None:
            await_settling(world, run, service)
        if one.due_at is not None:
            left = min(one.due_at - now.wall, delay_after(service, one.failures))
            await_restart(world, service.name, one, max(none, left))
        elif run is not None and not one.proven:
            began_at = run.started_at or now.wall
            left = min(began_at + service.healthy_after - now.wall, service.healthy_after)
            world.timers.after(max(none, left), Timer(Due.HEALTHY, run.id, run.attempt), now)
