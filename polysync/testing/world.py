"""What a test needs instead of the world: three clocks, executions and a journal, all in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, assert_never

from polysync.domain.effects import (
    AttemptNoted,
    AttemptOpened,
    ClockNoted,
    DefinitionKept,
    EdgeHeld,
    EdgesConsumed,
    RateTaken,
    Record,
    RunArchived,
    RunCreated,
    RunMoved,
    RunNoted,
    TaskForgotten,
    TaskNoted,
)
from polysync.domain.errors import DoubleFiring, IllegalTransition
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run, Snapshot, TaskState
from polysync.domain.run import FINAL, TABLE, State
from polysync.domain.values import Reading

ZERO = timedelta(0)


class SimClock:
    """Wall, monotonic and boot time apart, moved only by the test."""

    def __init__(self, wall: datetime) -> None:
        self._reading = Reading(wall, timedelta(hours=1), timedelta(hours=1))

    def read(self) -> Reading:
        """One look at the three clocks."""
        return self._reading

    def advance(self, by: timedelta) -> Reading:
        """Let time pass while the host is awake."""
        now = self._reading
        self._reading = Reading(now.wall + by, now.monotonic + by, now.boot + by)
        return self._reading

    def suspend(self, by: timedelta) -> Reading:
        """Let the host sleep: monotonic time stands still."""
        now = self._reading
        self._reading = Reading(now.wall + by, now.monotonic, now.boot + by)
        return self._reading

    def step(self, by: timedelta) -> Reading:
        """Set the wall clock, forward or back."""
        now = self._reading
        self._reading = Reading(now.wall + by, now.monotonic, now.boot)
        return self._reading


@dataclass(slots=True)
class Execution:
    """One execution out there, which knows nothing of the daemon."""

    token: str
    run_id: int
    attempt: int
    ends_at: timedelta  # in boot time: the work goes on while nobody watches
    exit: Exit


@dataclass(slots=True)
class ScriptedAdapter:
    """Executions that last and end as `script` says; one token is one execution, however often it is started."""

    script: Callable[[Run, Attempt], tuple[timedelta, Exit]]
    executions: dict[str, Execution] = field(default_factory=dict)
    tokens: dict[tuple[int, int], str] = field(default_factory=dict)  # by run and attempt

    def start(self, run: Run, attempt: Attempt, now: Reading) -> Execution:
        """Start the attempt, or return the execution that its token already has."""
        found = self.executions.get(attempt.token)
        if found is not None:
            return found
        lasts, exit_ = self.script(run, attempt)
        made = Execution(attempt.token, run.id, attempt.number, now.boot + lasts, exit_)
        self.executions[attempt.token] = made
        self.tokens[run.id, attempt.number] = attempt.token
        return made

    def find(self, token: str) -> Execution | None:
        """The execution that a token started, if it ever did."""
        return self.executions.get(token)

    def stop(self, run_id: int, attempt: int, now: Reading, grace: timedelta) -> Execution | None:
        """End an execution within its grace; one that is over, or never was, has nothing to stop."""
        execution = self.executions.get(self.tokens.get((run_id, attempt), ""))
        if execution is None or execution.ends_at <= now.boot:
            return None
        execution.ends_at = now.boot + min(grace, timedelta(seconds=1))
        execution.exit = Exit(code=143, signal="TERM")
        return execution


class MemoryJournal:
    """The rows, as the database would keep them, with the laws of the database: unique slots, legal moves."""

    def __init__(self) -> None:
        self.runs: dict[int, Run] = {}
        self.open: dict[int, Run] = {}  # those that are not final
        self.attempts: dict[int, Attempt] = {}
        self.attempt_count = 0
        self.tasks: dict[str, TaskState] = {}
        self.slots: dict[tuple[str, datetime], int] = {}
        self.newest_slot: dict[str, int] = {}  # the newest run with a slot, by task
        self.held: dict[str, dict[str, Any]] = {}
        self.rates: dict[tuple[str, str], Any] = {}
        self.definitions: dict[str, Any] = {}
        self.clock: list[ClockNoted] = []
        self.history: list[tuple[int, State | None, State]] = []
        self.last_seen_at: datetime | None = None
        self.commits = 0

    def commit(self, records: Iterable[Record]) -> None:
        """Apply the records of one decision together."""
        self.commits += 1
        for record in records:
            self._apply(record)

    def snapshot(self) -> Snapshot:
        """Everything a new engine needs; later changes on either side do not reach the other."""
        ranges = {
            task: self.runs[number].copy()
            for task, number in self.newest_slot.items()
            if self.runs[number].state is State.SKIPPED
        }
        return Snapshot(
            runs={number: run.copy() for number, run in self.open.items()},
            ranges=ranges,
            attempts={number: copy(self.attempts[number]) for number in self.open if number in self.attempts},
            tasks={name: copy(state) for name, state in self.tasks.items()},
            held={name: dict(events) for name, events in self.held.items()},
            rates=dict(self.rates),
            definitions=dict(self.definitions),
            next_id=max(self.runs, default=0) + 1,
            last_seen_at=self.last_seen_at,
        )

    def taken_after(self, at: datetime) -> dict[str, frozenset[datetime]]:
        """The slots that have rows although they lie ahead: after `at`, or after the anchor of their task."""
        taken: dict[str, set[datetime]] = {}
        anchors = {name: min(at, state.anchor or at) for name, state in self.tasks.items()}
        for task, slot in self.slots:
            if slot > anchors.get(task, at):
                taken.setdefault(task, set()).add(slot)
        return {task: frozenset(slots) for task, slots in taken.items()}

    def _apply(self, record: Record) -> None:
        match record:
            case RunMoved():
                self._move(record)
            case RunCreated(run):
                self._create(run)
            case TaskNoted(task, changes):
                _set(self.tasks.setdefault(task, TaskState(task)), changes)
            case AttemptNoted(number, which, changes):
                if which == self.attempts[number].number:  # earlier ones are not kept here
                    _set(self.attempts[number], changes)
            case AttemptOpened(attempt):
                self._open_attempt(attempt)
            case RunNoted(number, changes):
                _set(self.runs[number], changes)
            case RunArchived(number, at):
                self.runs[number].archived_at = at
            case ClockNoted(at):
                self.clock.append(record)
                self.last_seen_at = at
            case _:
                self._apply_other(record)

    def _apply_other(self, record: TaskForgotten | EdgeHeld | EdgesConsumed | RateTaken | DefinitionKept) -> None:
        match record:
            case EdgeHeld(task, event):
                self.held.setdefault(task, {})[event.upstream] = event
            case EdgesConsumed(task, upstreams):
                for upstream in upstreams:
                    self.held.get(task, {}).pop(upstream, None)
            case RateTaken(counter, state):
                self.rates[counter] = state
            case DefinitionKept(digest, definition):
                self.definitions[digest] = definition
            case TaskForgotten(task):
                self.held.pop(task, None)
            case _ as never:
                assert_never(never)

    def _create(self, run: Run) -> None:
        if run.id in self.runs:
            message = f"run {run.id} exists already"
            raise DoubleFiring(message)
        if run.scheduled_for is not None:
            slot = (run.task, run.scheduled_for)
            if slot in self.slots:
                message = f"{run.task} at {run.scheduled_for} has run {self.slots[slot]} already"
                raise DoubleFiring(message)
            self.slots[slot] = run.id
            self.newest_slot[run.task] = run.id
        self.runs[run.id] = run
        self.history.append((run.id, None, run.state))
        if run.state not in FINAL:
            self.open[run.id] = run

    def _move(self, moved: RunMoved) -> None:
        run = self.runs[moved.run_id]
        if run.state is not moved.before or moved.state not in TABLE[moved.before].values():
            message = f"run {run.id} cannot go from {run.state} to {moved.state}"
            raise IllegalTransition(message)
        _set(run, moved.changes)
        run.state = moved.state
        self.history.append((run.id, moved.before, moved.state))
        if run.state in FINAL:
            del self.open[run.id]

    def _open_attempt(self, attempt: Attempt) -> None:
        before = self.attempts.get(attempt.run_id)
        if attempt.number != (before.number if before else 0) + 1:
            message = f"attempt {attempt.number} of run {attempt.run_id} does not follow the one before"
            raise IllegalTransition(message)
        self.attempts[attempt.run_id] = copy(attempt)
        self.attempt_count += 1


def _set(row: Run | Attempt | TaskState, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
