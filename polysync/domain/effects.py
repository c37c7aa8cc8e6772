"""What the engine wants done: records to commit, then actions to carry out, then events to tell.

The order is the law "journal before effect, effect before broadcast": everything durable of one input
is committed in one transaction, and only then is anything started, stopped or told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from polysync.domain.contention import RateState
from polysync.domain.definition import Definition
from polysync.domain.graph import EdgeEvent
from polysync.domain.record import record
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import Reason, State


@record
class RunCreated:
    """A run exists; a run with a slot makes its slot taken for ever."""

    run: Run


@record
class RunMoved:
    """A run went from one state to another: one row of its history."""

    run_id: int
    at: datetime
    before: State
    state: State
    reason: Reason | None
    actor: str
    changes: Mapping[str, Any]


@record
class RunNoted:
    """Something else about a run changed."""

    run_id: int
    changes: Mapping[str, Any]


@record
class RunArchived:
    """A run that is over leaves the lists, or comes back; one that was removed meanwhile is left in peace."""

    run_id: int
    at: datetime | None


@record
class AttemptOpened:
    """An attempt was claimed; written before anything is started."""

    attempt: Attempt


@record
class AttemptNoted:
    """Something about an attempt changed."""

    run_id: int
    number: int
    changes: Mapping[str, Any]


@record
class TaskNoted:
    """What is remembered of a task changed."""

    task: str
    changes: Mapping[str, Any]


@record
class TaskForgotten:
    """A task that no longer exists has no open joins."""

    task: str


@record
class EdgeHeld:
    """The newest unconsumed end of an upstream run, for one task downstream."""

    task: str
    event: EdgeEvent


@record
class EdgesConsumed:
    """A join happened (or was given up): its edge events are used up."""

    task: str
    upstreams: tuple[str, ...]


@record
class RateTaken:
    """A rate limit was drawn on."""

    counter: tuple[str, str]
    state: RateState


@record
class DefinitionKept:
    """The definition that runs with this hash were made under."""

    digest: str
    definition: Definition


@record
class ClockNoted:
    """A look at the clock worth keeping: a sign of life, or a jump and its name."""

    at: datetime
    change: str = ""


Record = (
    RunCreated
    | RunMoved
    | RunNoted
    | RunArchived
    | AttemptOpened
    | AttemptNoted
    | TaskNoted
    | TaskForgotten
    | EdgeHeld
    | EdgesConsumed
    | RateTaken
    | DefinitionKept
    | ClockNoted
)


@record
class StartAttempt:
    """Start this attempt; its token makes a second start the same execution."""

    run: Run
    attempt: Attempt


@record
class AttachAttempt:
    """Find an attempt again that was under way when the daemon went, or start it if it never was.

    One whose run is stopping is never started: where nothing is found, it is over.
    """

    run: Run
    attempt: Attempt


@record
class StopAttempt:
    """Ask an attempt to stop, and kill what is left after `grace`."""

    run_id: int
    attempt: int
    grace: timedelta
    reason: Reason


@record
class TakeStock:
    """Tell the engine which slots after `since` have rows; until then it fires nothing."""

    since: datetime


@record
class Answer:
    """The answer to a request: the run it made or touched, or why not."""

    key: str
    run_id: int | None = None
    refusal: Refusal | None = None
    message: str = ""


class Refusal(StrEnum):
    """Why a request is refused."""

    UNKNOWN = "unknown"
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    INVALID = "invalid"


Action = StartAttempt | AttachAttempt | StopAttempt | TakeStock | Answer


class EventName(StrEnum):
    """Everything that streams, routes and notifiers can be told."""

    RUN_QUEUED = "run.queued"
    RUN_STARTED = "run.started"
    RUN_RETRYING = "run.retrying"
    RUN_SUCCEEDED = "run.succeeded"
    RUN_FAILED = "run.failed"
    RUN_TIMEOUT = "run.timeout"
    RUN_CRASHED = "run.crashed"
    RUN_CANCELLED = "run.cancelled"
    RUN_SKIPPED = "run.skipped"
    RUN_EXPIRED = "run.expired"
    RUN_REJECTED = "run.rejected"
    RUN_DEAD = "run.dead"
    RUN_MISSED = "run.missed"
    RUN_LATE = "run.late"
    RUN_LONG = "run.long"
    RUN_STALE = "run.stale"
    RUN_RECOVERED = "run.recovered"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_DECIDED = "approval.decided"
    SERVICE_STARTED = "service.started"
    SERVICE_STOPPED = "service.stopped"
    SERVICE_FATAL = "service.fatal"
    CONFIG_RELOADED = "config.reloaded"
    CONFIG_ERROR = "config.error"
    CLOCK_CHANGED = "clock.changed"
    DISK_LOW = "disk.low"
    LOG_DROPPED = "log.dropped"
    NOTIFY_FAILED = "notify.failed"


@record
class Publish:
    """Tell whoever listens."""

    name: EventName
    at: datetime
    run_id: int | None = None
    task: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


Effect = Record | Action | Publish

# The event that entering a state means; states on the way without a name of their own are silent.
ENTERED = {
    State.QUEUED: EventName.RUN_QUEUED,
    State.RUNNING: EventName.RUN_STARTED,
    State.RETRYING: EventName.RUN_RETRYING,
    State.SUCCEEDED: EventName.RUN_SUCCEEDED,
    State.FAILED: EventName.RUN_FAILED,
    State.TIMEOUT: EventName.RUN_TIMEOUT,
    State.CRASHED: EventName.RUN_CRASHED,
    State.CANCELLED: EventName.RUN_CANCELLED,
    State.SKIPPED: EventName.RUN_SKIPPED,
    State.EXPIRED: EventName.RUN_EXPIRED,
    State.REJECTED: EventName.RUN_REJECTED,
    State.DEAD: EventName.RUN_DEAD,
}
