"""The engine's memory: a projection of the stored rows, and the one place where a run changes state.

Every limit is the size of a set of run ids, never a counter: a run that leaves a state leaves the set,
so that a slot can be neither leaked nor given back twice.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from polysync.domain.breaker import Recent
from polysync.domain.contention import RateState, counter
from polysync.domain.definition import Definition, definition_hash, parts_of, resolve_job
from polysync.domain.dispatch import Line, Round
from polysync.domain.effects import (
    ENTERED,
    Action,
    Answer,
    AttemptNoted,
    DefinitionKept,
    Effect,
    EventName,
    Publish,
    Record,
    Refusal,
    RunCreated,
    RunMoved,
    RunNoted,
    TaskNoted,
)
from polysync.domain.graph import EdgeEvent
from polysync.domain.rows import Attempt, Run, TaskState
from polysync.domain.run import FINAL, LIVE, Move, Reason, State, after, check_reason
from polysync.domain.schedule import Timetable
from polysync.domain.service import Keeping
from polysync.domain.settings import Configuration
from polysync.domain.slices import SLICE, Budget, Gap, Halfway
from polysync.domain.task import Task
from polysync.domain.timers import Timers
from polysync.domain.values import Reading, Trigger


@dataclass(slots=True)
class Index:
    """Which runs stand where; each set holds run ids, oldest first."""

    active: dict[str, dict[int, None]] = field(default_factory=dict)  # by task, under max_concurrent
    queued: dict[str, dict[int, None]] = field(default_factory=dict)  # by task, before their first attempt
    gated: dict[str, dict[int, None]] = field(default_factory=dict)  # by task, scheduled or waiting before the queue
    live: dict[int, None] = field(default_factory=dict)
    by_platform: dict[str, dict[int, None]] = field(default_factory=dict)
    by_counter: dict[tuple[str, str], dict[int, None]] = field(default_factory=dict)
    locks: dict[str, int] = field(default_factory=dict)
    serving: dict[str, dict[int, int]] = field(default_factory=dict)  # lives of services: by name and instance


@dataclass(slots=True)
class World:
    """What is known at this moment, and what came of the input at hand."""

    home: str
    configuration: Configuration
    now: Reading
    boot_id: str = ""
    runs: dict[int, Run] = field(default_factory=dict)  # those that are not final
    attempts: dict[int, Attempt] = field(default_factory=dict)
    tasks: dict[str, TaskState] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)  # of the tasks as configured now
    timetables: dict[str, Timetable] = field(default_factory=dict)
    next_at: dict[str, datetime] = field(default_factory=dict)  # the next slot of each task
    # A heap of those, of one moment by priority; stale entries are ignored.
    agenda: list[tuple[datetime, int, str]] = field(default_factory=list)
    pulses: dict[str, Recent] = field(default_factory=dict)
    last_slot: dict[str, datetime] = field(default_factory=dict)  # the newest slot looked at, by task
    ranges: dict[str, Run] = field(default_factory=dict)  # open rows of slots that did not run
    held: dict[str, dict[str, EdgeEvent]] = field(default_factory=dict)
    rates: dict[tuple[str, str], RateState] = field(default_factory=dict)
    downstream: dict[str, tuple[str, ...]] = field(default_factory=dict)
    signs: dict[int, timedelta] = field(default_factory=dict)  # the last sign of life of a run
    index: Index = field(default_factory=Index)
    line: Line = field(default_factory=Line)
    timers: Timers = field(default_factory=Timers)
    joins: dict[str, None] = field(default_factory=dict)  # tasks whose dependencies may be met now
    next_id: int = 1
    last_seen_at: datetime | None = None
    alarms: set[datetime] = field(default_factory=set)  # when a rate limit has room again
    keeping: Keeping = field(default_factory=Keeping)  # of services
    disk_low: bool = False
    closing: bool = False
    ending: bool = False  # and nothing is to go on without the daemon
    clock_held: bool = False  # the clock stands before the last stored look at it: is it right?
    counting: datetime | None = None  # the clock was corrected: which slots after this have rows already?
    taken: dict[str, frozenset[datetime]] = field(default_factory=dict)
    crowded: bool = False  # something may have made room: dispatch again
    budget: Budget = field(default_factory=lambda: Budget(SLICE))
    gap: Gap | None = None  # nobody looked then, and not all slots in it are accounted for
    halfway: Halfway | None = None  # the task at which the last call had to end
    round: Round | None = None  # a walk along the line that was cut off
    over: list[Run] = field(default_factory=list)  # what this call ended
    records: list[Record] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    events: list[Publish] = field(default_factory=list)

    def effects(self) -> list[Effect]:
        """Everything that came of the input, in the order of the law, and an empty sheet for the next."""
        done: list[Effect] = [*self.records, *self.actions, *self.events]
        self.records, self.actions, self.events = [], [], []
        return done


def sizes(world: World) -> dict[str, int]:
    """How much of each kind is remembered; in quiet, nothing that belongs to a run is left."""
    index, timers = world.index, world.timers
    by_task = (*index.active.values(), *index.queued.values(), *index.gated.values())
    sets = (*by_task, *index.by_platform.values(), *index.by_counter.values())
    return {
        "runs": len(world.runs),
        "attempts": len(world.attempts),
        "signs": len(world.signs),
        "indexed": len(index.live) + sum(map(len, sets)) + sum(map(len, index.serving.values())),
        "locks": len(index.locks),
        "line": len(world.line),
        "joins": len(world.joins),
        "alarms": len(world.alarms),
        "timers": len(timers.wall) + len(timers.monotonic),
        "agenda": len(world.agenda),
        "definitions": len(world.definitions),
        "tasks": len(world.tasks),
    }


def word(world: World, *parts: object) -> str:
    """An id that nobody else has: hashed from the home and what it names, so that a replay gives the same."""
    text = "\0".join((world.home, *map(str, parts)))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def task_of(world: World, run: Run) -> Task:
    """The definition that holds for `run`: the one it started with; before that, today's if there still is one."""
    today = world.configuration.tasks.get(run.task) if run.attempt == 0 else None
    return world.definitions[run.definition].task if today is None else today


def parts_for(world: World, run: Run) -> Definition:
    """As `task_of`, with the job and the platform of that moment."""
    today = world.configuration.tasks.get(run.task) if run.attempt == 0 else None
    return world.definitions[run.definition] if today is None else parts_of(today, world.configuration)


def digest_of(world: World, task: Task) -> str:
    """The hash of a task's definition; a definition is kept the first time that a run needs it."""
    digest = world.digests.get(task.name)
    if digest is None:
        digest = world.digests[task.name] = definition_hash(task, world.configuration)
        parts = parts_of(task, world.configuration)
        if digest not in world.definitions:
            world.records.append(DefinitionKept(digest, parts))
        world.definitions[digest] = parts  # a stored one knows of substituted values only how they are written
    return digest


def state_of(world: World, task: str) -> TaskState:
    """What is remembered of a task."""
    state = world.tasks.get(task)
    if state is None:
        state = world.tasks[task] = TaskState(task)
    return state


def create(
    world: World, task: Task, move: Move, trigger: Trigger, *, reason: Reason | None = None, **values: Any
) -> Run:
    """A new run, entered by `move`; one record, whatever its state."""
    state = after(None, move)
    check_reason(state, reason)
    at = world.now.wall
    number = world.next_id
    world.next_id += 1
    values.setdefault("available_at", at)
    run = Run(
        id=number,
        uid=word(world, number),
        task=task.name,
        state=state,
        trigger=trigger,
        created_at=at,
        definition=digest_of(world, task),
        end_reason=reason,
        **values,
    )
    if not run.correlation_id:
        run.correlation_id = run.uid
    if state in FINAL:
        run.ended_at = at
    else:
        world.runs[number] = run
        _enter(world, run)
    world.records.append(RunCreated(run.copy()))
    _tell(world, run)
    return run


def change(
    world: World, run: Run, move: Move, *, reason: Reason | None = None, actor: str = "engine", **changes: Any
) -> None:
    """Take `run` to the state that `move` leads to: table, indexes, record and event in one place."""
    before = run.state
    state = after(before, move)
    check_reason(state, reason)
    stays = before in LIVE and state in LIVE  # in its place: nobody counts starting and running apart
    if not stays:
        _leave(world, run)
    if state in FINAL:
        changes["ended_at"] = world.now.wall
        changes["end_reason"] = reason
    if run.blocked_on is not None and state is not State.WAITING:
        changes["blocked_on"] = None
    run.state = state
    for name, value in changes.items():
        setattr(run, name, value)
    if not stays:
        _enter(world, run)
    world.records.append(RunMoved(run.id, world.now.wall, before, state, reason, actor, changes))
    _tell(world, run)


def note(world: World, run: Run, **changes: Any) -> None:
    """Change something about `run` that is not its state."""
    for name, value in changes.items():
        setattr(run, name, value)
    world.records.append(RunNoted(run.id, changes))


def note_attempt(world: World, run: Run, **changes: Any) -> None:
    """Change something about the newest attempt of `run`."""
    attempt = world.attempts[run.id]
    for name, value in changes.items():
        setattr(attempt, name, value)
    world.records.append(AttemptNoted(run.id, attempt.number, changes))


def note_task(world: World, task: str, **changes: Any) -> None:
    """Change what is remembered of a task."""
    state = state_of(world, task)
    for name, value in changes.items():
        setattr(state, name, value)
    world.records.append(TaskNoted(task, changes))


def tell(world: World, name: EventName, run: Run | None = None, **data: Any) -> None:
    """Publish an event that is not the entering of a state."""
    run_id, task = (run.id, run.task) if run else (None, data.pop("task", None))
    world.events.append(Publish(name, world.now.wall, run_id, task, data))


def answer(world: World, key: str, run_id: int | None = None) -> None:
    """Say yes to a request."""
    world.actions.append(Answer(key, run_id))


def refuse(world: World, key: str, refusal: Refusal, message: str) -> None:
    """Say no to a request, and why."""
    world.actions.append(Answer(key, None, refusal, message))


def adopt(world: World, run: Run) -> None:
    """Take a stored run into the projection."""
    world.runs[run.id] = run
    _enter(world, run)


def _tell(world: World, run: Run) -> None:
    name = ENTERED.get(run.state)
    if name is not None:
        world.events.append(Publish(name, world.now.wall, run.id, run.task, _facts(run)))


def _facts(run: Run) -> dict[str, Any]:
    """What is told of a run beside its state, as it stands now: the run itself moves on."""
    data: dict[str, Any] = {"trigger": run.trigger}
    if run.end_reason:
        data["reason"] = run.end_reason
    if run.attempt:
        data["attempt"] = run.attempt
    if run.exit_code is not None and run.state in FINAL:
        data["exit_code"] = run.exit_code
    if run.instance:
        data["instance"] = run.instance
    return data


def counters_of(world: World, run: Run) -> tuple[tuple[str, str], ...]:
    """The contention counters that a live attempt of `run` is counted under."""
    return world_counters(world, task_of(world, run), run.platform or "")


def world_counters(world: World, task: Task, platform: str) -> tuple[tuple[str, str], ...]:
    """The contention counters that an attempt of `task` on `platform` takes part in."""
    return tuple(counter(profile, platform) for profile in profiles_of(world, task, platform))


def profiles_of(world: World, task: Task, platform: str) -> tuple[Any, ...]:
    """The enabled contention profiles of a task and of the platform it runs on, each once."""
    table = world.configuration.contention
    if not table:
        return ()
    there = world.configuration.platforms.get(platform)
    job = resolve_job(task.job, world.configuration.jobs) if task.job else None
    lists = (task.contention, job.contention if job else (), there.contention if there else ())
    names = dict.fromkeys(name for names in lists for name in names)
    return tuple(table[name] for name in names if name in table and table[name].enabled)


def _enter(world: World, run: Run) -> None:
    index, number = world.index, run.id
    if run.instance:  # of a service, which counts under no limit of tasks
        if run.state in LIVE:
            index.serving.setdefault(run.task, {})[run.instance] = number
        return
    if run.state is State.QUEUED:
        index.queued.setdefault(run.task, {})[number] = None
    elif run.active:
        index.active.setdefault(run.task, {})[number] = None
    elif run.state in _GATED:
        index.gated.setdefault(run.task, {})[number] = None
    if run.state in LIVE:
        index.live[number] = None
        index.by_platform.setdefault(run.platform or "", {})[number] = None
        for counted in counters_of(world, run):
            index.by_counter.setdefault(counted, {})[number] = None


def _leave(world: World, run: Run) -> None:
    index, number = world.index, run.id
    if run.instance:
        index.serving.get(run.task, {}).pop(run.instance, None)
        return
    if run.state is State.QUEUED:
        index.queued[run.task].pop(number, None)
    elif run.active:
        index.active[run.task].pop(number, None)
    elif run.state in _GATED:
        index.gated[run.task].pop(number, None)
    if run.state in LIVE:
        index.live.pop(number, None)
        index.by_platform[run.platform or ""].pop(number, None)
        for counted in index.by_counter.values():
            counted.pop(number, None)
    elif run.state is State.QUEUED or run.state is State.RETRYING:
        world.line.remove(number)


_GATED = frozenset({State.WAITING, State.SCHEDULED})
