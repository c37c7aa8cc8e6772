"""What the end of an attempt means: an exit becomes an outcome and a reason.

The order of belief is fixed.  What we asked for comes first: a process that handles SIGTERM well exits
with 0, so after a request to stop the exit code says nothing about the work.  Only a platform that
answers "succeeded" is believed against it, because there the cancel came too late.  Then comes the
adapter's own verdict, then what the work or its platform reported, then the exit code, then the signal.
Nothing at all is never success: it is an execution that vanished.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import Any, Final, NamedTuple

from polysync.domain.record import record
from polysync.domain.rows import Message
from polysync.domain.run import Move, Reason
from polysync.domain.task import Task
from polysync.domain.values import Outcome


@record
class Usage:
    """What an attempt used, as far as it is known."""

    cpu_seconds: float | None = None
    max_rss: int | None = None
    log_bytes: int = 0
    log_dropped: int = 0
    dropped_before: Mapping[int, int] = field(default_factory=dict)  # `log_dropped` of earlier attempts, as it is now


@record
class Exit:
    """How an attempt ended, as its adapter saw it."""

    code: int | None = None
    signal: str | None = None  # "TERM"; the code is then 128 + its number
    status: Outcome | None = None  # reported by the work or by its platform
    error: str = ""
    reason: Reason | None = None  # the adapter's own verdict, where it has one
    retry_after: timedelta | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    status_code: int | None = None
    messages: tuple[Message, ...] = ()  # all that were reported, told before or not
    sensitive: tuple[str, ...] = ()  # names of outputs that are shown as ***
    usage: Usage | None = None
    uncertain: bool = False  # whether the start ever happened cannot be known: `on_unknown` decides


class Verdict(NamedTuple):
    """What an attempt came to, and why; only success has no reason."""

    outcome: Outcome
    reason: Reason | None = None


INTENDED: Final[Mapping[Reason, Outcome]] = {
    Reason.STOPPED: Outcome.CANCELLED,
    Reason.OVERLAP_TERMINATED: Outcome.CANCELLED,
    Reason.SHUTDOWN: Outcome.CANCELLED,
    Reason.TIMEOUT: Outcome.TIMEOUT,
    Reason.MAX_DURATION: Outcome.TIMEOUT,
    Reason.STALE: Outcome.TIMEOUT,
    Reason.LOG_FULL: Outcome.FAILED,
    Reason.UNHEALTHY: Outcome.FAILED,
}
OWN_VERDICTS: Final[Mapping[Reason, Outcome]] = {
    **INTENDED,
    Reason.START_FAILED: Outcome.FAILED,
    Reason.PRECHECK: Outcome.FAILED,
    Reason.SECRET_ERROR: Outcome.FAILED,
    Reason.MISSING_OUTPUT: Outcome.FAILED,
    Reason.FATAL: Outcome.FATAL,
    Reason.INTERMEDIATE: Outcome.INTERMEDIATE,
    Reason.SKIP_CODE: Outcome.SKIPPED,
    Reason.CRASHED: Outcome.CRASHED,
    Reason.HOST_REBOOTED: Outcome.CRASHED,
    Reason.LOST: Outcome.CRASHED,
}
# The move that ends a run whose last attempt came to this, and the reason where the verdict has none.
ENDS: Final[Mapping[Outcome, tuple[Move, Reason | None]]] = {
    Outcome.SUCCEEDED: (Move.SUCCEED, None),
    Outcome.SKIPPED: (Move.SKIP, Reason.SKIP_CODE),
    Outcome.FAILED: (Move.FAIL, Reason.REPORTED),
    Outcome.INTERMEDIATE: (Move.FAIL, Reason.INTERMEDIATE),
    Outcome.FATAL: (Move.FAIL, Reason.FATAL),
    Outcome.TIMEOUT: (Move.TIME_OUT, Reason.TIMEOUT),
    Outcome.CRASHED: (Move.CRASH, Reason.CRASHED),
    Outcome.CANCELLED: (Move.CANCEL, Reason.STOPPED),
}


def classify(exit: Exit, task: Task, *, stopping: Reason | None = None) -> Verdict:  # noqa: A002 - the word of the domain
    """What `exit` means for `task`; `stopping` is why it had been asked to stop, if it had been.

    An attempt that was asked to stop ends as was intended, whatever its exit code, signal or report say
    (the code is kept beside the verdict); only a reported success, which a cancel cannot undo, stands.
    """
    if stopping is not None and exit.status is not Outcome.SUCCEEDED:
        return Verdict(INTENDED[stopping], stopping)
    if exit.reason is not None and exit.reason in OWN_VERDICTS:
        return Verdict(OWN_VERDICTS[exit.reason], exit.reason)
    if exit.status is not None:
        return _by_status(exit.status, exit)
    return _by_code(exit, task)


def final_state(outcome: Outcome, reason: Reason | None) -> tuple[Move, Reason | None]:
    """The move that ends a run after its last attempt, and the reason that is written down."""
    move, usual = ENDS[outcome]
    return move, None if usual is None else reason or usual


def _by_status(status: Outcome, exit: Exit) -> Verdict:  # noqa: A002 - the word of the domain
    if status is Outcome.FAILED:
        return Verdict(status, _visible_cause(exit))
    return Verdict(status, ENDS[status][1])


def _by_code(exit: Exit, task: Task) -> Verdict:  # noqa: A002 - the word of the domain
    # Success stands before intermediate because 75 is intermediate by default: to list it as success is a wish.
    sets = (
        (task.fatal_codes, Outcome.FATAL),
        (task.skip_codes, Outcome.SKIPPED),
        (task.success_codes, Outcome.SUCCEEDED),
        (task.intermediate_codes, Outcome.INTERMEDIATE),
    )
    for codes, outcome in sets:
        if exit.code in codes:
            return Verdict(outcome, ENDS[outcome][1])
    if exit.code is None and exit.signal is None and not exit.error:
        return Verdict(Outcome.CRASHED, Reason.LOST)
    return Verdict(Outcome.FAILED, _visible_cause(exit))


def _visible_cause(exit: Exit) -> Reason:  # noqa: A002 - the word of the domain
    if exit.signal is not None:
        return Reason.SIGNAL
    return Reason.REPORTED if exit.code in {None, 0} else Reason.EXIT_CODE
