"""Stopping a run, wherever it stands."""

from __future__ import annotations

from typing import Final

from polysync.domain.effects import StopAttempt
from polysync.domain.ending import finish
from polysync.domain.rows import Run
from polysync.domain.run import LIVE, Move, Reason, State
from polysync.domain.world import World, change, task_of

# These end the whole run; a timeout, or silence, ends only the attempt, and a retry may follow it.
FOR_GOOD: Final = frozenset(
    {Reason.STOPPED, Reason.OVERLAP_TERMINATED, Reason.SHUTDOWN, Reason.MAX_DURATION, Reason.LOG_FULL}
)


def stop(world: World, run: Run, reason: Reason, actor: str) -> None:
    """Ask a live attempt to stop, or end a run that only waits; its retries end with it."""
    if run.state is State.STOPPING:
        _stop_for_good(world, run, reason, actor)
    elif run.state in LIVE:
        change(world, run, Move.STOP, actor=actor, stop_reason=reason)
        grace = task_of(world, run).graceful_stop
        world.actions.append(StopAttempt(run.id, run.attempt, grace, reason))
    else:
        finish(world, run, *_WITHOUT_ATTEMPT[reason], actor=actor)


def _stop_for_good(world: World, run: Run, reason: Reason, actor: str) -> None:
    """The attempt is being stopped already; where a retry could follow it, none does from here on."""
    if reason in FOR_GOOD and run.stop_reason not in FOR_GOOD:
        change(world, run, Move.STOP, actor=actor, stop_reason=reason)


_WITHOUT_ATTEMPT = {
    Reason.STOPPED: (Move.CANCEL, Reason.STOPPED),
    Reason.OVERLAP_TERMINATED: (Move.CANCEL, Reason.OVERLAP_TERMINATED),
    Reason.SHUTDOWN: (Move.CANCEL, Reason.SHUTDOWN),
    Reason.MAX_DURATION: (Move.TIME_OUT, Reason.MAX_DURATION),
}
