"""What became of a slot, or will: from the rows of its task, its timetable and what is remembered of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from polysync.domain.firing import standing_reason
from polysync.domain.rows import Run
from polysync.domain.run import Reason, State
from polysync.domain.task import Task
from polysync.domain.task_views import TICK, TaskView

NONE: Final[frozenset[datetime]] = frozenset()


class Fate(StrEnum):
    """What became of a slot."""

    RUN = "run"  # it has a run of its own
    LEFT_OUT = "left_out"  # it has a row that says why it did not run
    COMING = "coming"
    WILL_NOT_RUN = "will_not_run"  # if all stays as it is
    UNKNOWN = "unknown"  # it is a slot of today's schedule, and nothing is written down about it
    NO_SLOT = "no_slot"


class Story(NamedTuple):
    """One instant of a task's time."""

    at: datetime
    fate: Fate
    reason: Reason | None = None
    run: Run | None = None
    note: str = ""


def covering(rows: Iterable[Run], at: datetime) -> Run | None:
    """The row that accounts for the slot at `at`: its own, else that of a range of slots which holds it."""
    found = None
    for row in rows:
        if row.scheduled_for == at:
            return row
        reaches = row.slots > 1 and row.scheduled_for is not None and row.last_slot is not None
        if found is None and reaches and _within(row, at):
            found = row
    return found


def _within(row: Run, at: datetime) -> bool:
    return row.scheduled_for is not None and row.last_slot is not None and row.scheduled_for < at <= row.last_slot


def tell(
    task: Task,
    view: TaskView,
    at: datetime,
    rows: Iterable[Run],
    now: datetime,
    left_out: frozenset[datetime] = NONE,
) -> Story:
    """What became of the instant `at`, or will if all stays as it is.

    `rows` are those up to it, newest slot first; `left_out` are the coming slots that somebody wants left out.
    """
    timetable = view.timetable
    is_slot = timetable is not None and timetable.next_at(at - TICK) == at
    row = covering(rows, at)
    if row is not None and (is_slot or row.scheduled_for == at):
        fate = Fate.LEFT_OUT if row.state is State.SKIPPED and row.attempt == 0 else Fate.RUN
        return Story(at, fate, row.end_reason, row)
    if timetable is None or not is_slot:
        return Story(at, Fate.NO_SLOT)
    note = timetable.slot(at).note
    if at <= now or view.state.tripped:
        return Story(at, Fate.UNKNOWN, note=note)
    reason = Reason.SKIP_NEXT if at in left_out else standing_reason(task, view.state, timetable, at)
    return Story(at, Fate.COMING if reason is None else Fate.WILL_NOT_RUN, reason, note=note)
