"""Shared limits: so many at once, or so many per window, counted in whole numbers.

A rate is a bucket of tokens.  Its level is kept in parts of a token so small that one microsecond adds
a whole number of them (`limit` parts of 1/window): however time is cut into looks, the same instant
gives the same level, and nothing is lost to rounding.  A token bucket holds `burst` tokens; a leaky one
holds a single token, which is what spaces starts evenly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from polysync.domain.errors import ValueProblem
from polysync.domain.settings import Profile
from polysync.domain.values import Algorithm, OnExceed, ProfileType, Scope

MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class RateState:
    """How full a bucket was at an instant; `level` counts parts of which `parts` make a token."""

    level: int
    at: datetime
    parts: int


@dataclass(frozen=True, slots=True)
class Rate:
    """What a profile's keys come to: `limit` parts flow in per microsecond, up to `capacity`."""

    limit: int
    parts: int  # of one token: the microseconds of the window
    capacity: int


@dataclass(frozen=True, slots=True)
class Admit:
    """There is room."""


@dataclass(frozen=True, slots=True)
class Wait:
    """There is no room; `until` is known where time alone makes some."""

    until: datetime | None = None


class Exceed(StrEnum):
    """What becomes of a run that finds no room."""

    QUEUE = "queue"
    REJECT = "reject"
    DEFER = "defer"


def counter(profile: Profile, platform: str | None) -> tuple[str, str]:
    """The key of the counter that `profile` uses for work on `platform`."""
    return profile.name, (platform or "") if profile.scope is Scope.PLATFORM else ""


def room(profile: Profile, used: int, state: RateState | None, now: datetime) -> Admit | Wait:
    """Whether one more may start beside `used` live ones, with the bucket at `state` (None: untouched)."""
    if not profile.enabled:
        return Admit()
    if profile.type is ProfileType.CONCURRENCY:
        return Admit() if used < most(profile) else Wait()
    rate = rate_of(profile)
    lacking = rate.parts - _refilled(rate, state, now).level
    return Admit() if lacking <= 0 else Wait(now - (-lacking // rate.limit) * MICROSECOND)


def take(profile: Profile, state: RateState | None, now: datetime) -> RateState:
    """The bucket after one start; a start without room is owed, and those after it wait for longer."""
    rate = rate_of(profile)
    full = _refilled(rate, state, now)
    return replace(full, level=full.level - rate.parts)


def left(profile: Profile, state: RateState | None, now: datetime) -> int:
    """How many may start at once under a rate profile, with the bucket at `state`."""
    rate = rate_of(profile)
    return max(0, _refilled(rate, state, now).level // rate.parts)


def rebased(state: RateState, now: datetime) -> RateState:
    """`state` after the clock was set: a time still to come would stop the flow until it is reached."""
    return replace(state, at=min(state.at, now))


def exceed(profile: Profile, waiting: int, until: datetime | None) -> Exceed:
    """What becomes of a run that finds no room and `waiting` others before it."""
    if profile.on_exceed is OnExceed.REJECT:
        return Exceed.REJECT
    if profile.queue_size is not None and waiting >= profile.queue_size:
        return Exceed.REJECT
    # Nobody knows when a place among so many at once gets free: such a run waits in the queue instead.
    return Exceed.DEFER if profile.on_exceed is OnExceed.DEFER and until is not None else Exceed.QUEUE


def most(profile: Profile) -> int:
    """How many may run at once under a concurrency profile."""
    if profile.max is None:
        raise ValueProblem(f"contention {profile.name} has no max", "write max = 4")
    return profile.max


def rate_of(profile: Profile) -> Rate:
    """The rate of a rate profile."""
    if profile.limit is None or profile.window is None:
        raise ValueProblem(f"contention {profile.name} needs limit and window", 'write limit = 10 and window = "1m"')
    tokens = 1 if profile.algorithm is Algorithm.LEAKY else profile.burst or profile.limit
    parts = profile.window // MICROSECOND
    return Rate(profile.limit, parts, tokens * parts)


def _refilled(rate: Rate, state: RateState | None, now: datetime) -> RateState:
    if state is None:
        return RateState(rate.capacity, now, rate.parts)
    # A level taken over a reload keeps its tokens, whatever the parts that it was counted in.
    level = state.level if state.parts == rate.parts else state.level * rate.parts // state.parts
    passed = max(0, (now - state.at) // MICROSECOND)
    return RateState(min(rate.capacity, level + passed * rate.limit), now, rate.parts)
