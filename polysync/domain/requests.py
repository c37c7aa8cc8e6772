"""What people ask for: start, release, stop, decide, pause, resume, leave one out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from polysync.domain.approvals import Step, next_step
from polysync.domain.effects import EventName, Refusal, RunArchived
from polysync.domain.ending import finish
from polysync.domain.errors import ValueProblem
from polysync.domain.firing import forget_slots, plan
from polysync.domain.inputs import Archive, Decide, Pause, Release, Resume, SkipNext, Stop, Submit
from polysync.domain.launch import Gate, Order, kept_back, launch, pass_gate, refuse_run
from polysync.domain.lifecycle import try_again
from polysync.domain.rows import Message, Run
from polysync.domain.run import Blocker, Move, Reason, State
from polysync.domain.stopping import stop
from polysync.domain.task import Task
from polysync.domain.timers import Due, Timer
from polysync.domain.values import Mode, Trigger
from polysync.domain.world import World, answer, note, note_task, refuse, state_of, task_of, tell


def submit(world: World, asked: Submit) -> None:
    """Create a run of a task, unless there is no such task or nobody may start it by hand."""
    task = world.configuration.tasks.get(asked.task)
    refusal = _against(task, asked)
    if task is None or refusal is not None:
        refuse(world, asked.key, *(refusal or (Refusal.UNKNOWN, f"no task {asked.task}")))
        return
    order = Order(
        trigger=asked.trigger,
        hold=asked.hold,
        start_at=asked.start_at,
        expires_after=asked.expires_after,
        priority=asked.priority,
        parameters=asked.parameters,
        values=_values(asked),
    )
    try:
        run = _launch(world, task, order)
    except ValueProblem as problem:
        refuse(world, asked.key, Refusal.INVALID, problem.message)
    else:
        answer(world, asked.key, run.id)


def _launch(world: World, task: Task, order: Order) -> Run:
    """What happened by itself starts nothing that is paused or off; a person may."""
    reason = kept_back(world, task) if order.trigger in _BY_ITSELF else None
    return launch(world, task, order) if reason is None else refuse_run(world, task, order, Move.SKIP, reason)


_BY_ITSELF: Final = frozenset({Trigger.EVENT, Trigger.FILE, Trigger.WEBHOOK})


def _against(task: Task | None, asked: Submit) -> tuple[Refusal, str] | None:
    if task is None:
        return Refusal.UNKNOWN, f"no task {asked.task}"
    if task.mode is Mode.TEMPLATE:
        return Refusal.CONFLICT, f"{task.name} is a template: it never runs by itself"
    if not task.api_trigger and asked.trigger is not Trigger.FILE:
        return Refusal.FORBIDDEN, "API triggering disabled for this task"
    return None


def _values(asked: Submit) -> dict[str, Any]:
    parents = () if asked.parent is None else (asked.parent,)
    return {
        "actor": asked.actor,
        "correlation_id": asked.correlation_id or "",
        "parents": parents,
        "rerun_of": asked.rerun_of,
        "logical_at": asked.logical_at,
        "external_id": asked.external_id,
        "tags": asked.tags,
    }


def release(world: World, asked: Release) -> None:
    """Let a held run go on to its next gate."""
    run = world.runs.get(asked.run_id)
    if run is None or run.state is not State.HELD:
        _refuse_run(world, asked.key, asked.run_id, run, "is not held")
        return
    pass_gate(world, run, Gate.RELEASE, asked.actor)
    answer(world, asked.key, run.id)


def stop_run(world: World, asked: Stop) -> None:
    """Stop a run wherever it stands."""
    run = world.runs.get(asked.run_id)
    if run is None:
        refuse(world, asked.key, Refusal.CONFLICT, f"run {asked.run_id} is over, or was never there")
        return
    if asked.comment:
        note(world, run, messages=(*run.messages, Message("stop", asked.comment)))
    stop(world, run, Reason.STOPPED, asked.actor)
    answer(world, asked.key, run.id)


def decide(world: World, asked: Decide) -> None:
    """Carry out what somebody decided about a run that waits for approval."""
    run = world.runs.get(asked.run_id)
    blocked = run.blocked_on if run is not None else None
    if run is None or blocked is None or blocked.kind is not Blocker.APPROVAL:
        _refuse_run(world, asked.key, asked.run_id, run, "does not wait for approval")
        return
    task = task_of(world, run)
    step = next_step(task.approval, blocked.name, asked.decision, run.cycles)
    if step is Step.REFUSE:
        refuse(world, asked.key, Refusal.CONFLICT, f"no changes can be requested of run {run.id}")
        return
    tell(world, EventName.APPROVAL_DECIDED, run, decision=asked.decision, actor=asked.actor, comment=asked.comment)
    _carry_out(world, run, task, step, asked)
    answer(world, asked.key, run.id)


def _carry_out(world: World, run: Run, task: Task, step: Step, asked: Decide) -> None:
    decided = {"decide_by": None, "comment": asked.comment}
    match step:
        case Step.QUEUE:
            pass_gate(world, run, Gate.APPROVAL, asked.actor, **decided)
        case Step.SUCCEED:
            finish(world, run, Move.SUCCEED, None, actor=asked.actor, **decided)
        case Step.RERUN:
            again = {"cycles": run.cycles + 1, "timed_from": world.now.wall, "actor": asked.actor}
            try_again(world, run, task, timedelta(0), **decided, **again)
            if task.max_duration is not None:  # the time that people took is not the work's
                world.timers.after(task.max_duration, Timer(Due.MAX_DURATION, run.id, run.cycles), world.now)
        case _:
            finish(world, run, Move.FAIL, Reason.DENIED, actor=asked.actor, **decided)


def pause(world: World, asked: Pause) -> None:
    """From now on, account for the task's slots without running them."""
    if asked.task not in world.configuration.tasks:
        refuse(world, asked.key, Refusal.UNKNOWN, f"no task {asked.task}")
        return
    told = {"paused_until": asked.until, "pause_reason": asked.reason, "paused_by": asked.actor}
    note_task(world, asked.task, paused=True, **told)
    if asked.until is not None:
        world.timers.at(asked.until, Timer(Due.UNPAUSE, task=asked.task))
    answer(world, asked.key)


def resume(world: World, asked: Resume) -> None:
    """End a pause; slots that passed meanwhile have their rows already."""
    if asked.task not in world.configuration.tasks:
        refuse(world, asked.key, Refusal.UNKNOWN, f"no task {asked.task}")
        return
    state = state_of(world, asked.task)
    changes: dict[str, Any] = {"paused": False, "paused_until": None, "pause_reason": "", "paused_by": ""}
    if state.tripped:  # nobody looked at its slots; they are over
        changes |= {"tripped": False, "anchor": max(world.now.wall, state.anchor or world.now.wall)}
        forget_slots(world, asked.task)
    note_task(world, asked.task, **changes)
    plan(world, asked.task)
    answer(world, asked.key)


def skip_next(world: World, asked: SkipNext) -> None:
    """Leave out the next slot that would run."""
    task = world.configuration.tasks.get(asked.task)
    if task is None or not task.cron:
        refusal = Refusal.UNKNOWN if task is None else Refusal.CONFLICT
        message = f"no task {asked.task}" if task is None else f"{asked.task} has no schedule"
        refuse(world, asked.key, refusal, message)
        return
    note_task(world, asked.task, skip_next=state_of(world, asked.task).skip_next + 1)
    answer(world, asked.key)


def archive(world: World, asked: Archive) -> None:
    """Take a run that is over out of the lists, or back into them; nothing else about it changes."""
    if not 0 < asked.run_id < world.next_id:
        refuse(world, asked.key, Refusal.UNKNOWN, f"no run {asked.run_id}")
        return
    if asked.run_id in world.runs:
        refuse(world, asked.key, Refusal.CONFLICT, f"run {asked.run_id} is not over")
        return
    world.records.append(RunArchived(asked.run_id, None if asked.undo else world.now.wall))
    answer(world, asked.key, asked.run_id)


def _refuse_run(world: World, key: str, number: int, run: Run | None, because: str) -> None:
    message = f"run {number} {because}" if run is not None else f"run {number} is over, or was never there"
    refuse(world, key, Refusal.CONFLICT, message)
