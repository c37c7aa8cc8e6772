"""The states of a run and every move between them: one table, from which all else is derived.

A run is one decision to execute a task.  It waits (held, scheduled, waiting, queued, retrying), it is
active on its platform (starting, running, stopping), and it ends in exactly one final state.  `TABLE`
says which moves exist; the transitions, the check in the database, the diagram in the docs, the
colours on the screen and the tests over state x move all come from it.  A pair that is absent is a bug
in Polysync and raises `IllegalTransition`: nothing may "just set" a state.

Three choices deserve a reason:

* A retry goes from `retrying` straight to `starting`, never through `queued`, because a retrying run
  keeps its place under `max_concurrent` and a queued one has none.
* A run that was asked to stop may still end in any way: the exit may have been on its way already,
  and what really happened is what is written down.
* `dead` is final. A replay makes a new run that points back at it, so history never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from polysync.domain.errors import IllegalTransition


class State(StrEnum):
    """Where a run stands."""

    HELD = "held"
    SCHEDULED = "scheduled"
    WAITING = "waiting"
    QUEUED = "queued"
    RETRYING = "retrying"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    EXPIRED = "expired"
    REJECTED = "rejected"
    DEAD = "dead"


class Move(StrEnum):
    """What can happen to a run."""

    HOLD = "hold"  # created, and kept back until somebody releases it
    SCHEDULE = "schedule"  # not before a given time
    WAIT = "wait"  # for dependencies, an approval, an event, children or a timer
    QUEUE = "queue"  # may start as soon as there is room
    START = "start"  # an attempt was claimed
    RUN = "run"  # the platform confirmed the attempt
    STOP = "stop"  # it was asked to stop
    RETRY = "retry"  # another attempt is due
    SUCCEED = "succeed"
    FAIL = "fail"
    TIME_OUT = "time_out"
    CRASH = "crash"
    CANCEL = "cancel"
    SKIP = "skip"
    EXPIRE = "expire"
    REJECT = "reject"
    BURY = "bury"  # retries used up, kept until somebody decides


_CREATION: Final = {
    Move.HOLD: State.HELD,
    Move.SCHEDULE: State.SCHEDULED,
    Move.WAIT: State.WAITING,
    Move.QUEUE: State.QUEUED,
    Move.SKIP: State.SKIPPED,
    Move.REJECT: State.REJECTED,
    Move.FAIL: State.FAILED,
    Move.SUCCEED: State.SUCCEEDED,  # a loop that reached its last turn ends without work
}
_UNSTARTED: Final = {
    Move.CANCEL: State.CANCELLED,
    Move.SKIP: State.SKIPPED,
    Move.EXPIRE: State.EXPIRED,
    Move.FAIL: State.FAILED,
}
_ENDED_BY_EXIT: Final = {
    Move.SUCCEED: State.SUCCEEDED,
    Move.FAIL: State.FAILED,
    Move.TIME_OUT: State.TIMEOUT,
    Move.CRASH: State.CRASHED,
    Move.CANCEL: State.CANCELLED,
    Move.SKIP: State.SKIPPED,
    Move.RETRY: State.RETRYING,
    Move.BURY: State.DEAD,
    Move.WAIT: State.WAITING,
}

# None stands for "not created yet".
TABLE: Final[Mapping[State | None, Mapping[Move, State]]] = {
    None: _CREATION,
    State.HELD: {
        **_UNSTARTED,
        Move.SCHEDULE: State.SCHEDULED,
        Move.WAIT: State.WAITING,
        Move.QUEUE: State.QUEUED,
    },
    State.SCHEDULED: {**_UNSTARTED, Move.WAIT: State.WAITING, Move.QUEUE: State.QUEUED},
    State.WAITING: {
        **_UNSTARTED,
        Move.WAIT: State.WAITING,  # for the next thing: first the dependencies, then the approval
        Move.QUEUE: State.QUEUED,
        Move.RETRY: State.RETRYING,
        Move.SUCCEED: State.SUCCEEDED,
        Move.TIME_OUT: State.TIMEOUT,
    },
    State.QUEUED: {
        **_UNSTARTED,
        Move.START: State.STARTING,
        Move.REJECT: State.REJECTED,
        Move.SCHEDULE: State.SCHEDULED,
    },
    State.RETRYING: {
        Move.START: State.STARTING,
        Move.CANCEL: State.CANCELLED,
        Move.FAIL: State.FAILED,
        Move.TIME_OUT: State.TIMEOUT,
    },
    State.STARTING: {**_ENDED_BY_EXIT, Move.RUN: State.RUNNING, Move.STOP: State.STOPPING},
    State.RUNNING: {**_ENDED_BY_EXIT, Move.STOP: State.STOPPING},
    State.STOPPING: {**_ENDED_BY_EXIT, Move.STOP: State.STOPPING},  # again, and now for good: no retry follows
    State.SUCCEEDED: {},
    State.FAILED: {},
    State.TIMEOUT: {},
    State.CRASHED: {},
    State.CANCELLED: {},
    State.SKIPPED: {},
    State.EXPIRED: {},
    State.REJECTED: {},
    State.DEAD: {},
}

FINAL: Final = frozenset(state for state, moves in TABLE.items() if state is not None and not moves)
LIVE: Final = frozenset({State.STARTING, State.RUNNING, State.STOPPING})


class Reason(StrEnum):
    """Why a run ended as it did."""

    EXIT_CODE = "exit_code"
    SIGNAL = "signal"
    REPORTED = "reported"  # by the work or its platform, without an exit code
    START_FAILED = "start_failed"
    TIMEOUT = "timeout"
    MAX_DURATION = "max_duration"
    STALE = "stale"
    CRASHED = "crashed"
    HOST_REBOOTED = "host_rebooted"
    LOST = "lost"
    UNHEALTHY = "unhealthy"  # a service whose checks failed
    LOG_FULL = "log_full"
    PRECHECK = "precheck"
    SECRET_ERROR = "secret_error"  # noqa: S105 - a word for an error, not a secret
    MISSING_OUTPUT = "missing_output"
    FATAL = "fatal"
    INTERMEDIATE = "intermediate"
    DENIED = "denied"
    APPROVAL_EXPIRED = "approval_expired"
    UPSTREAM_FAILED = "upstream_failed"
    STOPPED = "stopped"
    OVERLAP_TERMINATED = "overlap_terminated"
    SHUTDOWN = "shutdown"
    OVERLAP = "overlap"
    QUEUE_FULL = "queue_full"
    MISSED = "missed"
    CALENDAR = "calendar"
    DEADLINE = "deadline"
    PAUSED = "paused"
    SKIP_NEXT = "skip_next"
    DISABLED = "disabled"
    REMOVED = "removed"
    SKIP_CODE = "skip_code"
    QUEUE_TIMEOUT = "queue_timeout"
    NOT_STARTED_IN_TIME = "not_started_in_time"
    CONTENTION = "contention"
    RETRIES_EXHAUSTED = "retries_exhausted"


REASONS: Final[Mapping[State, frozenset[Reason]]] = {
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(
        {
            Reason.EXIT_CODE,
            Reason.SIGNAL,
            Reason.REPORTED,
            Reason.START_FAILED,
            Reason.UNHEALTHY,
            Reason.LOG_FULL,
            Reason.PRECHECK,
            Reason.SECRET_ERROR,
            Reason.MISSING_OUTPUT,
            Reason.FATAL,
            Reason.INTERMEDIATE,
            Reason.DENIED,
            Reason.APPROVAL_EXPIRED,
            Reason.UPSTREAM_FAILED,
        }
    ),
    State.TIMEOUT: frozenset({Reason.TIMEOUT, Reason.MAX_DURATION, Reason.STALE}),
    State.CRASHED: frozenset({Reason.CRASHED, Reason.HOST_REBOOTED, Reason.LOST}),
    State.CANCELLED: frozenset({Reason.STOPPED, Reason.OVERLAP_TERMINATED, Reason.SHUTDOWN}),
    State.SKIPPED: frozenset(
        {
            Reason.OVERLAP,
            Reason.QUEUE_FULL,
            Reason.MISSED,
            Reason.CALENDAR,
            Reason.DEADLINE,
            Reason.UPSTREAM_FAILED,
            Reason.PAUSED,
            Reason.SKIP_NEXT,
            Reason.DISABLED,
            Reason.REMOVED,
            Reason.SKIP_CODE,
        }
    ),
    State.EXPIRED: frozenset({Reason.QUEUE_TIMEOUT, Reason.NOT_STARTED_IN_TIME}),
    State.REJECTED: frozenset({Reason.CONTENTION}),
    State.DEAD: frozenset({Reason.RETRIES_EXHAUSTED}),
}


class Blocker(StrEnum):
    """What a waiting run waits for."""

    DEPENDENCIES = "dependencies"
    APPROVAL = "approval"
    EVENT = "event"
    CHILDREN = "children"
    TIMER = "timer"


class Lack(StrEnum):
    """What a run that could start still lacks."""

    SLOT = "slot"
    PLATFORM = "platform"
    CONTENTION = "contention"
    LOCK = "lock"
    REQUIREMENTS = "requirements"
    DISK_LOW = "disk_low"
    JITTER = "jitter"


def after(state: State | None, move: Move) -> State:
    """The state that `move` leads to from `state`."""
    try:
        return TABLE[state][move]
    except KeyError:
        message = f"a run that is {state or 'new'} cannot {move.replace('_', ' ')}"
        raise IllegalTransition(message) from None


def check_reason(state: State, reason: Reason | None) -> None:
    """Raise unless a run may end in `state` for `reason`; only success and states on the way have none."""
    allowed = REASONS.get(state)
    fits = reason in allowed if allowed else reason is None
    if not fits:
        message = f"{reason or 'no reason'} is not a reason for {state}"
        raise IllegalTransition(message)
