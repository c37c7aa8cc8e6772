"""Which waiting runs start now: everything a candidate needs, all or none, in one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from polysync.domain.contention import Exceed, Wait, counter, exceed, room, take
from polysync.domain.dispatch import Round
from polysync.domain.effects import AttemptOpened, RateTaken, StartAttempt
from polysync.domain.ending import finish
from polysync.domain.locks import missing
from polysync.domain.placement import LOCAL, choose_platform
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import Lack, Move, Reason, State
from polysync.domain.task import Task
from polysync.domain.timers import Due, Timer
from polysync.domain.values import SHELL_PLATFORMS, ProfileType
from polysync.domain.world import World, change, digest_of, parts_for, profiles_of, state_of, task_of, word


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that a run lacks; `until` is known where time alone brings it."""

    lack: Lack
    name: str = ""
    until: datetime | None = None


MAX_CONCURRENT: Final = "max_concurrent"  # the name of the slot that a task has so many of


def dispatch(world: World) -> None:
    """Start what can be started, best first; one that cannot does not block those behind it.

    A walk that is cut off goes on at the next call; whoever finds room by then waits for the next walk.
    """
    if world.closing or _room(world) <= 0:
        world.crowded, world.round = False, None
        return
    if world.round is None:
        world.crowded, world.round = False, Round(world.line.walk(world.now.wall))
    if _walk(world, world.round):
        world.round = None


def _walk(world: World, walk: Round) -> bool:
    """Look at the next candidates; whether that was the end of the walk, and not of what fits into one call."""
    budget, room_left = world.budget, _room(world)
    for number in walk.candidates:
        budget.looks -= 1
        if world.line.holds(number):
            room_left -= _try(world, world.runs[number], walk)
        if room_left <= 0:  # nobody finds any: whoever ends begins another walk
            return True
        if budget.looks <= 0 or budget.starts <= 0:
            return False
    return True


def _room(world: World) -> int:
    return world.configuration.daemon.max_running - len(world.index.live)


def _try(world: World, run: Run, walk: Round) -> bool:
    """Start a run if it lacks nothing."""
    if run.task in walk.full and not run.active:  # as its elder, who said so already
        return False
    task = _definition_for(world, run)
    platform = platform_for(world, run)
    needs = needs_of(world, run, task, platform)
    if not needs:
        begin(world, run, task, platform or "")
        world.budget.starts -= 1
        return True
    _put_off(world, run, needs, walk.ahead)
    if any(need.name == MAX_CONCURRENT for need in needs):
        walk.full.add(run.task)
    return False


def _definition_for(world: World, run: Run) -> Task:
    """A run that never started takes today's definition; one that did keeps its own."""
    today = world.configuration.tasks.get(run.task)
    if run.attempt == 0 and today is not None:
        run.definition = digest_of(world, today)
        return today
    return task_of(world, run)


def platform_for(world: World, run: Run) -> str | None:
    """Where the next attempt of `run` goes; None when no platform carries what it requires."""
    task, job, _ = parts_for(world, run)
    labels: dict[str, Mapping[str, Any]] = {}
    if task.requirements:
        table = world.configuration.platforms
        labels = {name: platform.labels for name, platform in table.items() if platform.type in SHELL_PLATFORMS}
        named = task.platform or (job.platform if job else LOCAL)
        labels |= {named: table[named].labels} if named in table else {}
        labels[LOCAL] = {**world.configuration.daemon.labels, **labels.get(LOCAL, {})}
    return choose_platform(task, job, labels)


def lacking(world: World, run: Run) -> list[Need]:
    """What a run that is queued, or due for another attempt, still lacks; others wait for nothing that is shared."""
    if run.state is not State.QUEUED and run.state is not State.RETRYING:
        return []
    task = task_of(world, run)
    needs = needs_of(world, run, task, platform_for(world, run))
    if run.state is State.QUEUED and not world.line.holds(run.id):
        needs.insert(0, Need(Lack.JITTER, until=run.available_at))
    return needs


def needs_of(world: World, run: Run, task: Task, platform: str | None) -> list[Need]:
    """Everything that `run` lacks at this moment; an empty list means that it may start."""
    needs = []
    index, daemon = world.index, world.configuration.daemon
    if world.disk_low:
        needs.append(Need(Lack.DISK_LOW))
    if len(index.live) >= daemon.max_running:
        needs.append(Need(Lack.SLOT, "max_running"))
    if not run.active and len(index.active.get(run.task, ())) >= task.max_concurrent:
        needs.append(Need(Lack.SLOT, MAX_CONCURRENT))
    if task.locks:
        needs.extend(Need(Lack.LOCK, name) for name in missing(task.locks, index.locks, run.id))
    if platform is None:
        needs.append(Need(Lack.REQUIREMENTS))
        return needs
    there = world.configuration.platforms.get(platform)
    if there is not None and len(index.by_platform.get(platform, ())) >= there.max_running:
        needs.append(Need(Lack.PLATFORM, platform))
    needs.extend(_contention_needs(world, task, platform))
    return needs


def _contention_needs(world: World, task: Task, platform: str) -> list[Need]:
    needs = []
    for profile in profiles_of(world, task, platform):
        key = counter(profile, platform)
        used = len(world.index.by_counter.get(key, ()))
        found = room(profile, used, world.rates.get(key), world.now.wall)
        if isinstance(found, Wait):
            needs.append(Need(Lack.CONTENTION, profile.name, found.until))
    return needs


def _put_off(world: World, run: Run, needs: list[Need], ahead: dict[str, int]) -> None:
    """A run that lacks nothing but a shared limit follows that limit's `on_exceed`; any other just waits."""
    for need in needs:
        if need.until is not None and need.until not in world.alarms:
            world.alarms.add(need.until)
            world.timers.at(need.until, Timer(Due.DISPATCH))
    if run.state is not State.QUEUED or any(need.lack is not Lack.CONTENTION for need in needs):
        return
    for need in needs:
        match exceed(world.configuration.contention[need.name], ahead.get(need.name, 0), need.until):
            case Exceed.REJECT:
                finish(world, run, Move.REJECT, Reason.CONTENTION, error=f"no room in {need.name}")
                return
            case Exceed.DEFER:
                _defer(world, run, need.until or world.now.wall)
                return
            case _:
                ahead[need.name] = ahead.get(need.name, 0) + 1


def _defer(world: World, run: Run, until: datetime) -> None:
    change(world, run, Move.SCHEDULE, available_at=until)
    # Time passing brings room, not what the clock is set to: else one set back would make it wait that much longer.
    world.timers.after(until - world.now.wall, Timer(Due.START_AFTER, run.id), world.now)


def begin(world: World, run: Run, task: Task, platform: str) -> None:
    """Take what an attempt needs, and have it started."""
    now = world.now
    for profile in profiles_of(world, task, platform):
        if profile.type is ProfileType.RATE:
            key = counter(profile, platform)
            state = world.rates[key] = take(profile, world.rates.get(key), now.wall)
            world.records.append(RateTaken(key, state))
    for name in task.locks:
        world.index.locks[name] = run.id
    claim(world, run, task, platform)


def claim(world: World, run: Run, task: Task, platform: str) -> None:
    """Write an attempt down that lacks nothing, and have it started."""
    now = world.now
    number = run.attempt + 1
    attempt = Attempt(run.id, number, word(world, run.id, number), platform, now.wall, world.boot_id)
    first = run.attempt == 0
    changes: dict[str, Any] = {"attempt": number, "platform": platform}
    if first:
        changes["started_at"] = changes["timed_from"] = now.wall
        changes["definition"] = run.definition
        changes["previous_success_at"] = state_of(world, run.task).last_success_at
    else:  # what an attempt that did not count has put out is not passed on as if this one had
        changes.update(outputs={}, progress=None, messages=(), sensitive=())
    change(world, run, Move.START, **changes)
    world.attempts[run.id] = attempt
    world.records.append(AttemptOpened(attempt))
    world.actions.append(StartAttempt(run.copy(), attempt))
    arm_attempt(world, run, task, first=first)


def arm_attempt(world: World, run: Run, task: Task, *, first: bool) -> None:
    """Set the timers of an attempt that begins now."""
    now, timers = world.now, world.timers
    if task.timeout is not None:
        timers.after(task.timeout, Timer(Due.TIMEOUT, run.id, run.attempt), now)
    if task.max_duration is not None and first:
        timers.after(task.max_duration, Timer(Due.MAX_DURATION, run.id, run.cycles), now)
    if task.stale_after is not None:
        world.signs[run.id] = now.monotonic
        timers.after(task.stale_after, Timer(Due.STALE, run.id, run.attempt), now)
    if task.warn_after is not None and first:
        timers.after(task.warn_after, Timer(Due.LONG, run.id), now)
