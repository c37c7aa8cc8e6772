"""The rows of polysync.db: which field of a run, an attempt or a task is a column, and what the rest is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zlib import crc32

from polysync.domain.graph import EdgeEvent
from polysync.domain.rows import Attempt, Run, TaskState
from polysync.domain.run import Reason, State
from polysync.domain.task import Task
from polysync.domain.values import Trigger
from polysync.store.codec import (
    Shape,
    dumps,
    loads,
    micros,
    micros_or_none,
    moment,
    moment_or_none,
    plain,
)
from polysync.store.errors import StorageBroken

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
RUN_COLUMNS: Final = ", ".join((*RUN_FIELDS, "doc", "checksum"))  # what `run_of` wants, in its order
ATTEMPT_COLUMNS: Final = "run_id, number, token, platform, opened_at, started_at, ended_at, doc"
# What a run is born with stays: nothing writes these columns twice.
FIXED: Final = frozenset(
    {"id", "uid", "task", "trigger", "scheduled_for", "created_at", "correlation_id", "rerun_of", "tags"}
)

RUN: Final = Shape(Run, omit=RUN_FIELDS.values(), sparse=True)
ATTEMPT: Final = Shape(
    Attempt, omit=("run_id", "number", "token", "platform", "opened_at", "started_at", "ended_at"), sparse=True
)
TASK_STATE: Final = Shape(TaskState, omit=("task",), sparse=True)
EDGE_EVENT: Final = Shape(EdgeEvent, omit=("upstream",), sparse=True)
_KINDS: Final[Mapping[str, Shape[Any]]] = {"task": Shape(Task)}
_KIND_OF: Final[Mapping[type, str]] = {Task: "task"}


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


def text_of(text: str) -> str:
    """Text that can be bound: half a surrogate pair, which no encoding has, is written out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def run_row(run: Run) -> tuple[Any, ...]:
    """A run as its row."""
    row = (
        run.id,
        run.task,
        run.state.value,
        run.trigger.value,
        micros_or_none(run.scheduled_for),
        micros(run.created_at),
        micros(run.available_at),
        micros_or_none(run.started_at),
        micros_or_none(run.ended_at),
        None if run.end_reason is None else run.end_reason.value,
        run.priority,
        text_of(run.correlation_id),
        run.rerun_of,
        None if run.external_id is None else text_of(run.external_id),
        RUN.dump(run),
    )
    return (*row, checksum(row))


def checksum(values: Sequence[Any]) -> int:
    """A checksum over the values of a run's row, without the checksum itself."""
    *columns, doc = values
    return crc32(doc.encode(), crc32(repr(columns).encode()))


def is_intact(row: Sequence[Any]) -> bool:
    """Whether a run's row is what was written."""
    return bool(checksum(row[:-1]) == row[-1])


def run_of(row: Sequence[Any]) -> Run:
    """The run of a row with the columns `RUN_COLUMNS`; a row that is not what was written raises `StorageBroken`."""
    if not is_intact(row):
        raise StorageBroken(f"the row of run {row[0]} is damaged: its checksum does not fit; see `polysync check`")
    return RUN.load(
        row[14],
        id=row[0],
        task=row[1],
        state=State(row[2]),
        trigger=Trigger(row[3]),
        scheduled_for=moment_or_none(row[4]),
        created_at=moment(row[5]),
        available_at=moment(row[6]),
        started_at=moment_or_none(row[7]),
        ended_at=moment_or_none(row[8]),
        end_reason=None if row[9] is None else Reason(row[9]),
        priority=row[10],
        correlation_id=row[11],
        rerun_of=row[12],
        external_id=row[13],
    )


def attempt_row(attempt: Attempt) -> tuple[Any, ...]:
    """An attempt as its row."""
    return (
        attempt.run_id,
        attempt.number,
        attempt.token,
        attempt.platform,
        micros(attempt.opened_at),
        micros_or_none(attempt.started_at),
        micros_or_none(attempt.ended_at),
        ATTEMPT.dump(attempt),
    )


def attempt_of(row: Sequence[Any]) -> Attempt:
    """The attempt of a row with the columns `ATTEMPT_COLUMNS`."""
    return ATTEMPT.load(
        row[7],
        run_id=row[0],
        number=row[1],
        token=row[2],
        platform=row[3],
        opened_at=moment(row[4]),
        started_at=moment_or_none(row[5]),
        ended_at=moment_or_none(row[6]),
    )


def definition_text(definition: Any) -> str:
    """A definition as JSON, with its kind."""
    kind = _KIND_OF[type(definition)]
    return dumps({kind: _KINDS[kind].pack(definition)})


def definition_of(text: str) -> Any:
    """The definition that `definition_text` was given, with substituted strings as they were written."""
    ((kind, doc),) = loads(text).items()
    return _KINDS[kind].unpack(doc)


def audit_values(entry: AuditEntry) -> tuple[Any, ...]:
    """An audit entry as the values of its row."""
    words = (entry.actor, entry.role, entry.channel, entry.verb, entry.subject, entry.outcome)
    return (micros(entry.at), *map(text_of, map(str, words)), dumps(plain(entry.detail)))
