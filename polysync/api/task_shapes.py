"""What the API shows of a task: where it stands, what there was of it, and what is to come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from polysync.api.schemas import (
    AMOUNT,
    NUMBER,
    TEXT,
    TIME,
    YES_NO,
    Schema,
    many,
    maybe,
    page_of,
    shape,
    tabled,
    word_of,
)
from polysync.api.shapes import NULL, dumps, instant, moment_text
from polysync.config.origin import Origin
from polysync.config.written import as_written
from polysync.domain.glances import Glance, Past, Statistics
from polysync.domain.rows import TaskState
from polysync.domain.run import Reason, State
from polysync.domain.schedule import Timetable
from polysync.domain.task import Task
from polysync.domain.task_views import Coming, TaskView, next_run
from polysync.domain.values import Mode, Trigger

# Thousands of tasks are one answer, so they are not built as tables and then encoded: what a definition says is text
# once for all, and the rest is put together from texts.
_STANDING: Final = (
    "paused paused_until paused_by pause_reason skip_next tripped next_at running queued waiting last_success_at"
).split()
_TEMPLATE: Final = ",".join(f'"{key}":%s' for key in _STANDING)
_LAST: Final = (
    '{"id":%s,"state":"%s","end_reason":%s,"trigger":"%s","created_at":%s,"started_at":%s,"ended_at":%s,"duration":%s}'
)
_AT_EASE: Final = ("false", NULL, NULL, NULL, "0", "false")


class TaskText:
    """A task as it was shown last: what has not changed since need not be written anew."""

    __slots__ = ("_next", "_standing", "definition", "past", "past_text", "task", "timetable")

    def __init__(self, task: Task, timetable: Timetable | None) -> None:
        self.task = task
        self.timetable = timetable
        self.definition = definition_text(task, timetable)
        self.past: Past | None = None
        self.past_text = ""
        self._standing: tuple[Any, ...] = ()
        self._next = NULL

    def next_text(self, view: TaskView) -> str:
        """When the next slot is that will run: looked for once, as long as nothing says otherwise."""
        state = view.state
        standing = view.next_at, state.paused, state.paused_until, state.skip_next
        if standing != self._standing:
            self._standing, self._next = standing, instant(next_run(self.task, view))
        return self._next


def definition_text(task: Task, timetable: Timetable | None) -> str:
    """What its definition says of a task, without the brackets around it."""
    said = {
        "name": task.name,
        "title": task.title,
        "group": task.group,
        "description": task.description,
        "tags": task.tags,
        "enabled": task.enabled,
        "unlisted": task.unlisted,
        "mode": task.mode,
        "api_trigger": task.api_trigger,
        "cron": task.cron,
        "timezone": None if timetable is None else timetable.zone.key,
    }
    return dumps(said)[1:-1]


def standing_text(view: TaskView, next_text: str) -> str:
    """Where a task stands, likewise."""
    state = view.state
    return _TEMPLATE % (
        *(_held(state) if state.paused or state.skip_next or state.tripped else _AT_EASE),
        next_text,
        view.running,
        view.queued,
        view.waiting,
        instant(state.last_success_at),
    )


def past_text(last: Glance | None, past: Past) -> str:
    """What there was of a task, likewise; `last` is its newest run as fresh as it can be."""
    said = '","'.join([outcome for _, outcome in past.outcomes])
    newest = NULL if last is None else glance_text(last)
    return f'"last":{newest},"outcomes":' + (f'["{said}"]' if said else "[]")


def _held(state: TaskState) -> tuple[str, ...]:
    return (
        "true" if state.paused else "false",
        instant(state.paused_until),
        dumps(state.paused_by) if state.paused_by else NULL,
        dumps(state.pause_reason) if state.pause_reason else NULL,
        str(state.skip_next),
        "true" if state.tripped else "false",
    )


def glance_text(run: Glance) -> str:
    """A run in one line."""
    took = run.ended_at - run.started_at if run.started_at is not None and run.ended_at is not None else None
    return _LAST % (
        run.id,
        run.state,
        NULL if run.reason is None else f'"{run.reason}"',
        run.trigger,
        instant(run.created_at),
        instant(run.started_at),
        instant(run.ended_at),
        NULL if took is None else seconds(took),
    )


def coming_shape(task: str, one: Coming, timetable: Timetable) -> dict[str, Any]:
    """A coming slot, and whether it will run if all stays as it is."""
    return {
        "task": task,
        "at": moment_text(one.slot.at),
        "local": local_text(one.slot.at, timetable),
        "note": one.slot.note,
        "runs": one.reason is None,
        "reason": one.reason,
    }


def local_text(at: datetime, timetable: Timetable) -> str:
    """A time on the clocks of a schedule, with its offset."""
    return at.astimezone(timetable.zone).isoformat(timespec="seconds")


def statistics_shape(found: Statistics) -> dict[str, Any]:
    """Many runs in a few numbers."""
    return {
        "counts": found.counts,
        "success_rate": found.success_rate,
        "duration": {
            "p50": None if found.median is None else seconds(found.median),
            "p95": None if found.slow is None else seconds(found.slow),
            "max": None if found.longest is None else seconds(found.longest),
        },
    }


def origin_shapes(values: Iterable[Origin]) -> list[dict[str, Any]]:
    """The values of a definition, each with the place that set it."""
    return [
        {
            "key": one.key,
            "value": as_written(one.key, one.value),
            "origin": one.source,
            "path": one.file or None,
            "line": one.line or None,
            "column": one.column or None,
        }
        for one in values
    ]


def seconds(span: timedelta) -> float:
    """A length of time in seconds."""
    return round(span.total_seconds(), 6)


LAST: Final = shape(
    id=NUMBER,
    state=word_of(State),
    end_reason=maybe(word_of(Reason)),
    trigger=word_of(Trigger),
    created_at=TIME,
    started_at=maybe(TIME),
    ended_at=maybe(TIME),
    duration={**maybe(AMOUNT), "description": "Seconds, once it is over."},
)
_TASK: Final[Mapping[str, Schema]] = {
    "name": TEXT,
    "title": maybe(TEXT),
    "group": TEXT,
    "description": maybe(TEXT),
    "tags": tabled(TEXT),
    "enabled": YES_NO,
    "unlisted": YES_NO,
    "mode": word_of(Mode),
    "api_trigger": YES_NO,
    "cron": many(TEXT),
    "timezone": {**maybe(TEXT), "description": "Of its schedule; null where it has none."},
    "paused": YES_NO,
    "paused_until": maybe(TIME),
    "paused_by": maybe(TEXT),
    "pause_reason": maybe(TEXT),
    "skip_next": {**NUMBER, "description": "How many of its next slots are left out."},
    "tripped": {**YES_NO, "description": "Its schedule was stopped because it started too often."},
    "next_at": {**maybe(TIME), "description": "The next slot that will run if all stays as it is."},
    "running": NUMBER,
    "queued": NUMBER,
    "waiting": {**NUMBER, "description": "Runs that wait for a time, for others or for a person."},
    "last_success_at": maybe(TIME),
    "last": {**maybe(LAST), "description": "Its newest run."},
    "outcomes": {**many(word_of(State)), "description": "How the last runs ended, at most 20, oldest first."},
}
TASK: Final = shape(**_TASK)
ORIGIN: Final = shape(key=TEXT, value={}, origin=TEXT, path=maybe(TEXT), line=maybe(NUMBER), column=maybe(NUMBER))
TASK_IN_FULL: Final = shape(**_TASK, definition=many(ORIGIN))
COMING: Final = shape(
    task=TEXT, at=TIME, local={**TEXT, "format": "date-time"}, note=TEXT, runs=YES_NO, reason=maybe(word_of(Reason))
)
TASKS: Final = page_of(TASK)
COMINGS: Final = page_of(COMING)
CONDITIONS: Final = shape(  # noqa: S604 - its parameter named shell is a key of the answer
    task=TEXT,
    user=TEXT,
    group=TEXT,
    folder=TEXT,
    shell={**maybe(TEXT), "description": "Null where no shell takes part."},
    umask=TEXT,
    path=TEXT,
    env_base=TEXT,
    variables={**tabled(maybe(TEXT)), "description": "By name; null where the value is nobody's business."},
    env_file=many(TEXT),
    terminal=YES_NO,
    limits=tabled(maybe({"type": ["string", "number"]})),
)
STATISTICS: Final = shape(
    task=TEXT,
    since=TIME,
    until=TIME,
    rows={**NUMBER, "description": "Runs that were looked at."},
    complete={**YES_NO, "description": "False: there were more, and the oldest were not looked at."},
    counts=tabled(NUMBER),
    success_rate={**maybe(AMOUNT), "description": "Of the runs that ran to an end of their own."},
    duration={**shape(p50=maybe(AMOUNT), p95=maybe(AMOUNT), max=maybe(AMOUNT)), "description": "Seconds."},
)
