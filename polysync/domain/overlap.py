"""What a run does that comes due while its task is running at its limit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

from polysync.domain.task import Task
from polysync.domain.values import Overlap


class Admission(StrEnum):
    """What becomes of a new run."""

    QUEUE = "queue"  # also with room: dispatch starts what is queued
    SKIP_OVERLAP = "skip_overlap"
    SKIP_QUEUE_FULL = "skip_queue_full"
    TERMINATE = "terminate"  # queued; the oldest active runs are stopped once it could start


def admit(task: Task, active: int, pending: int) -> Admission:
    """What becomes of a new run of `task` beside `active` ones and `pending` queued ones.

    A queued run that has a slot waiting for it counts against the limit but not as one that waits: two
    runs created in one instant are treated as if the first had already started.
    """
    if active + pending < task.max_concurrent:
        return Admission.QUEUE
    if task.on_overlap is Overlap.SKIP:
        return Admission.SKIP_OVERLAP
    room = max(0, task.max_concurrent - active)
    if pending - room >= task.queue_max:
        return Admission.SKIP_QUEUE_FULL
    if task.on_overlap is Overlap.TERMINATE and active:
        return Admission.TERMINATE
    return Admission.QUEUE


def victims(
    task: Task, active_runs_oldest_first: Sequence[int], pending: int, stopping: Collection[int] = ()
) -> tuple[int, ...]:
    """The active runs to stop so that all `pending` ones, the new one among them, can start.

    Just enough of the oldest; those that are `stopping` already make room without being asked again.
    """
    spare = [run for run in active_runs_oldest_first if run not in stopping]
    need = len(spare) + pending - task.max_concurrent
    return tuple(spare[: max(0, need)])
