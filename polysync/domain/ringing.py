"""What follows when a timer rings: one small function for each thing that can fall due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from polysync.domain.admission import needs_of, platform_for
from polysync.domain.effects import EventName
from polysync.domain.ending import finish
from polysync.domain.launch import Gate, enqueue, pass_gate
from polysync.domain.rows import Run
from polysync.domain.run import LIVE, Lack, Move, Reason, State
from polysync.domain.service_life import instance_of
from polysync.domain.service_words import ring_healthy, ring_restart, ring_settled
from polysync.domain.stopping import stop
from polysync.domain.timers import Due, Timer
from polysync.domain.values import OnStale
from polysync.domain.world import World, note_task, task_of, tell

_PER_ATTEMPT: Final = frozenset({Due.RETRY, Due.DECISION, Due.TIMEOUT, Due.STALE})


def is_awaited(world: World, timer: Timer) -> bool:
    """Whether anything can still follow when `timer` rings."""
    if timer.kind is Due.RESTART:
        one = instance_of(world, timer.task, timer.attempt)
        return one is not None and one.run == timer.run_id
    if not timer.run_id:
        return True
    run = world.runs.get(timer.run_id)
    return run is not None and (timer.kind not in _PER_ATTEMPT or timer.attempt == run.attempt)


def ring(world: World, timer: Timer) -> None:
    """Do what is due; a timer whose run has moved on is ignored."""
    if timer.kind is Due.UNPAUSE:
        _unpause(world, timer.task)
    elif timer.kind is Due.DISPATCH:
        world.alarms = {at for at in world.alarms if at > world.now.wall}
        world.crowded = True
    elif timer.kind is Due.RESTART:
        ring_restart(world, timer)
    else:
        run = world.runs.get(timer.run_id)
        if run is not None:
            _RINGS[timer.kind](world, run, timer)


def _unpause(world: World, task: str) -> None:
    state = world.tasks.get(task)
    if state is not None and state.paused and state.paused_until is not None and state.paused_until <= world.now.wall:
        note_task(world, task, paused=False, paused_until=None, pause_reason="", paused_by="")


def _ready(world: World, run: Run, timer: Timer) -> None:
    if run.state is State.QUEUED or (run.state is State.RETRYING and run.attempt == timer.attempt):
        run.available_at = min(run.available_at, world.now.wall)  # the wall clock may have been set back meanwhile
        enqueue(world, task_of(world, run), run)


def _start_after(world: World, run: Run, _timer: Timer) -> None:
    if run.state is not State.SCHEDULED:
        return
    if run.gate >= Gate.TIME:  # it was deferred, and had passed all gates
        run.available_at = min(run.available_at, world.now.wall)  # the wall clock may have been set back meanwhile
        pass_gate(world, run, Gate(run.gate))
    elif run.available_at <= world.now.wall:
        pass_gate(world, run, Gate.TIME)


def _expire(world: World, run: Run, _timer: Timer) -> None:
    if run.attempt == 0 and run.expires_at is not None:
        finish(world, run, Move.EXPIRE, Reason.NOT_STARTED_IN_TIME)


def _queue_timeout(world: World, run: Run, timer: Timer) -> None:
    task = task_of(world, run)
    needs = needs_of(world, run, task, platform_for(world, run)) if run.state is State.QUEUED else ()
    if any(need.lack is Lack.CONTENTION and need.name == timer.task for need in needs):
        finish(world, run, Move.EXPIRE, Reason.QUEUE_TIMEOUT, error=f"waited too long for {timer.task}")


def _decision(world: World, run: Run, timer: Timer) -> None:
    undecided = run.state is State.WAITING and run.decide_by is not None and run.attempt == timer.attempt
    if undecided:
        finish(world, run, Move.FAIL, Reason.APPROVAL_EXPIRED)


def _timeout(world: World, run: Run, timer: Timer) -> None:
    if run.state in LIVE and run.attempt == timer.attempt:
        stop(world, run, Reason.TIMEOUT, "engine")


def _max_duration(world: World, run: Run, timer: Timer) -> None:
    if run.cycles == timer.attempt and (run.state in LIVE or run.state is State.RETRYING):
        stop(world, run, Reason.MAX_DURATION, "engine")


def _stale(world: World, run: Run, timer: Timer) -> None:
    task = task_of(world, run)
    if run.state not in LIVE or run.attempt != timer.attempt or task.stale_after is None:
        return
    silent = world.now.monotonic - world.signs.get(run.id, world.now.monotonic)
    if silent < task.stale_after:
        world.timers.after(task.stale_after - silent, timer, world.now)
        return
    tell(world, EventName.RUN_STALE, run)
    if task.on_stale is OnStale.KILL:
        stop(world, run, Reason.STALE, "engine")


def _long(world: World, run: Run, _timer: Timer) -> None:
    if run.attempt:
        tell(world, EventName.RUN_LONG, run)


def _late(world: World, run: Run, _timer: Timer) -> None:
    if run.attempt == 0:
        tell(world, EventName.RUN_LATE, run)


_RINGS: Final[Mapping[Due, Callable[[World, Run, Timer], None]]] = {
    Due.RETRY: _ready,
    Due.READY: _ready,
    Due.START_AFTER: _start_after,
    Due.EXPIRY: _expire,
    Due.QUEUE_TIMEOUT: _queue_timeout,
    Due.DECISION: _decision,
    Due.TIMEOUT: _timeout,
    Due.MAX_DURATION: _max_duration,
    Due.STALE: _stale,
    Due.LONG: _long,
    Due.LATE: _late,
    Due.HEALTHY: ring_healthy,
    Due.SETTLED: ring_settled,
}
