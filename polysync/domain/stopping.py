"""Stopping a run, wherever it stands."""

from __future__ import annotations

from polysync.domain.effects import StopAttempt
from polysync.domain.ending import finish
from polysync.domain.rows import Run
from polysync.domain.run import LIVE, Move, Reason, State
from polysync.domain.world import World, change, task_of


def stop(world: World, run: Run, reason: Reason, actor: str) -> None:
    """Ask a live attempt to stop, or end a run that only waits; its retries end with it."""
    if run.state is State.STOPPING:
        return
    if run.state in LIVE:
        change(world, run, Move.STOP, actor=actor, stop_reason=reason)
        grace = task_of(world, run).graceful_stop
        world.actions.append(StopAttempt(run.id, run.attempt, grace, reason))
        return
    finish(world, run, *_WITHOUT_ATTEMPT[reason], actor=actor)


_WITHOUT_ATTEMPT = {
    Reason.STOPPED: (Move.CANCEL, Reason.STOPPED),
    Reason.OVERLAP_TERMINATED: (Move.CANCEL, Reason.OVERLAP_TERMINATED),
    Reason.SHUTDOWN: (Move.CANCEL, Reason.SHUTDOWN),
    Reason.MAX_DURATION: (Move.TIME_OUT, Reason.MAX_DURATION),
}
