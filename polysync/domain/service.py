"""Services, decided without looking around: what a life came to, when the next one begins, who is wanted.

A service is a process that is always on.  Each life of one of its instances is a run with one attempt; it
is never retried, for what follows it is another life, and another run.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from polysync.domain.definition import data_of
from polysync.domain.placement import LOCAL
from polysync.domain.retry import Policy, delay_before
from polysync.domain.rows import Instance, Over, Run, ServiceState
from polysync.domain.run import Reason, State
from polysync.domain.settings import Service
from polysync.domain.task import Described, Kept, Process, Task
from polysync.domain.values import UNLIMITED, Jitter, Restart

# It did not fail: the daemon ended, or the whole host did.
UNDISTURBED: Final = frozenset({Reason.SHUTDOWN, Reason.HOST_REBOOTED})
FINE: Final = frozenset({State.SUCCEEDED, State.SKIPPED})
SETTLING: Final = timedelta(seconds=2)  # what cannot run at all falls over within it
_SHARED: Final = frozenset(f.name for kind in (Kept, Process, Described) for f in fields(kind))


class Down(StrEnum):
    """Why an instance is down, and stays it."""

    STOPPED = "stopped"  # an operator said so
    AUTOSTART = "autostart"  # nobody said yet that it should be up
    DISABLED = "disabled"
    REMOVED = "removed"
    SURPLUS = "surplus"  # the service has fewer instances than that
    SHUTDOWN = "shutdown"
    ENDED = "ended"  # and `restart` says no more


@dataclass(frozen=True, slots=True)
class Health:
    """What the checks of one life said last."""

    well: bool | None = None  # None: nothing yet
    failed: int = 0  # checks in a row
    text: str = ""


@dataclass(slots=True)
class Keeping:
    """What is known of services beside the rows: whom to look at, and what follows from the configuration."""

    unsettled: dict[str, None] = field(default_factory=dict)  # services to look at
    health: dict[int, Health] = field(default_factory=dict)  # by run
    settled: set[int] = field(default_factory=set)  # lives that did not fall over at once
    processes: dict[str, str] = field(default_factory=dict)  # what each service is started as today
    above: dict[str, tuple[str, ...]] = field(default_factory=dict)  # who depends on a service
    leaving: dict[str, tuple[str, ...]] = field(default_factory=dict)  # removed, not gone: what each depended on


def as_task(service: Service) -> Task:
    """The definition that a life of a service runs under: one attempt, here, without any limit on its time."""
    shared = {name: getattr(service, name) for name in _SHARED}
    return Task(name=service.name, platform=LOCAL, max_concurrent=UNLIMITED, **shared)


def process_of(service: Service) -> str:
    """A hash of what a life is started as: when it changes, lives under the one before are renewed."""
    said = {f.name: data_of(getattr(service, f.name), reveal=True) for f in fields(Process) if _is_said(service, f)}
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def _is_said(service: Service, one: Field[Any]) -> bool:
    """Defaults are left out, so that a version with one more key renews nothing."""
    value = getattr(service, one.name)
    return bool(value) if one.default is MISSING else value != one.default


def delay_after(service: Service, failures: int) -> timedelta:
    """How long an instance stays down after so many fast failures in a row."""
    delay, longest = service.restart_delay, service.restart_max_delay
    policy = Policy(UNLIMITED, delay, service.restart_backoff, longest, Jitter.NONE)
    return delay_before(policy, max(1, failures), 0)


def after_life(service: Service, one: Instance, life: Run, now: datetime, *, outdated: bool) -> Instance:
    """What becomes of an instance that is wanted, now that `life` is over."""
    why = life.stop_reason or life.end_reason
    if outdated or why in UNDISTURBED:
        return replace(one, due_at=None, failures=0 if outdated else one.failures)
    by_hand = why is Reason.STOPPED
    done = life.state in FINE and not by_hand
    if service.restart is Restart.NEVER:
        return replace(one, due_at=None, over=Over.ENDED, done=done)
    if service.restart is Restart.ON_FAILURE and (by_hand or done):
        return replace(one, due_at=None, over=Over.ENDED, done=done, failures=0)
    if by_hand:
        return _again(service, one, one.failures, now)
    slow = one.proven and why is not Reason.UNHEALTHY
    return _again(service, one, 0 if slow else one.failures + 1, now)


def _again(service: Service, one: Instance, failures: int, now: datetime) -> Instance:
    if 0 < service.restart_attempts <= failures:
        return replace(one, failures=failures, due_at=None, over=Over.FATAL)
    due_at = now + delay_after(service, failures)
    return replace(one, failures=failures, due_at=due_at, restarts=one.restarts + 1)


def unwanted(service: Service | None, state: ServiceState | None) -> Down | None:
    """Why nothing of a service should be up, or None; what an operator said holds until the next word."""
    if service is None:
        return Down.REMOVED
    if not service.enabled:
        return Down.DISABLED
    if state is None or state.up is None:
        return None if service.autostart else Down.AUTOSTART
    return None if state.up else Down.STOPPED


def fitted(state: ServiceState, service: Service, process: str, live: Collection[int]) -> ServiceState:
    """What is remembered of a service, under the definition that it has now."""
    known = {one.number: one for one in state.instances}
    numbers = range(1, service.instances + 1)
    instances = tuple(_fit(known.get(number, Instance(number)), process, live) for number in numbers)
    # That it no longer starts by itself does not mean that it shall end.
    stays = state.up is None and not service.autostart and bool(live)
    return replace(state, instances=instances, up=True if stays else state.up)


def _fit(one: Instance, process: str, live: Collection[int]) -> Instance:
    """Something else to start is another chance; what lives is renewed in its turn."""
    if one.number in live or one.process in {"", process}:
        return one
    return Instance(one.number, run=one.run, restarts=one.restarts)


def booted(state: ServiceState, boot: str) -> ServiceState:
    """What is remembered of a service under another boot of the host: what ended by itself begins again with it."""
    if state.boot == boot:
        return state
    instances = (replace(one, over=None) if one.over is Over.ENDED else one for one in state.instances)
    return replace(state, boot=boot, instances=tuple(instances))


def told_up(state: ServiceState, live: Collection[int], actor: str, *, renew: bool) -> ServiceState:
    """An operator wants it up: whatever kept an instance down is forgotten; with `renew`, each gets a new life."""
    instances = tuple(_freed(one, renew=renew or one.number not in live) for one in state.instances)
    return replace(state, up=True, actor=actor, instances=instances)


def told_down(state: ServiceState, actor: str) -> ServiceState:
    """An operator wants it down."""
    instances = tuple(replace(one, over=None, failures=0) for one in state.instances)
    return replace(state, up=False, actor=actor, instances=instances)


def _freed(one: Instance, *, renew: bool) -> Instance:
    if not renew:
        return one
    return replace(one, process="", failures=0, due_at=None, over=None)


def dependents(services: Mapping[str, Service]) -> dict[str, tuple[str, ...]]:
    """Who depends on each service that anybody depends on."""
    above: dict[str, tuple[str, ...]] = {}
    for service in services.values():
        for name in dict.fromkeys(service.depends_on):
            above[name] = (*above.get(name, ()), service.name)
    return above
