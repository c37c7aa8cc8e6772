"""The rows of polysync.db: which field of a run, an attempt or a task is a column, and what the rest is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from polysync.domain.graph import EdgeEvent
from polysync.domain.rows import Attempt, Run, TaskState
from polysync.store.codec import Shape, dumps, micros, plain, text_of
from polysync.store.lines import Form

# The fields of a run that are columns of their own, by the name of the column, in the order of the table.
RUN_FIELDS: Final = {
    "id": "id",
    "task": "task",
    "state": "state",
    "trigger": "trigger",
    "slot": "scheduled_for",
    "created_at": "created_at",
    "available_at": "available_at",
    "started_at": "started_at",
    "ended_at": "ended_at",
    "end_reason": "end_reason",
    "priority": "priority",
    "correlation_id": "correlation_id",
    "rerun_of": "rerun_of",
    "external_id": "external_id",
}
# What a run is born with stays: nothing writes these columns twice.
FIXED: Final = frozenset(
    {"id", "uid", "task", "trigger", "scheduled_for", "created_at", "correlation_id", "rerun_of", "tags"}
)

RUN: Final = Form(Run, RUN_FIELDS, lambda row: f"run {row[0]}", moved=("state", "available_at", "started_at"))
ATTEMPT_FIELDS: Final = ("run_id", "number", "token", "platform", "opened_at", "started_at", "ended_at")
ATTEMPT: Final = Form(Attempt, {name: name for name in ATTEMPT_FIELDS}, lambda row: f"attempt {row[1]} of run {row[0]}")
TASK: Final = Form(TaskState, {"task": "task", "last_run": "", "slot_run": ""}, lambda row: f"task {row[0]}")
EDGE_EVENT: Final = Shape(EdgeEvent, omit=("upstream",), sparse=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did or was refused what."""

    at: datetime
    actor: str
    role: str
    channel: str
    verb: str
    subject: str
    outcome: str
    detail: Mapping[str, Any] = field(default_factory=dict)


def row_hash(row: Run | TaskState) -> str:
    """A hash over everything that is stored of a run, or remembered of a task, as 32 hexadecimal digits."""
    line = RUN.new(row) if isinstance(row, Run) else TASK.new(row)
    text = repr((line.columns, sorted((line.parts or {}).items())))
    return blake2b(text.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()


def audit_values(entry: AuditEntry) -> tuple[Any, ...]:
    """An audit entry as the values of its row."""
    words = (entry.actor, entry.role, entry.channel, entry.verb, entry.subject, entry.outcome)
    return (micros(entry.at), *map(text_of, map(str, words)), dumps(plain(entry.detail)))
