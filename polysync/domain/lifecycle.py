"""What adapters tell: an attempt started, spoke, or is over, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any, Final

from polysync.domain.effects import AttemptNoted, EventName
from polysync.domain.ending import finish
from polysync.domain.inputs import AttemptExited, AttemptReported, AttemptStarted, LogDropped, LogFull
from polysync.domain.launch import enqueue
from polysync.domain.outcome import Exit, Usage, Verdict, classify, final_state
from polysync.domain.retry import RETRIED, GiveUp, Retry, Tally, Why, decide
from polysync.domain.rows import BlockedOn, Message, Run
from polysync.domain.run import LIVE, Blocker, Move, Reason, State
from polysync.domain.service_life import life_begun
from polysync.domain.stopping import stop
from polysync.domain.task import Approval, Task
from polysync.domain.timers import Due, Timer
from polysync.domain.values import OnUnknown, Outcome
from polysync.domain.world import World, change, note, note_attempt, task_of, tell


def _spoken_of(world: World, run_id: int, attempt: int) -> Run | None:
    """The run that an adapter speaks of; late and repeated words about what is over change nothing."""
    run = world.runs.get(run_id)
    return run if run is not None and run.attempt == attempt and run.state in LIVE else None


def attempt_started(world: World, told: AttemptStarted) -> None:
    """The platform confirmed the start: its handle is durable from here on."""
    run = _spoken_of(world, told.run_id, told.attempt)
    if run is None:
        return
    if run.state is State.STARTING:
        change(world, run, Move.RUN)
        if run.instance:
            life_begun(world, run)
    attempt = world.attempts[run.id]
    if attempt.started_at is None or attempt.handle != told.handle:  # not one that was only found again
        note_attempt(world, run, handle=told.handle, started_at=attempt.started_at or world.now.wall)


def attempt_reported(world: World, told: AttemptReported) -> None:
    """The work spoke: a sign of life, and perhaps progress or outputs."""
    run = _spoken_of(world, told.run_id, told.attempt)
    if run is None:
        return
    world.signs[run.id] = world.now.monotonic
    changes: dict[str, Any] = {}
    if told.progress is not None:
        changes["progress"] = told.progress
    if told.outputs:
        changes["outputs"] = {**run.outputs, **told.outputs}
    if told.messages and (messages := _with(run, told.messages)) != run.messages:
        changes["messages"] = messages
    if changes:
        note(world, run, **changes)


def log_dropped(world: World, told: LogDropped) -> None:
    """Output is not kept in full: said once for each attempt and cause, and published once for each attempt."""
    run = _spoken_of(world, told.run_id, told.attempt)
    if run is None:
        return
    message = Message(LOSS, told.why)
    if message in run.messages:  # told by the daemon before this one
        return
    if all(said.code != LOSS for said in run.messages):
        tell(world, EventName.LOG_DROPPED, run, attempt=told.attempt, why=told.why)
    note(world, run, messages=(*run.messages, message))


def log_full(world: World, told: LogFull) -> None:
    """The log is full: the run ends, and no attempt follows."""
    run = _spoken_of(world, told.run_id, told.attempt)
    if run is not None:
        stop(world, run, Reason.LOG_FULL, "daemon")


def attempt_exited(world: World, told: AttemptExited) -> None:
    """Settle what an attempt came to, and what follows from it."""
    run = _spoken_of(world, told.run_id, told.attempt)
    if run is None:
        return
    task, told_exit = task_of(world, run), told.exit
    verdict = classify(told_exit, task, stopping=run.stop_reason)
    note_attempt(
        world,
        run,
        ended_at=world.now.wall,
        outcome=verdict.outcome,
        exit_code=told_exit.code,
        signal=told_exit.signal,
        error=told_exit.error,
        status_code=told_exit.status_code,
        **_used(told_exit.usage),
    )
    _drop_before(world, run, told_exit.usage)
    facts: dict[str, Any] = {
        "outcome": verdict.outcome,
        "exit_code": told_exit.code,
        "signal": told_exit.signal,
        "error": told_exit.error,
        "status_code": told_exit.status_code,
        "outputs": {**run.outputs, **told_exit.outputs},
        "messages": _with(run, told_exit.messages),
        "sensitive": tuple(sorted({*run.sensitive, *told_exit.sensitive})),
    }
    approval = task.approval
    if verdict.outcome is Outcome.SUCCEEDED and approval is not None and approval.after:
        _ask_about_result(world, run, approval, facts)
    elif verdict.outcome in RETRIED and not (told_exit.uncertain and task.on_unknown is OnUnknown.FAIL):
        _retry_or_end(world, run, task, verdict, told_exit, facts)
    else:
        finish(world, run, *final_state(*verdict), **facts)


def _with(run: Run, told: tuple[Message, ...]) -> tuple[Message, ...]:
    """All that the work has said so far, and what else stands on the run: why somebody stopped it."""
    return (*told, *(message for message in run.messages if message not in told))


def _used(usage: Usage | None) -> dict[str, Any]:
    return {} if usage is None else {name: getattr(usage, name) for name in _USAGE}


def _drop_before(world: World, run: Run, usage: Usage | None) -> None:
    """Output of earlier attempts went for that of this one."""
    for number, dropped in usage.dropped_before.items() if usage is not None else ():
        world.records.append(AttemptNoted(run.id, number, {"log_dropped": dropped}))


LOSS: Final = "log_dropped"  # the code of messages about output that is not kept
_USAGE: Final = tuple(f.name for f in fields(Usage) if f.name != "dropped_before")


def _ask_about_result(world: World, run: Run, approval: Approval, facts: Mapping[str, Any]) -> None:
    now = world.now
    asked = BlockedOn(Blocker.APPROVAL, "after", approval.reason or "approval of the result", now.wall)
    change(world, run, Move.WAIT, blocked_on=asked, decide_by=now.wall + approval.ttl, **facts)
    world.timers.after(approval.ttl, Timer(Due.DECISION, run.id, run.attempt), now)
    world.crowded = True
    tell(world, EventName.APPROVAL_REQUESTED, run, step="after")


def _retry_or_end(world: World, run: Run, task: Task, verdict: Verdict, told: Exit, facts: Mapping[str, Any]) -> None:
    tally = Tally(run.used, run.used_by)
    match decide(task, verdict, told.error, told.code, tally, run.uid, told.retry_after):
        case Retry(delay=delay):
            after = tally.plus(verdict.outcome)
            try_again(world, run, task, delay, used=after.total, used_by=after.by_outcome, **facts)
        case GiveUp(why=Why.EXHAUSTED) if task.dead_letter:
            finish(world, run, Move.BURY, Reason.RETRIES_EXHAUSTED, **facts)
        case _:
            finish(world, run, *final_state(*verdict), **facts)


def try_again(world: World, run: Run, task: Task, delay: timedelta, **changes: Any) -> None:
    """Give `run` another attempt after `delay`; it keeps its place and its locks meanwhile."""
    available_at = world.now.wall + delay
    change(world, run, Move.RETRY, available_at=available_at, stop_reason=None, **changes)
    world.crowded = True
    enqueue(world, task, run)
