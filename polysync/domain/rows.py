"""The rows that outlive the daemon: a run, an attempt, and what is remembered of a task.

The engine's copies are a projection of the stored rows: they change only together with a record that
is on its way to the journal, and a failed commit throws them away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any

from polysync.domain.contention import RateState
from polysync.domain.graph import EdgeEvent
from polysync.domain.run import LIVE, Blocker, Reason, State
from polysync.domain.values import Outcome, Trigger


@dataclass(frozen=True, slots=True)
class BlockedOn:
    """What a waiting run waits for, and since when."""

    kind: Blocker
    name: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """Something that the work wanted people to know."""

    code: str
    text: str
    error: bool = False  # said as an error


@dataclass(slots=True)
class Run:
    """One decision to execute a task."""

    id: int
    uid: str
    task: str
    state: State
    trigger: Trigger
    created_at: datetime
    available_at: datetime
    scheduled_for: datetime | None = None  # the slot: unique for ever together with the task
    slots: int = 1  # more than one for a range of slots that did not run
    last_slot: datetime | None = None
    logical_at: datetime | None = None  # backfill and rerun carry their date here, beside no slot
    window_from: datetime | None = None  # the slot before this one
    labels: tuple[str, ...] = ()  # the slot as local clocks showed it
    previous_success_at: datetime | None = None  # when the task's last success before this run's start ended
    started_at: datetime | None = None
    timed_from: datetime | None = None  # max_duration counts from here: the first start, or the newest review
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    decide_by: datetime | None = None  # when an approval runs out
    end_reason: Reason | None = None
    outcome: Outcome | None = None
    blocked_on: BlockedOn | None = None
    stop_reason: Reason | None = None  # why it was asked to stop; survives a crash of the daemon
    gate: int = 0  # the last gate before the queue that it passed
    priority: int = 0
    attempt: int = 0
    used: int = 0  # extra attempts that the retry policy granted
    used_by: Mapping[Outcome, int] = field(default_factory=dict)
    cycles: int = 0  # times that changes were requested
    turn: int = 0  # turns of a loop so far
    instance: int = 0  # of a service: which of its copies; 0 for a task
    platform: str | None = None
    definition: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)  # parameters given with the request
    outputs: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    progress: tuple[int, str] | None = None
    messages: tuple[Message, ...] = ()
    sensitive: tuple[str, ...] = ()  # names of outputs that the work reported as such: shown as ***
    exit_code: int | None = None
    signal: str | None = None
    status_code: int | None = None  # of HTTP, where the work or its platform told one
    comment: str | None = None  # of the last review
    correlation_id: str = ""
    parents: tuple[int, ...] = ()
    rerun_of: int | None = None
    external_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    actor: str = "scheduler"
    archived_at: datetime | None = None  # somebody wants it out of the lists since then

    @property
    def active(self) -> bool:
        """Whether it counts under `max_concurrent`: started, and not yet at its end."""
        return self.state in LIVE or (
            self.attempt > 0 and (self.state is State.RETRYING or self.state is State.WAITING)
        )

    def copy(self) -> Run:
        """A copy that later changes do not reach."""
        return Run(*_VALUES(self))


_VALUES = attrgetter(*(f.name for f in fields(Run)))


@dataclass(slots=True)
class Attempt:
    """One execution of a run on its platform."""

    run_id: int
    number: int
    token: str  # unique and stable: the idempotency key of the start
    platform: str
    opened_at: datetime
    boot: str = ""  # the boot of the host under which it was claimed
    started_at: datetime | None = None
    ended_at: datetime | None = None
    handle: Mapping[str, Any] | None = None
    outcome: Outcome | None = None
    exit_code: int | None = None
    signal: str | None = None
    status_code: int | None = None
    error: str = ""
    cpu_seconds: float | None = None
    max_rss: int | None = None  # the largest memory of one of its processes, in bytes
    log_bytes: int = 0  # put out, stored or not
    log_dropped: int = 0  # of those, not kept


class Over(StrEnum):
    """Why an instance of a service is not started again by itself."""

    ENDED = "ended"  # `restart` says so
    FATAL = "fatal"  # it failed too often in a row


@dataclass(frozen=True, slots=True)
class Instance:
    """What is remembered of one copy of a service beside its lives, each of which is a run."""

    number: int
    run: int = 0  # its newest life; 0 before the first
    process: str = ""  # what that was started as; empty where the next one shall begin soon, whatever it is
    proven: bool = False  # that life reached `healthy_after`
    failures: int = 0  # lives in a row that ended before that
    restarts: int = 0  # lives that followed by themselves
    due_at: datetime | None = None  # when the next one begins
    over: Over | None = None
    done: bool = False  # it ended by itself, and well: whoever depends on it has what they wait for


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What is remembered of a service; changed as a whole."""

    up: bool | None = None  # by an operator's word, which holds until the next; None: nobody has said anything
    actor: str = ""  # who said it
    boot: str = ""  # the boot of the host under which it was looked at last
    instances: tuple[Instance, ...] = ()


@dataclass(slots=True)
class TaskState:
    """What is remembered of a task, or of a service, beside its runs."""

    task: str
    anchor: datetime | None = None  # every slot up to here is accounted for; never moves back by itself
    schedule: str = ""  # the schedule that the anchor belongs to; another one starts from now
    seen: Mapping[str, datetime] = field(default_factory=dict)  # when each @every was first seen
    paused: bool = False
    paused_until: datetime | None = None
    pause_reason: str = ""
    paused_by: str = ""
    skip_next: int = 0
    tripped: bool = False  # the breaker stopped its schedule; a changed schedule or a resume closes it
    last_success_at: datetime | None = None
    last_state: State | None = None
    booted: str = ""  # the boot for which run_on_start = "boot" already ran
    service: ServiceState | None = None  # where it is one


@dataclass(slots=True)
class Snapshot:
    """Everything that a new engine needs from the journal."""

    runs: Mapping[int, Run] = field(default_factory=dict)  # those that are not final
    ranges: Mapping[str, Run] = field(default_factory=dict)  # open rows of slots that did not run, by task
    attempts: Mapping[int, Attempt] = field(default_factory=dict)  # the newest of each run that is not final
    tasks: Mapping[str, TaskState] = field(default_factory=dict)
    held: Mapping[str, Mapping[str, EdgeEvent]] = field(default_factory=dict)  # unconsumed, by task and upstream
    rates: Mapping[tuple[str, str], RateState] = field(default_factory=dict)
    definitions: Mapping[str, Any] = field(default_factory=dict)
    taken: Mapping[str, frozenset[datetime]] = field(default_factory=dict)  # slots ahead of an anchor that have rows
    next_id: int = 1
    last_seen_at: datetime | None = None  # the newest look at the wall clock that was stored
