"""How an attempt ended: what the shim wrote, what the kernel said, what the work reported, in this order of belief."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Any, Final

from polysync.adapters.local.quick import Cost
from polysync.adapters.local.status import Status
from polysync.adapters.local.tail import Told
from polysync.adapters.local.usage import peak
from polysync.domain.outcome import Exit, Usage
from polysync.domain.rows import Message
from polysync.domain.run import Reason

SIGNALS: Final = {number.value: number.name.removeprefix("SIG") for number in signal.Signals}
UNWRITTEN: Final = 125  # what the shim exits with where it could not write who it is
LINGERED: Final = Message(
    "output_open", "processes of this attempt were still running when it ended; what they write from now on is not kept"
)


@dataclass(frozen=True, slots=True)
class Traces:
    """What a shim left behind."""

    status: Status | None = None  # what its status file says
    wait_status: int | None = None  # what the kernel said, where it was our child
    cost: Cost | None = None  # what the kernel counted
    peaks: tuple[int | None, ...] = ()  # of its memory, as they were seen
    lingered: bool = False

    @property
    def code(self) -> int | None:
        """The exit code of the command, where anybody knows it.

        A shim of ours that exited by itself says it with its own exit, even where the disk had no room for its
        last line; one that was killed says nothing about the command.
        """
        if self.status is None or not self.status.shim:
            return None
        if self.status.code is None and self.wait_status is not None and os.WIFEXITED(self.wait_status):
            return os.WEXITSTATUS(self.wait_status)
        return self.status.code


def exit_of(traces: Traces, told: Told) -> Exit:
    """How the attempt ended."""
    facts = _facts(traces, told)
    code = traces.code
    if told.reported.start_failed is not None or (traces.status is not None and not traces.status.executed):
        facts["error"] = told.reported.start_failed or _unexecuted(code)
        return Exit(code=code, reason=Reason.START_FAILED, **facts)
    if code is not None:
        return Exit(code=code, signal=SIGNALS.get(code - 128) if code > 128 else None, **facts)
    return _exit_without_code(traces, facts)


def rebooted(told: Told) -> Exit:
    """The end of what ran before the host was restarted: what it wrote is known, and nothing else is."""
    return Exit(reason=Reason.HOST_REBOOTED, **_facts(Traces(), told))


def _exit_without_code(traces: Traces, facts: dict[str, Any]) -> Exit:
    """The shim died: whether the command did its work is not known, unless it never began."""
    status, ended = traces.status, traces.wait_status
    if status is not None and not status.shim:
        refused = ended is not None and os.waitstatus_to_exitcode(ended) == UNWRITTEN
        words = "its status file could not be written" if refused else "its shim was ended at once"
        facts["error"] = f"the command was never started: {words}"
        return Exit(reason=Reason.START_FAILED, **facts)
    facts["error"] = facts["error"] or "the shim of this attempt is gone and left no exit code"
    killed = os.WTERMSIG(ended) if ended is not None and os.WIFSIGNALED(ended) else None
    return Exit(signal=None if killed is None else SIGNALS.get(killed), reason=Reason.LOST, **facts)


def _facts(traces: Traces, told: Told) -> dict[str, Any]:
    reported = told.reported
    return {
        "status": reported.status,
        "error": reported.error,
        "retry_after": reported.retry_after,
        "outputs": reported.outputs,
        "status_code": reported.status_code,
        "messages": (*reported.messages, LINGERED) if traces.lingered else reported.messages,
        "sensitive": tuple(sorted(reported.sensitive)),
        "usage": _usage(traces, told.log_bytes),
    }


def _usage(traces: Traces, log_bytes: int) -> Usage:
    if traces.cost is not None:
        cpu: float | None = traces.cost.cpu_seconds
    else:
        cpu = traces.status.cpu_seconds if traces.status is not None else None
    return Usage(cpu, peak(traces.peaks, traces.cost), log_bytes)


def _unexecuted(code: int | None) -> str:
    kind = "its interpreter is missing" if code == 127 else "it is busy, or not for this system or user"
    return f"the program could not be executed: {kind}; the log has the words of the system"
