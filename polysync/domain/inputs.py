"""What the engine is told: imperative words from people, facts from adapters, and time.

Requests carry `key`, a word of the caller's by which the answer is found again among the effects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from polysync.domain.approvals import Decision
from polysync.domain.outcome import Exit
from polysync.domain.record import record
from polysync.domain.rows import Message, Snapshot
from polysync.domain.settings import Configuration
from polysync.domain.slices import Gap
from polysync.domain.values import Reading, Trigger


@record
class Start:
    """The daemon is there (again): take up what the journal knows.

    With `since`, only the projection is new because a commit failed: time goes on from the last reading
    whose decisions are stored, nothing was missed meanwhile, and no task runs "on start".  What the journal
    does not know is to be told again: that the disk is low, that the daemon shuts down.  The snapshot says
    which slots after that reading have rows already.  A daemon whose very first commit failed begins again.
    """

    configuration: Configuration
    snapshot: Snapshot
    boot_id: str
    home: str  # a word that no other home has, for ids
    since: Reading | None = None
    gap: Gap | None = None  # with `since`: what `Engine.gap` said when that reading's decisions were stored


@record
class Tick:
    """Time has passed."""


@record
class ConfirmClock:
    """The clock is right although it stands before the last stored look at it."""


@record
class Taken:
    """The slots after `since` that have rows already: the answer to the newest `TakeStock`."""

    since: datetime
    slots: Mapping[str, frozenset[datetime]]


@record
class Configure:
    """Another configuration holds from now on."""

    configuration: Configuration
    actor: str = "reload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Create a run of a task."""

    task: str
    key: str = ""
    trigger: Trigger = Trigger.MANUAL
    actor: str = "somebody"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    hold: bool = False
    start_at: datetime | None = None
    expires_after: timedelta | None = None
    priority: int | None = None
    correlation_id: str | None = None
    parent: int | None = None
    rerun_of: int | None = None
    logical_at: datetime | None = None
    external_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@record
class Release:
    """Let a held run go."""

    run_id: int
    key: str = ""
    actor: str = "somebody"


@record
class Stop:
    """Stop a run, wherever it stands; its retries end too."""

    run_id: int
    key: str = ""
    actor: str = "somebody"
    comment: str = ""


@record
class Decide:
    """Approve, deny or send back a run that waits for it."""

    run_id: int
    decision: Decision
    key: str = ""
    actor: str = "somebody"
    comment: str = ""


@record
class Archive:
    """Take a run that is over out of the lists, or back into them."""

    run_id: int
    undo: bool = False
    key: str = ""
    actor: str = "somebody"


@record
class Pause:
    """Account for a task's slots without running them."""

    task: str
    key: str = ""
    until: datetime | None = None
    reason: str = ""
    actor: str = "somebody"


@record
class Resume:
    """End a pause; what passed meanwhile is not caught up."""

    task: str
    key: str = ""
    actor: str = "somebody"


@record
class SkipNext:
    """Leave out the next slot that would run."""

    task: str
    key: str = ""
    actor: str = "somebody"


@record
class SetService:
    """Have a service up or down, until the next word; with `restart`, give each instance a new life."""

    service: str
    up: bool
    restart: bool = False
    key: str = ""
    actor: str = "somebody"


@record
class HealthTold:
    """What a check said of the life of a service."""

    run_id: int
    well: bool
    text: str = ""


@record
class SetDiskLow:
    """Space is short (or no longer): new attempts wait."""

    low: bool


@record
class Shutdown:
    """No new attempts from now on; with `stop`, end what runs."""

    stop: bool


@record
class AttemptStarted:
    """The platform confirmed an attempt."""

    run_id: int
    attempt: int
    handle: Mapping[str, Any]


@record
class AttemptReported:
    """The work said something while it ran; every report is a sign of life."""

    run_id: int
    attempt: int
    progress: tuple[int, str] | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()  # all so far


@record
class LogDropped:
    """Output of an attempt is not kept in full from here on, and why."""

    run_id: int
    attempt: int
    why: str


@record
class LogFull:
    """The log of a run is full, and its task wants to end then."""

    run_id: int
    attempt: int


@record
class AttemptExited:
    """An attempt is over, or was lost."""

    run_id: int
    attempt: int
    exit: Exit


Input = (
    Start
    | Tick
    | ConfirmClock
    | Taken
    | Configure
    | Submit
    | Release
    | Stop
    | Decide
    | Archive
    | Pause
    | Resume
    | SkipNext
    | SetService
    | HealthTold
    | SetDiskLow
    | Shutdown
    | AttemptStarted
    | AttemptReported
    | LogDropped
    | LogFull
    | AttemptExited
)
