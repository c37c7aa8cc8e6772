"""What the end of a run sets free, and whom it tells."""

from __future__ import annotations

from typing import Any

from polysync.domain.effects import EdgeHeld, EventName
from polysync.domain.graph import EdgeEvent
from polysync.domain.rows import Run
from polysync.domain.run import Move, Reason, State
from polysync.domain.service_life import life_over
from polysync.domain.world import World, change, note_task, state_of, task_of, tell


def finish(world: World, run: Run, move: Move, reason: Reason | None, *, actor: str = "engine", **changes: Any) -> None:
    """End a run for good."""
    change(world, run, move, reason=reason, actor=actor, **changes)
    ended(world, run)


def ended(world: World, run: Run) -> None:
    """Set free what an ended run held, remember how it ended, and hold its end for the tasks downstream."""
    world.runs.pop(run.id, None)
    world.over.append(run)
    world.attempts.pop(run.id, None)
    world.signs.pop(run.id, None)
    if run.instance:  # the life of a service: others follow it, and nothing else does
        life_over(world, run)
        return
    world.crowded = True
    if run.attempt:
        _unlock(world, run)
        _remember(world, run)
    _hold_edges(world, run)


def _unlock(world: World, run: Run) -> None:
    locks = world.index.locks
    for name in task_of(world, run).locks:
        if locks.get(name) == run.id:
            del locks[name]


def _remember(world: World, run: Run) -> None:
    changes: dict[str, Any] = {"last_state": run.state}
    if run.state is State.SUCCEEDED:
        if state_of(world, run.task).last_state in _BAD:
            tell(world, EventName.RUN_RECOVERED, run)
        changes["last_success_at"] = run.ended_at
    note_task(world, run.task, **changes)


def _hold_edges(world: World, run: Run) -> None:
    below = world.downstream.get(run.task)
    if not below:
        return
    event = EdgeEvent(
        upstream=run.task,
        run_id=run.id,
        state=run.state,
        at=world.now.wall,
        outputs=run.outputs,
        correlation_id=run.correlation_id,
        turn=run.turn,
        parameters=run.parameters,
    )
    for name in below:
        world.held.setdefault(name, {})[run.task] = event
        world.records.append(EdgeHeld(name, event))
        world.joins[name] = None


_BAD = frozenset({State.FAILED, State.TIMEOUT, State.CRASHED, State.DEAD})
