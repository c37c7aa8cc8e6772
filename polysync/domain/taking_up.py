"""Beginning again: rebuild the projection from the journal, and let another configuration hold."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final

from polysync.domain.calendar import fingerprint
from polysync.domain.contention import rebased
from polysync.domain.cron import EVERY
from polysync.domain.definition import Definition, data_of, parts_of, refreshed
from polysync.domain.effects import AttachAttempt, EdgesConsumed, EventName, StopAttempt, TaskForgotten
from polysync.domain.ending import finish
from polysync.domain.firing import account_for, forget_slots, interrupt, plan
from polysync.domain.following import follow
from polysync.domain.graph import downstream_of
from polysync.domain.inputs import Start
from polysync.domain.launch import Gate, Order, enqueue, kept_back, launch, refuse_run
from polysync.domain.rows import Run
from polysync.domain.run import FINAL, LIVE, Move, Reason, State
from polysync.domain.schedule import timetable_of
from polysync.domain.service_words import configure_services, take_up_services
from polysync.domain.settings import Configuration
from polysync.domain.slices import Gap
from polysync.domain.task import Task
from polysync.domain.timekeeping import CORRECTION
from polysync.domain.timers import Due, Timer
from polysync.domain.values import DayMatch, Fold, Mode, OnStart, Reading, Roll, Trigger
from polysync.domain.values import Gap as DstGap
from polysync.domain.world import (
    Index,
    World,
    adopt,
    note_task,
    state_of,
    task_of,
    tell,
)

_NEVER_STARTED: Final = frozenset({State.HELD, State.SCHEDULED, State.WAITING, State.QUEUED})
_RULES: Final = ("timezone", "dst_gap", "dst_fold", "day_match", "only_on", "skip_on", "roll")


def take_up(world: World, told: Start, here: Reading) -> Gap | None:
    """Rebuild everything from the stored rows; the time in which nobody was there is returned."""
    snapshot = told.snapshot
    world.boot_id = told.boot_id
    world.next_id = snapshot.next_id
    world.tasks.update(snapshot.tasks)
    world.definitions.update(snapshot.definitions)
    world.held.update({name: dict(events) for name, events in snapshot.held.items()})
    world.rates.update({key: rebased(state, world.now.wall) for key, state in snapshot.rates.items()})
    world.attempts.update(snapshot.attempts)
    world.ranges.update(snapshot.ranges)
    world.taken.update(snapshot.taken)
    world.last_seen_at = snapshot.last_seen_at
    # A clock far in the past holds all firing until it is right.
    world.clock_held = world.last_seen_at is not None and world.now.wall < world.last_seen_at - CORRECTION
    _mend_anchors(world, here.wall)
    configure(world, told.configuration, first=True)
    for run in sorted(snapshot.runs.values(), key=lambda run: run.id):
        adopt(world, run)
    _refresh(world)
    take_up_services(world)
    _settle_unstarted(world)
    for run in list(world.runs.values()):
        if run.state not in FINAL:  # one may just have made room for another
            _resume(world, run)
    _rearm_pauses(world)
    world.joins.update(dict.fromkeys((*world.held, *world.index.gated)))
    if told.since is not None:
        return None
    _run_on_start(world)
    seen, now = world.last_seen_at, world.now.wall
    return None if seen is None or world.clock_held else Gap(min(seen, now), now)


def _refresh(world: World) -> None:
    """Give the definitions of runs in flight what the store does not keep: the values that were filled in."""
    for digest, name in {run.definition: run.task for run in world.runs.values()}.items():
        today = world.configuration.tasks.get(name)
        if today is not None:
            world.definitions[digest] = refreshed(world.definitions[digest], parts_of(today, world.configuration))


def _mend_anchors(world: World, now: datetime) -> None:
    """An anchor far ahead is left over from a clock that was wrong: it would freeze its task until then.

    All anchors ahead are of that time then, also those that a small step back would explain.  Ahead of the
    clock of this moment, that is: a commit that went through unheard may have moved one beyond `since`.
    """
    ahead = {name: state.anchor for name, state in world.tasks.items() if state.anchor and state.anchor > now}
    if world.clock_held or max(ahead.values(), default=now) <= now + CORRECTION:
        return
    for name in ahead:
        note_task(world, name, anchor=world.now.wall)
        forget_slots(world, name)


def _rearm_pauses(world: World) -> None:
    for name, state in world.tasks.items():
        if state.paused and state.paused_until is not None:
            world.timers.at(state.paused_until, Timer(Due.UNPAUSE, task=name))


def _resume(world: World, run: Run) -> None:
    """Take up one unfinished run where it stands; durations go on from what the wall clock says is left."""
    task, now = task_of(world, run), world.now
    if run.state in LIVE:
        attempt = world.attempts[run.id]
        world.actions.append(AttachAttempt(run.copy(), attempt))
        if run.state is State.STOPPING and run.stop_reason is not None:
            world.actions.append(StopAttempt(run.id, run.attempt, task.graceful_stop, run.stop_reason))
    elif run.state in {State.QUEUED, State.RETRYING}:
        _mend_wait(world, run)
        enqueue(world, task, run)
    elif run.state is State.SCHEDULED and run.gate >= Gate.TIME:  # deferred until there is room
        _mend_wait(world, run)
        world.timers.after(run.available_at - now.wall, Timer(Due.START_AFTER, run.id), now)
    elif run.state is State.SCHEDULED:
        world.timers.at(run.available_at, Timer(Due.START_AFTER, run.id))
    elif run.decide_by is not None:
        world.timers.after(run.decide_by - now.wall, Timer(Due.DECISION, run.id, run.attempt), now)
    for name in task.locks if run.attempt else ():
        world.index.locks[name] = run.id
    _rearm(world, run, task)


def _mend_wait(world: World, run: Run) -> None:
    """Where the clock was set back meanwhile, the wait is no longer than it was when it began."""
    attempt = world.attempts.get(run.id)
    began_at = run.created_at if attempt is None or attempt.ended_at is None else attempt.ended_at
    if began_at > world.now.wall:
        run.available_at -= began_at - world.now.wall


def _rearm(world: World, run: Run, task: Task) -> None:
    """Set the long timers of an unfinished run again, counted from when they began."""
    now, timers, seen = world.now, world.timers, world.last_seen_at or world.now.wall
    if run.expires_at is not None and run.attempt == 0:
        timers.after(run.expires_at - now.wall, Timer(Due.EXPIRY, run.id), now)
    if run.timed_from is not None and task.max_duration is not None:
        left = run.timed_from + task.max_duration - now.wall
        timers.after(left, Timer(Due.MAX_DURATION, run.id, run.cycles), now)
    # What fell due before the last look was told then; what fell due since, nobody was there to tell.
    if run.started_at is not None and task.warn_after is not None and run.started_at + task.warn_after > seen:
        timers.after(run.started_at + task.warn_after - now.wall, Timer(Due.LONG, run.id), now)
    late_at = (
        None if task.must_start_by is None or run.scheduled_for is None else run.scheduled_for + task.must_start_by
    )
    if late_at is not None and run.attempt == 0 and late_at > seen:
        timers.after(late_at - now.wall, Timer(Due.LATE, run.id), now)
    if run.state in LIVE and task.timeout is not None:
        opened_at = world.attempts[run.id].opened_at
        timers.after(opened_at + task.timeout - now.wall, Timer(Due.TIMEOUT, run.id, run.attempt), now)
    if run.state in LIVE and task.stale_after is not None:
        world.signs[run.id] = now.monotonic
        timers.after(task.stale_after, Timer(Due.STALE, run.id, run.attempt), now)


def _run_on_start(world: World) -> None:
    for task in world.configuration.tasks.values():
        if task.run_on_start is OnStart.NO or task.mode is Mode.TEMPLATE or not task.enabled:
            continue
        if task.run_on_start is OnStart.BOOT:
            if state_of(world, task.name).booted == world.boot_id:
                continue
            note_task(world, task.name, booted=world.boot_id)
        order, reason = Order(trigger=Trigger.STARTUP), kept_back(world, task)
        if reason is None:
            launch(world, task, order)
        else:
            refuse_run(world, task, order, Move.SKIP, reason)


def configure(world: World, configuration: Configuration, *, first: bool = False) -> None:
    """Let `configuration` hold; a schedule that is new or changed starts from now."""
    old = world.configuration
    interrupt(world)
    world.round = None
    _finish_schedules(world, configuration)
    world.configuration = configuration
    _forget_definitions(world, old)
    edited = _edited(old, configuration)
    if first or old.tasks.keys() != configuration.tasks.keys() or any(_waits_anew(old, task) for task in edited):
        world.downstream = downstream_of(configuration.tasks)
    for name, state in list(world.tasks.items()):
        if name not in configuration.tasks and (state.schedule or state.paused or state.skip_next):
            _forget(world, name)
    for name in sorted((old.tasks.keys() | world.held.keys()) - configuration.tasks.keys()):
        world.held.pop(name, None)
        world.records.append(TaskForgotten(name))
    _forget_edges(world)
    for task in edited:
        _schedule(world, task)
    if not first:
        _settle_unstarted(world)
        _count_again(world)
        configure_services(world, old)
        world.crowded = True
        tell(world, EventName.CONFIG_RELOADED, tasks=len(configuration.tasks))


def _finish_schedules(world: World, new: Configuration) -> None:
    """Slots that were due before belong to the schedules before, also those whose turn had not come yet."""
    old, now = world.configuration, world.now.wall
    if world.clock_held or world.counting is not None:
        return
    for name in [name for name, at in world.next_at.items() if at <= now]:
        if name not in new.tasks or _schedule_moved(old, new, new.tasks[name]):
            account_for(world, name)


def _forget(world: World, name: str) -> None:
    """A task that is gone has no schedule; should it come back, it starts from then and catches up on nothing."""
    note_task(world, name, schedule="", paused=False, paused_until=None, pause_reason="", paused_by="", skip_next=0)
    forget_slots(world, name)
    world.timetables.pop(name, None)
    world.next_at.pop(name, None)


def _forget_definitions(world: World, old: Configuration) -> None:
    """Of what was compiled from the configuration before, keep what is the same today or what a run still needs."""
    new = world.configuration
    same = (name for name in world.digests if name in new.tasks and name in old.tasks)
    same = (name for name in same if _same_parts(parts_of(old.tasks[name], old), parts_of(new.tasks[name], new)))
    world.digests = {name: world.digests[name] for name in same}
    needed = {*world.digests.values(), *(run.definition for run in world.runs.values())}
    if old.tasks or old.services:  # at the start nobody knows yet what is needed
        world.definitions = {digest: parts for digest, parts in world.definitions.items() if digest in needed}


def _same_parts(old: Definition, new: Definition) -> bool:
    """By identity: to Python 1 and true are equal, and what is only equal is hashed once more."""
    return all(before is after for before, after in zip(old, new, strict=True))


def _forget_edges(world: World) -> None:
    """An end upstream that the task no longer waits for must not count should it wait for it again one day."""
    for name, events in world.held.items():
        edges = {edge.task for edge in world.configuration.tasks[name].depends_on}
        gone = tuple(upstream for upstream in events if upstream not in edges)
        if gone:
            world.records.append(EdgesConsumed(name, gone))
            world.held[name] = {upstream: event for upstream, event in events.items() if upstream in edges}


def _edited(old: Configuration, new: Configuration) -> list[Task]:
    """The tasks that are new or not as before, or whose schedule may not be."""
    if old.zone != new.zone:
        return list(new.tasks.values())
    days = {name for name in (*old.calendars, *new.calendars) if old.calendars.get(name) != new.calendars.get(name)}
    before = old.tasks
    edited = [task for name, task in new.tasks.items() if before.get(name) is not task]
    if not days:
        return [task for task in edited if before.get(task.name) != task]
    return [task for task in new.tasks.values() if _schedule_moved(old, new, task)]


def _waits_anew(old: Configuration, task: Task) -> bool:
    before = old.tasks.get(task.name)
    return before is None or before.depends_on != task.depends_on


def _schedule_moved(old: Configuration, new: Configuration, task: Task) -> bool:
    before = old.tasks.get(task.name)
    if (before is not task and before != task) or old.zone != new.zone:
        return True
    return any(old.calendars.get(name) != new.calendars.get(name) for name in (*task.only_on, *task.skip_on))


def _schedule(world: World, task: Task) -> None:
    """Compile a task's timetable; its anchor moves to now where the schedule is not the one it belongs to."""
    state, now = state_of(world, task.name), world.now.wall
    if world.clock_held and world.last_seen_at is not None:  # now lies in the past: no slot from then to here is new
        now = max(now, world.last_seen_at)
    text = schedule_text(task, world.configuration)
    if not text and not state.schedule and state.anchor is None:  # it has none, and never had
        return
    if state.schedule != text or state.anchor is None:
        beats = (text for text in task.cron if text.lstrip().lower().startswith(EVERY))
        seen = {text: state.seen.get(text, now) for text in beats}
        anchor = now if state.anchor is None else max(now, state.anchor)
        note_task(world, task.name, schedule=text, seen=seen, anchor=anchor, tripped=False)
        forget_slots(world, task.name)
    timetable = timetable_of(task, world.configuration, state.seen) if task.mode is Mode.RUN else None
    if timetable is None:
        world.timetables.pop(task.name, None)
    else:
        world.timetables[task.name] = timetable
    plan(world, task.name)


def schedule_text(task: Task, configuration: Configuration) -> str:
    """Everything that decides when a task is due, as one comparable text; empty where it never is."""
    if not task.cron or task.mode is Mode.TEMPLATE:
        return ""
    crons = [text if text.__class__ is str else data_of(text) for text in task.cron]
    if not task.only_on and not task.skip_on and (task.timezone is None or task.timezone.__class__ is str):
        values = (task.timezone, task.dst_gap, task.dst_fold, task.day_match, task.roll)
        return f"[{crons}, {_rules_text(*values, task.timezone or configuration.zone)}]"
    parts = [crons, *(data_of(getattr(task, name)) for name in _RULES)]
    parts.append(task.timezone or configuration.zone)
    parts.extend(fingerprint(configuration.calendars[name]) for name in (*task.only_on, *task.skip_on))
    return repr(parts)


@lru_cache(maxsize=1024)  # most tasks have the same
def _rules_text(timezone: str | None, gap: DstGap, fold: Fold, match: DayMatch, roll: Roll, zone: str) -> str:
    """The rest of the text of a schedule without calendars."""
    return repr([timezone, gap.value, fold.value, match.value, [], [], roll.value, zone])[1:-1]


def _settle_unstarted(world: World) -> None:
    """Runs that never started and whose task is gone, or no longer enabled, do not start."""
    for run in list(world.runs.values()):
        if run.state not in _NEVER_STARTED or run.attempt:
            continue
        task = world.configuration.tasks.get(run.task)
        if task is None or task.mode is Mode.TEMPLATE:
            finish(world, run, Move.SKIP, Reason.REMOVED, actor="reload")
        elif not task.enabled and run.trigger in (Trigger.CRON, Trigger.CATCHUP):
            finish(world, run, Move.SKIP, Reason.DISABLED, actor="reload")
        elif follow(world, run, task) and run.state is State.WAITING:
            world.joins[run.task] = None


def _count_again(world: World) -> None:
    """Shared limits may have changed: count what is live under today's."""
    locks = world.index.locks
    world.index = Index(locks=locks)
    for run in sorted(world.runs.values(), key=lambda run: run.id):
        adopt(world, run)
