"""What services look like from outside: pure reading, for whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from polysync.domain.rows import Instance, Over
from polysync.domain.run import State
from polysync.domain.service import unwanted
from polysync.domain.service_life import health_of, is_outdated, live_of, remembered, waits_for
from polysync.domain.settings import Service
from polysync.domain.world import World


class Standing(StrEnum):
    """Where a service, or one instance of it, stands."""

    STARTING = "starting"
    RUNNING = "running"
    UNWELL = "unwell"  # it runs, and its last check failed
    DEGRADED = "degraded"  # a service: not all that is wanted of it is there
    STOPPING = "stopping"
    BACKOFF = "backoff"  # the next life begins in a while
    WAITING = "waiting"  # for a service that it depends on, for space, or for its turn
    STOPPED = "stopped"
    ENDED = "ended"  # by itself, and `restart` says no more
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One copy of a service."""

    number: int
    state: Standing
    run_id: int | None  # its life, or the newest one
    since: datetime | None  # when that began, while it lasts
    failures: int
    restarts: int
    next_start_at: datetime | None
    well: bool | None
    text: str  # of the last check
    outdated: bool  # another life follows when its turn comes


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One service."""

    name: str
    group: str
    state: Standing
    wanted: bool
    why: str  # not, where it is not
    waits_for: tuple[str, ...]
    instances: tuple[InstanceView, ...]


def views(world: World) -> tuple[ServiceView, ...]:
    """Every service of the configuration, and those that were removed and are not gone yet, by name."""
    gone = (name for name, live in world.index.serving.items() if live)
    names = sorted({*world.configuration.services, *gone})
    return tuple(_view(world, name) for name in names)


def _view(world: World, name: str) -> ServiceView:
    service = world.configuration.services.get(name)
    why = unwanted(service, remembered(world, name))
    instances = tuple(_instances(world, name, up=why is None))
    waits = () if service is None or why is not None else waits_for(world, service)
    return ServiceView(
        name,
        "" if service is None else service.group,
        _together(service, {one.state for one in instances}, up=why is None),
        why is None,
        "" if why is None else why.value,
        waits,
        instances,
    )


def _instances(world: World, name: str, *, up: bool) -> list[InstanceView]:
    known = {one.number: one for one in remembered(world, name).instances}
    numbers = sorted({*known, *live_of(world, name)})
    return [_instance(world, name, known.get(number, Instance(number)), up=up) for number in numbers]


def _instance(world: World, name: str, one: Instance, *, up: bool) -> InstanceView:
    run = world.runs.get(live_of(world, name).get(one.number, 0))
    if run is None:
        state = _at_rest(one, up=up)
        return InstanceView(
            one.number, state, one.run or None, None, one.failures, one.restarts, one.due_at, None, "", outdated=False
        )
    health = health_of(world, run.id)
    state = _STATES[run.state]
    if state is Standing.RUNNING and health.well is False:
        state = Standing.UNWELL
    return InstanceView(
        one.number,
        state,
        run.id,
        run.started_at,
        one.failures,
        one.restarts,
        None,
        health.well,
        health.text,
        outdated=is_outdated(world, run),
    )


def _at_rest(one: Instance, *, up: bool) -> Standing:
    if not up:
        return Standing.STOPPED
    if one.over is not None:
        return Standing.FATAL if one.over is Over.FATAL else Standing.ENDED
    return Standing.WAITING if one.due_at is None else Standing.BACKOFF


def _together(service: Service | None, states: set[Standing], *, up: bool) -> Standing:
    if service is None or not up:
        return Standing.STOPPING if states - {Standing.STOPPED} else Standing.STOPPED
    if states <= {Standing.RUNNING, Standing.ENDED}:
        return Standing.RUNNING if Standing.RUNNING in states else Standing.ENDED
    if states <= {Standing.FATAL, Standing.ENDED}:
        return Standing.FATAL
    if states <= {Standing.STARTING, Standing.WAITING, Standing.RUNNING}:
        return Standing.STARTING
    return Standing.DEGRADED


_STATES = {State.STARTING: Standing.STARTING, State.RUNNING: Standing.RUNNING, State.STOPPING: Standing.STOPPING}
