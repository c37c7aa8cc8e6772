"""The audit of what was asked: who, what, about which task or run, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from polysync.daemon.inbox import Asked, Denied
from polysync.domain.effects import Answer
from polysync.domain.inputs import Archive, Decide, Pause, Release, Resume, SetService, SkipNext, Stop, Submit
from polysync.ports import Request
from polysync.store.rows import AuditEntry

DONE: Final = "done"
NONE: Final[Mapping[str, str]] = MappingProxyType({})
_VERBS: Final[dict[type[Request], str]] = {
    Submit: "run",
    Release: "release",
    Stop: "stop",
    Archive: "archive",
    Pause: "pause",
    Resume: "resume",
    SkipNext: "skip-next",
}


def minute(asked: Asked, answer: Answer | None, at: datetime, hashes: Mapping[str, str] = NONE) -> AuditEntry:
    """What goes into the audit together with the decision about a request."""
    request = asked.request
    detail: dict[str, Any] = {**_told(request), **hashes}
    if asked.asker.key:
        detail["idempotency"] = asked.asker.key
    if answer is not None and answer.run_id is not None:
        detail["run"] = answer.run_id
    if answer is not None and answer.message:
        detail["message"] = answer.message
    refusal = answer.refusal if answer is not None else None
    return AuditEntry(
        at=at,
        actor=asked.asker.name,
        role=asked.asker.role.value,
        channel=asked.asker.channel,
        verb=_verb(request),
        subject=_subject(request),
        outcome=DONE if refusal is None else refusal.value,
        detail=detail,
    )


def denial(denied: Denied, at: datetime) -> AuditEntry:
    """What goes into the audit about something that was never even asked of the engine."""
    return AuditEntry(
        at=at,
        actor=denied.asker.name,
        role=denied.asker.role.value if denied.asker.known else "none",
        channel=denied.asker.channel,
        verb=denied.verb,
        subject=denied.subject,
        outcome=denied.outcome,
        detail=denied.detail,
    )


def _verb(request: Request) -> str:
    if isinstance(request, SetService):
        return f"service {'restart' if request.restart else 'start' if request.up else 'stop'}"
    if isinstance(request, Decide):
        return request.decision.value.replace("_", "-")
    if isinstance(request, Submit) and request.rerun_of is not None:
        return "rerun"
    return _VERBS[type(request)]


def _subject(request: Request) -> str:
    if isinstance(request, SetService):
        return f"service {request.service}"
    if isinstance(request, Release | Stop | Decide | Archive):
        return f"run {request.run_id}"
    return f"task {request.task}"


def _told(request: Request) -> dict[str, Any]:
    """What a request said beside its object; never a parameter, which may be secret."""
    told: dict[str, Any] = {}
    if isinstance(request, Submit) and request.rerun_of is not None:
        told["rerun_of"] = request.rerun_of
    if isinstance(request, Pause):
        told |= {"until": None if request.until is None else request.until.isoformat(), "reason": request.reason}
    if isinstance(request, Stop | Decide):
        told["comment"] = request.comment
    if isinstance(request, Archive) and request.undo:
        told["undo"] = True
    return {name: value for name, value in told.items() if value not in {None, ""}}
