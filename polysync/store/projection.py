"""The rows that are being changed, in memory: records are applied here, and each row is written once per commit.

It holds the open runs and their newest attempts, and whatever else a commit touches for as long as that
takes; what it does not hold it reads.  After a rollback all of it is forgotten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Final

from polysync.domain.effects import AttemptNoted, AttemptOpened, Record, RunCreated, RunMoved, RunNoted, TaskNoted
from polysync.domain.errors import DoubleFiring, IllegalTransition
from polysync.domain.rows import Attempt, Run, TaskState
from polysync.domain.run import FINAL, TABLE
from polysync.store.codec import micros
from polysync.store.rows import FIXED, TASK_STATE, attempt_of, run_of, text_of
from polysync.store.sql import statements

_SQL: Final = statements("journal")
_REACHED: Final = {state: frozenset(moves.values()) for state, moves in TABLE.items()}
Key = tuple[int, int]  # run and number of an attempt


@dataclass(slots=True)
class TaskRow:
    """What the row of a task holds."""

    task: str
    last_run: int | None = None
    slot_run: int | None = None
    state: TaskState | None = None


@dataclass(slots=True)
class Changes:
    """What is changed, and not yet written."""

    born: dict[int, Run] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    opened: dict[Key, Attempt] = field(default_factory=dict)
    attempts: dict[Key, Attempt] = field(default_factory=dict)
    tasks: dict[str, TaskRow] = field(default_factory=dict)
    history: list[tuple[Any, ...]] = field(default_factory=list)
    audit: list[tuple[Any, ...]] = field(default_factory=list)


class Projection:
    """Applies records to rows, and keeps the laws of both."""

    def __init__(self) -> None:
        self._runs: dict[int, Run] = {}
        self._attempts: dict[Key, Attempt] = {}
        self._last: dict[int, int] = {}  # the number of the newest attempt, by run
        self._tasks: dict[str, TaskRow] = {}
        self._connection: sqlite3.Connection | None = None
        self._changes = Changes()
        self.kinds: Final[Mapping[type[Record], Callable[[Any], None]]] = {
            RunCreated: self._create,
            RunMoved: self._move,
            RunNoted: self._note_run,
            AttemptOpened: self._open,
            AttemptNoted: self._note_attempt,
            TaskNoted: self._note_task,
        }

    def begin(self, connection: sqlite3.Connection) -> Changes:
        """Read what is not in memory from here; returned is what has been changed so far."""
        self._connection = connection
        return self._changes

    def end(self) -> None:
        """The changes are written: what has ended is read again where it is needed again."""
        changes, self._changes = self._changes, Changes()
        for number, run in (*changes.born.items(), *changes.runs.items()):
            if run.state in FINAL:
                self._runs.pop(number, None)
                self._last.pop(number, None)
        for run_id, number in (*changes.opened, *changes.attempts):
            if number != self._last.get(run_id):
                self._attempts.pop((run_id, number), None)
            self._attempts.pop((run_id, number - 1), None)

    def forget(self) -> None:
        """Nothing in memory may be believed."""
        self._changes = Changes()
        self._runs.clear()
        self._attempts.clear()
        self._last.clear()
        self._tasks.clear()

    def sizes(self) -> dict[str, int]:
        """How much is held, for those who watch memory."""
        return {"runs": len(self._runs), "attempts": len(self._attempts), "tasks": len(self._tasks)}

    # ---- records

    def _create(self, record: RunCreated) -> None:
        run = record.run.copy()  # the record must stay what it is: it may be applied again
        if run.id in self._runs:
            raise DoubleFiring(f"run {run.id} exists already")
        if run.state not in _REACHED[None]:
            raise IllegalTransition(f"run {run.id} cannot begin as {run.state}")
        self._runs[run.id] = self._changes.born[run.id] = run
        self._last[run.id] = 0
        task = self._changes.tasks[run.task] = self._task(run.task)
        task.last_run = run.id
        if run.scheduled_for is not None:
            task.slot_run = run.id
        reason = None if run.end_reason is None else run.end_reason.value
        self._changes.history.append(
            (run.id, micros(run.created_at), None, run.state.value, reason, text_of(run.actor))
        )

    def _move(self, moved: RunMoved) -> None:
        run = self._run(moved.run_id)
        if run.state is not moved.before or moved.state not in _REACHED[moved.before]:
            raise IllegalTransition(f"run {run.id} cannot go from {run.state} to {moved.state}")
        self._change_run(run, moved.changes)
        run.state = moved.state
        reason = None if moved.reason is None else moved.reason.value
        self._changes.history.append(
            (run.id, micros(moved.at), moved.before.value, moved.state.value, reason, text_of(moved.actor))
        )

    def _note_run(self, noted: RunNoted) -> None:
        self._change_run(self._run(noted.run_id), noted.changes)

    def _change_run(self, run: Run, changes: Mapping[str, Any]) -> None:
        if not FIXED.isdisjoint(changes):
            raise IllegalTransition(f"run {run.id} cannot change its {', '.join(sorted(FIXED & set(changes)))}")
        if run.id not in self._changes.born:
            self._changes.runs[run.id] = run
        _set(run, changes)

    def _open(self, record: AttemptOpened) -> None:
        attempt = record.attempt
        if attempt.number != self._newest(attempt.run_id) + 1:
            raise IllegalTransition(f"attempt {attempt.number} of run {attempt.run_id} does not follow the one before")
        key = attempt.run_id, attempt.number
        self._attempts[key] = self._changes.opened[key] = copy(attempt)
        self._last[attempt.run_id] = attempt.number

    def _note_attempt(self, noted: AttemptNoted) -> None:
        key = noted.run_id, noted.number
        attempt = self._attempts.get(key)
        if attempt is None:
            row = self._one("attempt", *key)
            if row is None:
                raise IllegalTransition(f"run {noted.run_id} has no attempt {noted.number}")
            attempt = self._attempts[key] = attempt_of(row)
        if key not in self._changes.opened:
            self._changes.attempts[key] = attempt
        _set(attempt, noted.changes)

    def _note_task(self, noted: TaskNoted) -> None:
        row = self._changes.tasks[noted.task] = self._task(noted.task)
        if row.state is None:
            row.state = TaskState(noted.task)
        _set(row.state, noted.changes)

    # ---- rows that are not in memory

    def _run(self, run_id: int) -> Run:
        run = self._runs.get(run_id)
        if run is None:
            row = self._one("run", run_id)
            if row is None:
                raise IllegalTransition(f"there is no run {run_id}")
            run = self._runs[run_id] = run_of(row)
        return run

    def _task(self, task: str) -> TaskRow:
        held = self._tasks.get(task)
        if held is None:
            row = self._one("task", task)
            last_run, slot_run, doc = row or (None, None, None)
            state = None if doc is None else TASK_STATE.load(doc, task=task)
            held = self._tasks[task] = TaskRow(task, last_run, slot_run, state)
        return held

    def _newest(self, run_id: int) -> int:
        """The number of a run's newest attempt; 0 before the first."""
        if run_id not in self._last:
            row = self._one("newest_attempt", run_id)
            self._last[run_id] = row[0] or 0
        return self._last[run_id]

    def _one(self, statement: str, *values: Any) -> Any:
        if self._connection is None:
            raise RuntimeError("no commit has begun")
        return self._connection.execute(_SQL[statement], values).fetchone()


def _set(row: Run | Attempt | TaskState, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
