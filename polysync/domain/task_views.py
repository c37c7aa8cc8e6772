"""What tasks look like from outside, and what will become of their coming slots: pure reading, for whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

from polysync.domain.firing import standing_reason
from polysync.domain.rows import TaskState
from polysync.domain.run import Reason
from polysync.domain.schedule import Slot, Timetable
from polysync.domain.task import Task
from polysync.domain.world import World
from polysync.domain.zone import LATEST

TICK: Final = timedelta(microseconds=1)
TRIED: Final = 1_500  # slots in a row that do not run, after which nobody looks further for one that does


class TaskView(NamedTuple):
    """How a task stands at this moment; whoever is handed it leaves it as it is."""

    state: TaskState
    timetable: Timetable | None
    next_at: datetime | None  # its next slot, whatever becomes of that
    running: int
    queued: int
    waiting: int  # for a time, for others or for a person


class Coming(NamedTuple):
    """A coming slot, and why it will not run if all stays as it is."""

    slot: Slot
    reason: Reason | None


def task_view(world: World, name: str) -> TaskView:
    """How a task stands; one that nobody ever saw stands as a new one does."""
    index = world.index
    return TaskView(
        world.tasks.get(name) or TaskState(name),
        world.timetables.get(name),
        world.next_at.get(name),
        len(index.active.get(name, ())),
        len(index.queued.get(name, ())),
        len(index.gated.get(name, ())),
    )


def coming(task: Task, view: TaskView, after: datetime) -> Iterator[Coming]:
    """The slots after `after`, each with what is known of it now."""
    if view.timetable is not None:
        for at, reason in _reasons(task, view, view.timetable, after):
            yield Coming(view.timetable.slot(at), reason)


def _reasons(
    task: Task, view: TaskView, timetable: Timetable, after: datetime
) -> Iterator[tuple[datetime, Reason | None]]:
    state, left = view.state, view.state.skip_next
    if state.tripped:
        return
    for at in timetable.instants(after, LATEST):
        reason = standing_reason(task, state, timetable, at)
        if reason is None and left:
            left -= 1
            reason = Reason.SKIP_NEXT
        yield at, reason


def skipped(task: Task, view: TaskView, after: datetime) -> frozenset[datetime]:
    """The slots that would run but for `skip-next`."""
    if view.timetable is None or not view.state.skip_next:
        return frozenset()
    tried = islice(_reasons(task, view, view.timetable, after), TRIED)
    found = (at for at, reason in tried if reason is Reason.SKIP_NEXT)
    return frozenset(islice(found, view.state.skip_next))


def next_run(task: Task, view: TaskView) -> datetime | None:
    """When the next slot is that will run; None where that is not in sight."""
    state, timetable = view.state, view.timetable
    if view.next_at is None or timetable is None or not task.enabled:
        return None
    if not (state.paused or state.skip_next or timetable.openings):
        return view.next_at
    if state.paused and state.paused_until is None:
        return None
    after = view.next_at - TICK
    if state.paused and state.paused_until is not None:
        after = max(after, state.paused_until - TICK)
    tried = islice(_reasons(task, view, timetable, after), TRIED)
    return next((at for at, reason in tried if reason is None), None)
