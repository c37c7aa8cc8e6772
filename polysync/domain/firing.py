"""From the passing of time to runs: which slots are due, which were missed, and what becomes of each.

The anchor of a task says: every slot up to here is accounted for.  It only moves forward, together
with the rows of the slots that it passes, so that no slot is ever looked at twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import Final

from polysync.domain.breaker import Pulse, Recent
from polysync.domain.catchup import Range, Sieve
from polysync.domain.effects import ClockNoted, EventName
from polysync.domain.ending import ended
from polysync.domain.launch import Order, launch, turned_away
from polysync.domain.rows import TaskState
from polysync.domain.run import Move, Reason
from polysync.domain.schedule import Timetable
from polysync.domain.slices import Gap, Halfway
from polysync.domain.task import Task
from polysync.domain.values import Trigger
from polysync.domain.world import World, create, note, note_task, state_of, tell
from polysync.domain.zone import EARLIEST

CROWDED_AGENDA: Final = 64  # stale entries are swept once they outnumber the tasks by this much
PASSING: Final = 256  # missed slots that are looked at in one step; nothing is written down meanwhile
_NONE: Final[frozenset[datetime]] = frozenset()


def plan(world: World, name: str) -> None:
    """Put the next slot of a task on the agenda; of one moment, the more important task comes first."""
    if world.halfway is not None and world.halfway.task == name:
        world.halfway = None
    timetable, state = world.timetables.get(name), state_of(world, name)
    anchor = None if state.tripped else state.anchor
    upcoming = timetable.next_at(anchor) if timetable is not None and anchor is not None else None
    if upcoming is None:
        world.next_at.pop(name, None)
    else:
        _put(world, name, upcoming)


def _put(world: World, name: str, upcoming: datetime) -> None:
    world.next_at[name] = upcoming
    heappush(world.agenda, _entry(world, name, upcoming))
    if len(world.agenda) > 2 * len(world.next_at) + CROWDED_AGENDA:
        world.agenda[:] = [_entry(world, task, at) for task, at in world.next_at.items()]
        heapify(world.agenda)


def _entry(world: World, name: str, at: datetime) -> tuple[datetime, int, str]:
    return at, -world.configuration.tasks[name].priority, name


def interrupt(world: World) -> None:
    """Let go of the task that is halfway: what is left of it is worked out anew, from its anchor."""
    if world.halfway is not None:
        plan(world, world.halfway.task)


def account_for(world: World, name: str) -> None:
    """Account for all slots of a task up to now, whatever it takes: its schedule is about to be another one."""
    task, timetable = world.configuration.tasks[name], world.timetables[name]
    for _ in _account_many(world, task, timetable, world.taken.get(name, _NONE)):
        pass


def fire_due(world: World) -> None:
    """Account for the slots up to now, as many as fit into one call; those inside a gap were missed."""
    budget, agenda, now = world.budget, world.agenda, world.now.wall
    while budget.slots > 0:
        if world.halfway is not None:
            budget.slots -= budget.step
            _go_on(world, world.halfway)
        elif agenda and agenda[0][0] <= now:
            at, _, name = heappop(agenda)
            if world.next_at.get(name) == at:
                _account(world, name, at)
        else:
            break
    _settle(world)


def _settle(world: World) -> None:
    """Write down how far the slots are accounted for; once all are, the gap is over."""
    halfway, now = world.halfway, world.now.wall
    if halfway is not None and halfway.anchor is not None:
        note_task(world, halfway.task, anchor=halfway.anchor)
        halfway.anchor = None
    if world.gap is not None and halfway is None and not (world.agenda and world.agenda[0][0] <= now):
        world.gap, world.last_seen_at = None, now
        world.records.append(ClockNoted(now))


def _go_on(world: World, halfway: Halfway) -> None:
    try:
        halfway.anchor = next(halfway.steps) or halfway.anchor
    except StopIteration:
        world.halfway = None


def _account(world: World, name: str, first: datetime) -> None:
    task, timetable, now, gap = world.configuration.tasks[name], world.timetables[name], world.now.wall, world.gap
    following = timetable.next_at(first)
    taken = world.taken.get(name, _NONE)
    if (gap is None or gap.until < first) and (following is None or following > now) and first not in taken:
        world.budget.slots -= 1
        _fire(world, task, timetable, first, Trigger.CRON)
        note_task(world, name, anchor=now)
        if following is not None and not state_of(world, name).tripped:
            _put(world, name, following)
        else:
            world.next_at.pop(name, None)
    else:
        world.halfway = Halfway(name, _account_many(world, task, timetable, taken))


def _account_many(
    world: World, task: Task, timetable: Timetable, taken: frozenset[datetime]
) -> Iterator[datetime | None]:
    """Several slots passed since the last look: some before a gap, some in it, the others merely late."""
    now = world.now.wall
    anchor = state_of(world, task.name).anchor or now
    gap = world.gap or Gap(now, now)
    spans = ((anchor, gap.after), (max(anchor, gap.after), gap.until), (max(anchor, gap.until), now))
    before, missed, late = (_walk(timetable, taken, after, min(until, now)) for after, until in spans)
    yield from _fire_all(world, task, timetable, before)
    yield from _catch_up(world, task, timetable, missed)
    yield from _fire_all(world, task, timetable, late)
    world.last_slot.pop(task.name, None)  # the newest slot of a gap may not be the one that was looked at last
    note_task(world, task.name, anchor=now)
    plan(world, task.name)


def _walk(timetable: Timetable, taken: frozenset[datetime], after: datetime, until: datetime) -> Iterator[datetime]:
    """The slots of a span that have no row yet; some have one after a correction of the clock."""
    return (at for at in timetable.instants(after, until) if at not in taken)


def _fire_all(world: World, task: Task, timetable: Timetable, slots: Iterator[datetime]) -> Iterator[datetime]:
    for at in slots:
        _fire(world, task, timetable, at, Trigger.CRON)
        if state_of(world, task.name).tripped:  # the rest of it is not to be believed
            return
        yield at


def _catch_up(world: World, task: Task, timetable: Timetable, missed: Iterator[datetime]) -> Iterator[datetime | None]:
    """Decide what becomes of the missed slots, all together; then write it down, oldest first."""
    sieve = Sieve(task.catch_up, task.max_catch_up_runs, world.now.wall, task.start_deadline)
    state = state_of(world, task.name)
    for count, at in enumerate(missed, 1):
        reason = standing_reason(task, state, timetable, at)
        if reason is None:
            sieve.add(at)
        else:
            sieve.leave(at, reason)
        if not count % PASSING:
            yield None
    chosen = sieve.chosen()
    settled = max((dropped.last for dropped in chosen.dropped), default=EARLIEST)
    rows: list[Range | datetime] = [*sieve.left(), *chosen.dropped, *chosen.run]
    for row in sorted(rows, key=_last_of):
        _write_down(world, task, timetable, row)
        if _last_of(row) >= settled:  # a range that was dropped reaches over others
            yield _last_of(row)


def _last_of(row: Range | datetime) -> datetime:
    return row if isinstance(row, datetime) else row.last


def _write_down(world: World, task: Task, timetable: Timetable, row: Range | datetime) -> None:
    if isinstance(row, datetime):
        _fire(world, task, timetable, row, Trigger.CATCHUP)
        return
    if row.fresh:  # what would have run on either side of it parts the two
        world.ranges.pop(task.name, None)
    leave_out(world, task, row.reason, row.first, row.last, row.count)


def standing_reason(task: Task, state: TaskState, timetable: Timetable, at: datetime) -> Reason | None:
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
    launch(world, task, Order(trigger=trigger, slot=at, admitted=True, values=values))


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
    reason = None if trigger is Trigger.CATCHUP else standing_reason(task, state, timetable, at)
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
