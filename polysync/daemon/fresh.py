"""A configuration that was just read, and all that is worked out before it may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from polysync.api.auth import Doorkeeper
from polysync.config.diff import Anchors, Plan, plan, restart_only
from polysync.config.reuse import reuse
from polysync.daemon.opening import is_shared
from polysync.domain.settings import Configuration

SOCKET: Final = "access"  # whether anybody but us may ask anything: it decides where the socket stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """A configuration that may hold, with everything that holds with it."""

    configuration: Configuration
    doorkeeper: Doorkeeper
    plan: Plan
    restart_only: tuple[str, ...]  # what changed since the daemon began and waits for another start
    zones: Mapping[str, str]  # of the tasks whose next firing moves


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a configuration that was just read is compared with."""

    before: Configuration  # that holds now
    first: Configuration  # that the daemon began with
    anchors: Anchors
    filled: bool  # there may be substituted strings in the old or the new one


def prepared(read: Configuration, holding: Holding, now: datetime) -> Fresh:
    """Everything that has to be worked out about `read`, for a thread: to take it is a moment then."""
    before, first = holding.before, holding.first
    made = reuse(before, read, filled=holding.filled)
    found = plan(before, made, now, holding.anchors)
    tasks = {**before.tasks, **made.tasks}
    return Fresh(
        configuration=made,
        doorkeeper=Doorkeeper(made.access, tokens=made.api.token),  # the host's user database may be far away
        plan=replace(found, restart_only=_with_socket(found.restart_only, before, made)),
        restart_only=_with_socket(restart_only(first, made), first, made),
        zones={moved.task: tasks[moved.task].timezone or made.zone for moved in found.moved},
    )


def _with_socket(keys: tuple[str, ...], before: Configuration, after: Configuration) -> tuple[str, ...]:
    return keys if is_shared(before) is is_shared(after) else (*keys, SOCKET)
