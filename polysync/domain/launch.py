"""From "this task is due" to a run: parameters, overlap, and the things a run may have to wait for.

A run passes up to four gates in a fixed order: somebody's release, a time, its dependencies, an
approval.  `Gate` names the last one passed; `_entry` says where the run stands after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import islice
from typing import Any, Final

from polysync.domain import jitter
from polysync.domain.admission import platform_for
from polysync.domain.definition import resolve_job
from polysync.domain.effects import EventName
from polysync.domain.ending import ended
from polysync.domain.overlap import Admission, admit, victims
from polysync.domain.params import Resolved, resolve
from polysync.domain.record import record
from polysync.domain.rows import BlockedOn, Run
from polysync.domain.run import Blocker, Move, Reason, State
from polysync.domain.stopping import FOR_GOOD, stop
from polysync.domain.task import Task
from polysync.domain.timers import Due, Timer
from polysync.domain.values import Overlap, Trigger
from polysync.domain.world import World, change, create, profiles_of, state_of, task_of, tell


class Gate(IntEnum):
    """The gates before the queue, in their order."""

    NONE = 0
    RELEASE = 1
    TIME = 2
    JOIN = 3
    APPROVAL = 4


@record
class Order:
    """What is wanted of a run that does not exist yet."""

    trigger: Trigger
    slot: datetime | None = None
    hold: bool = False
    start_at: datetime | None = None
    expires_after: timedelta | None = None
    priority: int | None = None
    upstream: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # outputs by upstream task
    parameters: Mapping[str, Any] = field(default_factory=dict)
    joined: bool = False  # its dependencies are met already
    admitted: bool = False  # `turned_away` was asked already
    values: Mapping[str, Any] = field(default_factory=dict)  # fields of the run, as they are


def launch(world: World, task: Task, order: Order) -> Run:
    """Make the run that `order` wants, or the row that says why it does not run."""
    gated = bool(task.depends_on) and not task.depends_trigger and not order.joined
    resolved = resolved_parameters(world, task, order)
    if resolved.missing and not gated:  # a gated run takes its outputs when its dependencies are met
        return refuse_run(world, task, order, Move.FAIL, Reason.MISSING_OUTPUT, error=lacking(resolved))
    away = None if order.admitted else turned_away(world, task)
    if away is not None:
        return refuse_run(world, task, order, Move.SKIP, away)
    return _make(world, task, order, resolved)


def lacking(resolved: Resolved) -> str:
    """What to say about parameters whose upstream output is not there."""
    return "no output to take these parameters from: " + ", ".join(sorted(resolved.missing))


def kept_back(world: World, task: Task) -> Reason | None:
    """Why nothing but a person may start `task` now, or None."""
    if not task.enabled:
        return Reason.DISABLED
    state = state_of(world, task.name)
    if state.paused and (state.paused_until is None or world.now.wall < state.paused_until):
        return Reason.PAUSED
    return None


def turned_away(world: World, task: Task) -> Reason | None:
    """Why one more run of `task` is not even queued, or None."""
    return _AWAY.get(_admission(world, task))


def _admission(world: World, task: Task) -> Admission:
    index, name = world.index, task.name
    if len(index.gated.get(name, ())) >= task.queue_max:  # held back by something else, yet as many as may wait
        return Admission.SKIP_QUEUE_FULL
    return admit(task, len(index.active.get(name, ())), len(index.queued.get(name, ())))


_NO_TIME: Final = timedelta(0)
_NO_PARAMETERS: Final = Resolved()
_AWAY: Final = {Admission.SKIP_OVERLAP: Reason.OVERLAP, Admission.SKIP_QUEUE_FULL: Reason.QUEUE_FULL}


def refuse_run(world: World, task: Task, order: Order, move: Move, reason: Reason, *, error: str = "") -> Run:
    """The final row of a run that will never start."""
    run = create(world, task, move, order.trigger, reason=reason, scheduled_for=order.slot, error=error, **order.values)
    ended(world, run)
    return run


def resolved_parameters(world: World, task: Task, order: Order) -> Resolved:
    """The parameters of a run, references to vaults and state still unopened."""
    job = resolve_job(task.job, world.configuration.jobs) if task.job else None
    schema = job.parameters if job else {}
    if not (schema or task.parameters or order.parameters):
        return _NO_PARAMETERS
    return resolve(task.parameters, schema, overrides=order.parameters, outputs=order.upstream)


def _make(world: World, task: Task, order: Order, resolved: Resolved) -> Run:
    now = world.now.wall
    due = order.slot or now
    start_at = order.start_at
    if start_at is not None:
        due = max(due, start_at)
    if task.start_after and start_at is None:
        start_at = due + task.start_after
    available_at = now if start_at is None else max(now, start_at)
    if order.trigger is Trigger.CRON and task.jitter and order.slot is not None:
        available_at = max(available_at, order.slot + jitter.offset(task.name, order.slot, task.jitter))
    expires_after = task.expires_after if order.expires_after is None else order.expires_after
    move, changes = _entry(world, task, Gate.NONE if order.hold else Gate.RELEASE, start_at, joined=order.joined)
    run = create(
        world,
        task,
        move,
        order.trigger,
        scheduled_for=order.slot,
        available_at=available_at,
        expires_at=None if expires_after is None else due + expires_after,
        priority=task.priority if order.priority is None else order.priority,
        parameters=resolved.values,
        overrides=order.parameters,
        **changes,
        **order.values,
    )
    _arm(world, task, run)
    return run


def _entry(
    world: World, task: Task, passed: Gate, start_at: datetime | None, *, joined: bool
) -> tuple[Move, dict[str, Any]]:
    now = world.now.wall
    if passed < Gate.RELEASE:
        return Move.HOLD, {"gate": Gate.NONE}
    if passed < Gate.TIME and start_at is not None and start_at > now:
        return Move.SCHEDULE, {"gate": Gate.RELEASE}
    if passed < Gate.JOIN and task.depends_on and not task.depends_trigger and not joined:
        names = ", ".join(edge.task for edge in task.depends_on)
        blocked_on = BlockedOn(Blocker.DEPENDENCIES, names, "upstream tasks", now)
        return Move.WAIT, {"gate": Gate.TIME, "blocked_on": blocked_on}
    if passed < Gate.APPROVAL and task.approval is not None and task.approval.before:
        asked = BlockedOn(Blocker.APPROVAL, "before", task.approval.reason or "approval before start", now)
        return Move.WAIT, {"gate": Gate.JOIN, "blocked_on": asked, "decide_by": now + task.approval.ttl}
    return Move.QUEUE, {"gate": Gate.APPROVAL}


def pass_gate(world: World, run: Run, passed: Gate, actor: str = "engine", **changes: Any) -> None:
    """Take a run on that has just passed a gate."""
    task = task_of(world, run)
    move, more = _entry(world, task, passed, run.available_at, joined=False)
    if move is Move.QUEUE:
        more["available_at"] = max(run.available_at, world.now.wall)
    change(world, run, move, actor=actor, **{**changes, **more})
    _arm(world, task, run)


def _arm(world: World, task: Task, run: Run) -> None:
    """Set the timers that the run's new state needs."""
    now = world.now
    match run.state:
        case State.SCHEDULED:
            world.timers.at(run.available_at, Timer(Due.START_AFTER, run.id))
        case State.QUEUED:
            enqueue(world, task, run)
        case State.WAITING if run.decide_by is not None:
            world.timers.after(run.decide_by - now.wall, Timer(Due.DECISION, run.id, run.attempt), now)
            tell(world, EventName.APPROVAL_REQUESTED, run, step="before")
        case State.WAITING:
            world.joins[task.name] = None
    if run.expires_at is not None:
        world.timers.after(run.expires_at - now.wall, Timer(Due.EXPIRY, run.id), now)
    if task.must_start_by is not None and run.scheduled_for is not None:
        late_at = run.scheduled_for + task.must_start_by
        world.timers.after(late_at - now.wall, Timer(Due.LATE, run.id), now)


def enqueue(world: World, task: Task, run: Run) -> None:
    """Put a run where dispatch finds it, at once or when its jitter or delay is over."""
    now = world.now
    wait = run.available_at - now.wall
    if wait > _NO_TIME:
        kind = Due.RETRY if run.state is State.RETRYING else Due.READY
        world.timers.after(wait, Timer(kind, run.id, run.attempt), now)
        return
    world.line.add(run.id, run.priority, run.available_at)
    if run.active or len(world.index.active.get(task.name, ())) < task.max_concurrent:
        world.crowded = True  # else it waits for its elders, whose end makes room
    if run.state is State.QUEUED:
        _limit_waits(world, task, run)
        if task.on_overlap is Overlap.TERMINATE:
            _make_room(world, task)


def _limit_waits(world: World, task: Task, run: Run) -> None:
    """A place in a queue that has a timeout counts from when the run could have started."""
    now = world.now
    if not world.configuration.contention:
        return
    for profile in profiles_of(world, task, platform_for(world, run) or ""):
        if profile.queue_timeout is not None:
            left = run.available_at + profile.queue_timeout - now.wall
            world.timers.after(left, Timer(Due.QUEUE_TIMEOUT, run.id, task=profile.name), now)


def _make_room(world: World, task: Task) -> None:
    """Only for a run that could start now: one for tomorrow, or one that waits for a word, ends nothing yet."""
    active = tuple(world.index.active.get(task.name, ()))
    ending = {number for number in active if _is_ending(world.runs[number])}
    if len(ending) == len(active):  # nobody is left to end, however many wait
        return
    runs = (world.runs[number] for number in world.index.queued.get(task.name, ()))
    ready = sum(1 for _ in islice((run for run in runs if run.available_at <= world.now.wall), task.max_concurrent))
    for number in victims(task, active, ready, ending):
        stop(world, world.runs[number], Reason.OVERLAP_TERMINATED, "scheduler")


def _is_ending(run: Run) -> bool:
    return run.state is State.STOPPING and run.stop_reason in FOR_GOOD
