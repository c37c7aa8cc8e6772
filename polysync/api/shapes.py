"""What the API shows of a run, as JSON: every key always there, null where nothing is known.

A list of runs is the answer that is asked for most, so a run is not built as a table and then encoded: its
fields are encoded one by one into a text that is made once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as text  # json's own, in C where it can be
from typing import Any, Final

from polysync.domain.admission import Need
from polysync.domain.effects import Record, RunCreated, RunMoved
from polysync.domain.rows import Attempt, Message, Run
from polysync.domain.run import State
from polysync.domain.task import Task

HIDDEN: Final = "***"
NULL: Final = "null"

_KEYS: Final = (
    "id uid task job state end_reason outcome retry_status blocked_on waiting_for trigger scheduled_for created_at "
    "available_at started_at ended_at priority attempt attempts exit_code signal outputs messages error progress "
    "parameters correlation_id parent_id rerun_of external_id external_account_id external_user_id category subject "
    "description tags unlisted archived start_after expires_at status_code turn generation definition actor "
    "updated_at updated_by url platform decide_by stop_reason comment logical_at slots history"
).split()
_TEMPLATE: Final = "{" + ",".join(f'"{key}":%s' for key in _KEYS) + "}"
_ATTEMPT_KEYS: Final = (
    "number outcome exit_code signal error status_code opened_at started_at ended_at platform handle host worker image "
    "claimed_by last_seen_at pid cpu_seconds max_rss log_bytes log_dropped"
).split()

Sensitive = Callable[[Run], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Details:
    """What is shown of one run beyond its row, where it is asked for alone."""

    attempts: Sequence[Attempt]
    history: Sequence[Record]


def dumps(value: Any) -> str:
    """Any JSON value in one line."""
    return _ENCODER.encode(value)


def instant(moment: datetime | None) -> str:
    """A time as RFC 3339 in UTC, between quotes."""
    if moment is None:
        return NULL
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f'"{moment.isoformat()[:-6]}Z"'


def moment_text(moment: datetime | None) -> str | None:
    """A time as RFC 3339 in UTC."""
    return None if moment is None else f"{moment.astimezone(UTC).isoformat()[:-6]}Z"


def run_text(
    run: Run,
    *,
    task: Task | None,
    hidden: frozenset[str],
    needs: Sequence[Need] | None = None,
    details: Details | None = None,
) -> str:
    """One run as JSON text."""
    return _TEMPLATE % (
        run.id,
        *_standing(run, task, needs, details),
        *_told(run, hidden),
        *_around(run, task, details),
    )


def _standing(run: Run, task: Task | None, needs: Sequence[Need] | None, details: Details | None) -> tuple[object, ...]:
    return (
        text(run.uid),
        text(run.task),
        _word(task.job) if task else NULL,
        text(run.state),
        _word(run.end_reason),
        _word(run.outcome),
        _retry_status(run),
        _blocked_on(run),
        NULL if needs is None else dumps([need_shape(need) for need in needs]),
        text(run.trigger),
        instant(run.scheduled_for),
        instant(run.created_at),
        instant(run.available_at),
        instant(run.started_at),
        instant(run.ended_at),
        run.priority,
        run.attempt,
        dumps([attempt_shape(attempt) for attempt in details.attempts]) if details else NULL,
    )


def _told(run: Run, hidden: frozenset[str]) -> tuple[object, ...]:
    return (
        _number(run.exit_code),
        _word(run.signal),
        _masked(run.outputs, hidden),
        dumps([message_shape(message) for message in run.messages]) if run.messages else "[]",
        text(run.error),
        dumps({"percent": run.progress[0], "text": run.progress[1]}) if run.progress else NULL,
        _masked(run.parameters, hidden),
        text(run.correlation_id),
        run.parents[0] if run.parents else NULL,
        _number(run.rerun_of),
    )


def _around(run: Run, task: Task | None, details: Details | None) -> tuple[object, ...]:
    moved = _last_move(details.history) if details else None
    return (
        _word(run.external_id),
        NULL,
        NULL,
        _word(task.category) if task else NULL,
        _word(task.subject) if task else NULL,
        _word(task.description) if task else NULL,
        _tags(run.tags),
        _flag(task.unlisted) if task else NULL,
        _flag(run.archived_at is not None),
        instant(run.available_at),
        instant(run.expires_at),
        _number(run.status_code),
        run.turn,
        NULL,
        text(run.definition),
        text(run.actor),
        instant(moved.at if moved else None),
        _word(moved.actor if moved else None),
        text(f"/api/runs/{run.id}"),
        _word(run.platform),
        instant(run.decide_by),
        _word(run.stop_reason),
        _word(run.comment),
        instant(run.logical_at),
        run.slots,
        dumps(history_shapes(details.history)) if details else NULL,
    )


def list_text(items: Iterable[str], cursor: int | str | None) -> str:
    """A page of items that are JSON text already."""
    return f'{{"items":[{",".join(items)}],"next":{NULL if cursor is None else text(str(cursor))}}}'


def attempt_shape(attempt: Attempt) -> dict[str, Any]:
    """One attempt; where it runs comes from its handle."""
    handle = attempt.handle
    known = {
        "number": attempt.number,
        "outcome": attempt.outcome,
        "exit_code": attempt.exit_code,
        "signal": attempt.signal,
        "error": attempt.error,
        "status_code": attempt.status_code,
        "opened_at": moment_text(attempt.opened_at),
        "started_at": moment_text(attempt.started_at),
        "ended_at": moment_text(attempt.ended_at),
        "platform": attempt.platform,
        "handle": None if handle is None else dict(handle),
        "pid": handle.get("pid") if handle else None,
        "host": handle.get("host") if handle else None,
        "cpu_seconds": attempt.cpu_seconds,
        "max_rss": attempt.max_rss,
        "log_bytes": attempt.log_bytes,
        "log_dropped": attempt.log_dropped,
    }
    return {key: known.get(key) for key in _ATTEMPT_KEYS}


def message_shape(message: Message) -> dict[str, Any]:
    """One message of the work."""
    return {"code": message.code, "text": message.text, "error": message.error}


def need_shape(need: Need) -> dict[str, Any]:
    """One thing that a run lacks."""
    return {"kind": need.lack, "name": need.name, "until": moment_text(need.until)}


def history_shapes(records: Sequence[Record]) -> list[dict[str, Any]]:
    """The moves of a run from one state to the next, oldest first."""
    return [shape for shape in map(_history_shape, records) if shape is not None]


def _history_shape(record: Record) -> dict[str, Any] | None:
    if isinstance(record, RunCreated):
        made = record.run
        return _move(made.created_at, None, made.state, made.end_reason, made.actor)
    if isinstance(record, RunMoved):
        return _move(record.at, record.before, record.state, record.reason, record.actor)
    return None


def _move(at: datetime, before: State | None, state: State, reason: str | None, actor: str) -> dict[str, Any]:
    return {"at": moment_text(at), "before": before, "state": state, "reason": reason, "actor": actor}


def _last_move(records: Sequence[Record]) -> RunMoved | None:
    return next((record for record in reversed(records) if isinstance(record, RunMoved)), None)


def _word(value: str | None) -> str:
    return NULL if value is None else text(value)


def _number(value: int | None) -> str:
    return NULL if value is None else str(value)


def _flag(value: bool) -> str:  # noqa: FBT001 - the flag is what is written
    return "true" if value else "false"


def _tags(tags: Mapping[str, str]) -> str:
    return f"{{{','.join([f'{text(name)}:{text(value)}' for name, value in tags.items()])}}}" if tags else "{}"


def _masked(values: Mapping[str, Any], hidden: frozenset[str]) -> str:
    if not values:
        return "{}"
    shown = [f"{text(name)}:{_value(HIDDEN if name in hidden else value)}" for name, value in values.items()]
    return f"{{{','.join(shown)}}}"


def _value(value: Any) -> str:
    """Most values are words and numbers, and those need no whole encoder."""
    if type(value) is str:
        return text(value)
    return str(value) if type(value) is int else dumps(value)


def _retry_status(run: Run) -> str:
    """`waiting` for another attempt, or `exhausted` when none is left to give."""
    if run.state is State.RETRYING:
        return '"waiting"'
    return '"exhausted"' if run.state is State.DEAD else NULL


def _blocked_on(run: Run) -> str:
    blocked = run.blocked_on
    if blocked is None:
        return NULL
    since = moment_text(blocked.since)
    return dumps({"kind": blocked.kind, "name": blocked.name, "reason": blocked.reason, "since": since})


def _plain(value: Any) -> Any:
    """What JSON has no form for: read-only mappings and times inside values."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, datetime):
        return moment_text(value)
    return str(value)


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), default=_plain)
