"""Dependencies: when the ends of upstream runs start a task, release a waiting run, or call it off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from polysync.domain.effects import EdgesConsumed
from polysync.domain.ending import finish
from polysync.domain.graph import EdgeEvent, Failed, Released, release
from polysync.domain.launch import Gate, Order, kept_back, lacking, launch, pass_gate, refuse_run, resolved_parameters
from polysync.domain.rows import Run
from polysync.domain.run import Blocker, Move, Reason
from polysync.domain.task import Task
from polysync.domain.values import Trigger, UpstreamFailure
from polysync.domain.world import World, create


def join_all(world: World) -> None:
    """Look at the tasks whose dependencies may be met now, until nothing more follows or the call is full."""
    budget = world.budget
    while world.joins and budget.joins > 0:
        budget.joins -= 1
        name = next(iter(world.joins))
        del world.joins[name]
        task = world.configuration.tasks.get(name)
        if task is not None:
            _join(world, task)


def _join(world: World, task: Task) -> None:
    held = world.held.get(task.name, {})
    waiting = _waiting(world, task)
    if waiting is not None and not task.depends_on:  # a reload took away what it waited for
        pass_gate(world, waiting, Gate.JOIN)
        world.joins[task.name] = None
    if not task.depends_on or (waiting is None and not task.depends_trigger):
        return
    decision = release(task, held, world.now.wall)
    events = tuple(held.values())
    if isinstance(decision, Released):
        _consume(world, task, held)
        _go(world, task, waiting, decision.consumed)
    elif isinstance(decision, Failed):
        _consume(world, task, held)
        _call_off(world, task, waiting, events)


def _waiting(world: World, task: Task) -> Run | None:
    """The oldest run of the task that waits for its dependencies."""
    for number in world.index.gated.get(task.name, ()):
        blocked = world.runs[number].blocked_on
        if blocked is not None and blocked.kind is Blocker.DEPENDENCIES:
            return world.runs[number]
    return None


def _consume(world: World, task: Task, held: dict[str, EdgeEvent]) -> None:
    world.records.append(EdgesConsumed(task.name, tuple(held)))
    held.clear()


def _go(world: World, task: Task, waiting: Run | None, events: Iterable[EdgeEvent]) -> None:
    lineage = _lineage(task, events)
    upstream = {event.upstream: event.outputs for event in events}
    if waiting is not None:
        _let_go(world, task, waiting, lineage["parents"], upstream)
        return
    reason = kept_back(world, task)
    order = Order(trigger=Trigger.DEPENDENCY, joined=True, upstream=upstream, values=lineage)
    if reason is not None:
        refuse_run(world, task, order, Move.SKIP, reason)
    elif task.max_turns and lineage["turn"] > task.max_turns:
        # The loop is over; its end is not passed on, or it would begin another turn elsewhere.
        create(world, task, Move.SUCCEED, Trigger.DEPENDENCY, **{**lineage, "turn": task.max_turns})
    else:
        launch(world, task, order)


def _let_go(
    world: World, task: Task, run: Run, parents: tuple[int, ...], upstream: Mapping[str, Mapping[str, Any]]
) -> None:
    """Release a run that waited; only now are its parameters from upstream known."""
    order = Order(trigger=run.trigger, upstream=upstream, parameters=run.overrides)
    resolved = resolved_parameters(world, task, order)  # what was given fits: a changed definition was looked at before
    if resolved.missing:
        error = lacking(resolved)
        finish(world, run, Move.FAIL, Reason.MISSING_OUTPUT, parents=parents, error=error)
    else:
        pass_gate(world, run, Gate.JOIN, parents=parents, parameters=resolved.values)


def _call_off(world: World, task: Task, waiting: Run | None, events: Iterable[EdgeEvent]) -> None:
    move = Move.SKIP if task.on_upstream_failure is UpstreamFailure.SKIP else Move.FAIL
    lineage = _lineage(task, events)
    if waiting is not None:
        finish(world, waiting, move, Reason.UPSTREAM_FAILED, parents=lineage["parents"])
    elif not (task.max_turns and lineage["turn"] > task.max_turns):
        order = Order(trigger=Trigger.DEPENDENCY, values=lineage)
        refuse_run(world, task, order, move, Reason.UPSTREAM_FAILED)


def _lineage(task: Task, events: Iterable[EdgeEvent]) -> dict[str, Any]:
    """Where a joined run comes from: parents, turn, and the correlation id where all agree on one."""
    events = tuple(events)
    words = {event.correlation_id for event in events}
    turn = max((event.turn for event in events), default=0) + (1 if task.max_turns else 0)
    return {
        "parents": tuple(event.run_id for event in events),
        "turn": turn,
        "correlation_id": words.pop() if len(words) == 1 else "",
    }
