"""What platforms and shared limits look like from outside: how much of each is taken, and who waits."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from polysync.domain.contention import Wait, counter, left, room
from polysync.domain.definition import resolve_job
from polysync.domain.placement import LOCAL
from polysync.domain.settings import Platform, Profile
from polysync.domain.task import Task
from polysync.domain.values import ProfileType
from polysync.domain.world import World, profiles_of


class PlatformView(NamedTuple):
    """A platform, and how many attempts run there."""

    platform: Platform
    running: int
    limited: bool  # it has a limit of its own


class ContentionView(NamedTuple):
    """One counter of a shared limit."""

    profile: Profile
    platform: str  # empty where it counts over everything
    running: int
    waiting: int  # queued runs that take part in it
    left: int | None  # starts that a rate has room for at once
    room_at: datetime | None  # when a rate has room again that has none


def platform_views(world: World) -> tuple[PlatformView, ...]:
    """Every platform of the configuration and this host, by name."""
    configuration, running = world.configuration, world.index.by_platform
    known = {LOCAL: Platform(name=LOCAL, type=LOCAL, labels=configuration.daemon.labels), **configuration.platforms}
    return tuple(
        PlatformView(known[name], len(running.get(name, ())), name in configuration.platforms) for name in sorted(known)
    )


def contention_views(world: World) -> tuple[ContentionView, ...]:
    """Every shared limit, by name; one that counts for each platform apart is there once for each that was met."""
    waiting = _waiting(world)
    met = {*waiting, *world.rates, *(key for key, runs in world.index.by_counter.items() if runs)}
    found = []
    for name, profile in sorted(world.configuration.contention.items()):
        keys = sorted(key for key in met if key[0] == name) or [counter(profile, None)]
        found += [_counted(world, profile, key, waiting[key]) for key in keys]
    return tuple(found)


def _counted(world: World, profile: Profile, key: tuple[str, str], waiting: int) -> ContentionView:
    running, state, now = len(world.index.by_counter.get(key, ())), world.rates.get(key), world.now.wall
    if profile.type is not ProfileType.RATE:
        return ContentionView(profile, key[1], running, waiting, None, None)
    found = room(profile, running, state, now)
    until = found.until if isinstance(found, Wait) else None
    return ContentionView(profile, key[1], running, waiting, left(profile, state, now), until)


def _waiting(world: World) -> Counter[tuple[str, str]]:
    """How many queued runs take part in each counter."""
    found: Counter[tuple[str, str]] = Counter()
    for name, queued in world.index.queued.items():
        task = world.configuration.tasks.get(name)
        if task is None or not queued:
            continue
        platform = _platform_of(world, task)
        for profile in profiles_of(world, task, platform):
            found[counter(profile, platform)] += len(queued)
    return found


def _platform_of(world: World, task: Task) -> str:
    job = resolve_job(task.job, world.configuration.jobs) if task.job else None
    return task.platform or (job.platform if job else LOCAL)
