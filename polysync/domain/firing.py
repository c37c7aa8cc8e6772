"""From the passing of time to runs: which slots are due, which were missed, and what becomes of each.

The anchor of a task says: every slot up to here is accounted for.  It only moves forward, together
with the rows of the slots that it passes, so that no slot is ever looked at twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Final

from polysync.domain.breaker import Pulse, Recent
from polysync.domain.catchup import select
from polysync.domain.effects import EventName
from polysync.domain.ending import ended
from polysync.domain.launch import Order, launch, turned_away
from polysync.domain.rows import TaskState
from polysync.domain.run import Move, Reason
from polysync.domain.schedule import Timetable
from polysync.domain.task import Task
from polysync.domain.timekeeping import ClockChange
from polysync.domain.values import Trigger
from polysync.domain.world import World, create, note, note_task, state_of, tell

CROWDED_AGENDA: Final = 64  # stale entries are swept once they outnumber the tasks by this much


def plan(world: World, name: str) -> None:
    """Put the next slot of a task on the agenda."""
    timetable, state = world.timetables.get(name), state_of(world, name)
    anchor = None if state.tripped else state.anchor
    upcoming = timetable.next_at(anchor) if timetable is not None and anchor is not None else None
    if upcoming is None:
        world.next_at.pop(name, None)
        return
    world.next_at[name] = upcoming
    heappush(world.agenda, (upcoming, name))
    if len(world.agenda) > 2 * len(world.next_at) + CROWDED_AGENDA:
        world.agenda[:] = [(at, task) for task, at in world.next_at.items()]
        heapify(world.agenda)


def fire_due(world: World, jump: ClockChange | None) -> None:
    """Account for every slot up to now; those inside a jump of the clock were missed."""
    now = world.now.wall
    while world.agenda and world.agenda[0][0] <= now:
        at, name = heappop(world.agenda)
        if world.next_at.get(name) == at:
            _account(world, name, at, jump)


def _account(world: World, name: str, first: datetime, jump: ClockChange | None) -> None:
    task, timetable, now = world.configuration.tasks[name], world.timetables[name], world.now.wall
    following = timetable.next_at(first)
    taken = world.taken.get(name, frozenset())
    if jump is None and (following is None or following > now) and first not in taken:
        _fire(world, task, timetable, first, Trigger.CRON)
    else:
        _account_many(world, task, timetable, jump, taken)
        world.last_slot.pop(name, None)  # the newest slot of a gap may not be the one that was looked at last
    note_task(world, name, anchor=now)
    plan(world, name)


def _account_many(
    world: World, task: Task, timetable: Timetable, jump: ClockChange | None, taken: frozenset[datetime]
) -> None:
    """Several slots passed since the last look: some on time, the others in the gap."""
    now = world.now.wall
    anchor = state_of(world, task.name).anchor or now
    gap_from = min(jump.gap_from, now) if jump else now
    walk = partial(_walk, timetable, taken)
    for at in walk(anchor, gap_from):
        _fire(world, task, timetable, at, Trigger.CRON)
    _catch_up(world, task, timetable, walk(max(anchor, gap_from), now))


def _walk(timetable: Timetable, taken: frozenset[datetime], after: datetime, until: datetime) -> Iterator[datetime]:
    """The slots of a span that have no row yet; some have one after a correction of the clock."""
    return (at for at in timetable.instants(after, until) if at not in taken)


def _catch_up(world: World, task: Task, timetable: Timetable, missed: Iterable[datetime]) -> None:
    runnable = _runnable(world, task, timetable, missed)
    selection = select(runnable, task.catch_up, task.max_catch_up_runs, world.now.wall, task.start_deadline)
    for dropped in selection.dropped:
        leave_out(world, task, dropped.reason, dropped.first, dropped.last, dropped.count)
    for at in selection.run:
        _fire(world, task, timetable, at, Trigger.CATCHUP)


def _runnable(world: World, task: Task, timetable: Timetable, missed: Iterable[datetime]) -> Iterator[datetime]:
    """The missed slots that would have run; the others are accounted for on the way."""
    state = state_of(world, task.name)
    for at in missed:
        reason = _standing_reason(task, state, timetable, at)
        if reason is None:
            world.ranges.pop(task.name, None)  # those on either side of this one are not consecutive
            yield at
        else:
            leave_out(world, task, reason, at, at, 1)


def _standing_reason(task: Task, state: TaskState, timetable: Timetable, at: datetime) -> Reason | None:
    """Why this slot does not run whatever else happens, or None; a pause may end between two late slots."""
    if not task.enabled:
        return Reason.DISABLED
    if state.paused and (state.paused_until is None or at < state.paused_until):
        return Reason.PAUSED
    return Reason.CALENDAR if timetable.excludes(at) else None


def _fire(world: World, task: Task, timetable: Timetable, at: datetime, trigger: Trigger) -> None:
    if _feel(world, task, timetable, at) is Pulse.IMPOSSIBLE:
        return
    window_from = world.last_slot.get(task.name) if trigger is Trigger.CRON else None
    world.last_slot[task.name] = at
    reason = _reason_against(world, task, timetable, at, trigger)
    if reason is not None:
        leave_out(world, task, reason, at, at, 1)
        return
    world.ranges.pop(task.name, None)
    values = {"labels": timetable.labels(at), "window_from": window_from or timetable.previous_at(at)}
    launch(world, task, Order(trigger=trigger, slot=at, values=values))


def _feel(world: World, task: Task, timetable: Timetable, at: datetime) -> Pulse:
    """Stop the schedule of a task that starts more often than it can."""
    recent = world.pulses.get(task.name)
    if recent is None:
        recent = world.pulses[task.name] = Recent(timetable.smallest_step)
    pulse = recent.feel(at)
    if pulse is Pulse.IMPOSSIBLE:
        note_task(world, task.name, tripped=True)
        text = f"{task.name} starts more often than its schedule allows: stopped until it is resumed or changed"
        tell(world, EventName.CONFIG_ERROR, task=task.name, text=text)
    return pulse


def _reason_against(world: World, task: Task, timetable: Timetable, at: datetime, trigger: Trigger) -> Reason | None:
    state = state_of(world, task.name)
    reason = None if trigger is Trigger.CATCHUP else _standing_reason(task, state, timetable, at)
    if reason is not None:
        return reason
    if task.start_deadline is not None and world.now.wall - at > task.start_deadline:
        return Reason.DEADLINE
    if state.skip_next:
        note_task(world, task.name, skip_next=state.skip_next - 1)
        return Reason.SKIP_NEXT
    return turned_away(world, task)


def forget_slots(world: World, name: str) -> None:
    """Begin anew with a task: the slots looked at so far say nothing about those to come."""
    for table in (world.last_slot, world.pulses, world.ranges):
        table.pop(name, None)


def leave_out(world: World, task: Task, reason: Reason, first: datetime, last: datetime, count: int) -> None:
    """Account for slots that do not run: one row, and the same row again while the reason stays."""
    open_range = world.ranges.get(task.name)
    if open_range is not None and open_range.end_reason is reason and reason is not Reason.MISSED:
        note(world, open_range, slots=open_range.slots + count, last_slot=last)
        return
    trigger = Trigger.CATCHUP if reason is Reason.MISSED else Trigger.CRON
    run = create(world, task, Move.SKIP, trigger, reason=reason, scheduled_for=first, slots=count, last_slot=last)
    ended(world, run)
    world.ranges[task.name] = run
    if reason is Reason.MISSED:
        tell(world, EventName.RUN_MISSED, run, count=count)
