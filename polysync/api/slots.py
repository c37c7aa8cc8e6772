"""What became of the slots of a task, or will."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from polysync.api.asked import Asked
from polysync.api.fields import INSTANT, Field
from polysync.api.office import Office
from polysync.api.refusal import invalid
from polysync.api.response import Response
from polysync.api.route import Route, document
from polysync.api.schemas import NUMBER, TEXT, TIME, YES_NO, many, maybe, shape, word_of
from polysync.api.shapes import moment_text
from polysync.api.task_shapes import local_text
from polysync.domain.rows import Run
from polysync.domain.run import Reason, State
from polysync.domain.slot_story import Fate, Story, tell
from polysync.domain.task_views import TICK, TaskView, skipped
from polysync.domain.values import Role, Trigger
from polysync.domain.zone import EARLIEST, LATEST

MOST: Final = 100  # slots of one answer
ROWS: Final = 1_000  # rows that are looked through for the ones that account for them


async def slots(office: Office, asked: Asked) -> Response:
    """What became of a slot, or of those in a stretch of time; and which are nearest."""
    name, at, until = asked.path["task"], asked.given["at"], asked.given["until"]
    office.check_task(name)
    _check(at, until)
    board = office.noticeboard
    rows = await board.slot_rows(name, until or at, ROWS)
    office.check_task(name)
    task, view, now = board.configuration.tasks[name], board.task(name), board.now()
    wanted = [at] if until is None else await _instants(view, rows, at, until)
    left_out = skipped(task, view, now)
    told = []
    for one in wanted[:MOST]:
        told.append(tell(task, view, one, [row for row in rows if _is_by(row, one)], now, left_out))
        await asyncio.sleep(0)
    return document(
        {
            "task": name,
            "scheduled": view.timetable is not None,
            "items": [_shape(one, view) for one in told],
            "more": len(wanted) > MOST,
            "previous_at": moment_text(view.timetable.previous_at(at)) if view.timetable else None,
            "next_at": moment_text(view.timetable.next_at(until or at)) if view.timetable else None,
            "tripped": view.state.tripped,
        }
    )


def _check(at: datetime, until: datetime | None) -> None:
    wrong = [
        (name, "is too near to an end of the calendar")
        for name, moment in (("at", at), ("until", until))
        if moment is not None and not EARLIEST < moment < LATEST
    ]
    if until is not None and until < at:
        wrong.append(("until", "is before `at`"))
    if wrong:
        raise invalid(wrong)


async def _instants(view: TaskView, rows: Sequence[Run], at: datetime, until: datetime) -> list[datetime]:
    """The slots of a stretch: those that have rows, and those of today's schedule."""
    found = {row.scheduled_for for row in rows if row.scheduled_for is not None and at <= row.scheduled_for <= until}
    if view.timetable is not None:
        for one in islice(view.timetable.instants(at - TICK, until), MOST + 1):
            found.add(one)
            await asyncio.sleep(0)  # of a rare schedule each of them takes a while
    return sorted(found)


def _is_by(row: Run, at: datetime) -> bool:
    return row.scheduled_for is not None and row.scheduled_for <= at


def _shape(story: Story, view: TaskView) -> dict[str, Any]:
    return {
        "at": moment_text(story.at),
        "local": None if view.timetable is None else local_text(story.at, view.timetable),
        "fate": story.fate,
        "reason": story.reason,
        "note": story.note,
        "run": None if story.run is None else _run(story.run),
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "state": run.state,
        "end_reason": run.end_reason,
        "trigger": run.trigger,
        "created_at": moment_text(run.created_at),
        "slots": run.slots,
        "last_slot": moment_text(run.last_slot),
        "archived": run.archived_at is not None,
    }


ACCOUNT: Final = shape(
    id=NUMBER,
    state=word_of(State),
    end_reason=maybe(word_of(Reason)),
    trigger=word_of(Trigger),
    created_at=TIME,
    slots={**NUMBER, "description": "How many slots it accounts for."},
    last_slot=maybe(TIME),
    archived=YES_NO,
)
SLOT: Final = shape(
    at=TIME,
    local=maybe({**TEXT, "format": "date-time"}),
    fate=word_of(Fate),
    reason=maybe(word_of(Reason)),
    note=TEXT,
    run={**maybe(ACCOUNT), "description": "What accounts for it."},
)
SLOTS: Final = shape(
    task=TEXT,
    scheduled={**YES_NO, "description": "Whether it has a schedule."},
    items=many(SLOT),
    more={**YES_NO, "description": f"There are more than {MOST}."},
    previous_at={**maybe(TIME), "description": "The slot before it."},
    next_at={**maybe(TIME), "description": "The slot after it."},
    tripped=YES_NO,
)
ROUTES: Final = (
    Route(
        "GET",
        "tasks/{task}/slots",
        Role.VIEWER,
        slots,
        "What became of a slot, or of those in a stretch of time, or what will; and which slots are nearest.",
        query=(
            Field("at", INSTANT, "The instant, or where the stretch begins.", required=True),
            Field("until", INSTANT, "Where the stretch ends."),
        ),
        answer=SLOTS,
        refuses=frozenset({404}),
    ),
)
