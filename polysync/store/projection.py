"""The rows that are being changed, in memory: records are applied here, and each row is written once per commit.

It holds the open runs and their newest attempts, and whatever else a commit touches for as long as that
takes; what it does not hold it reads.  After a rollback all of it is forgotten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from polysync.domain.effects import (
    AttemptNoted,
    AttemptOpened,
    Record,
    RunArchived,
    RunCreated,
    RunMoved,
    RunNoted,
    TaskNoted,
)
from polysync.domain.errors import DoubleFiring, IllegalTransition
from polysync.domain.run import FINAL, TABLE
from polysync.store.codec import micros, text_of
from polysync.store.lines import MOVED, NOTED, Line
from polysync.store.rows import ATTEMPT, FIXED, RUN, RUN_FIELDS, TASK
from polysync.store.sql import statements

_SQL: Final = statements("journal")
_REACHED: Final = {state: frozenset(moves.values()) for state, moves in TABLE.items()}
_ENDS: Final = frozenset(state.value for state in FINAL)
_STATE: Final = list(RUN_FIELDS).index("state")
HELD: Final = 4_000  # rows of one kind that stay in memory: whoever has more of them reads some again
CALM: Final = 16  # rows in one commit: as long as more are changed, those of a burst stay, which soon touches them
Key = tuple[int, int]  # run and number of an attempt


@dataclass(slots=True)
class Changes:
    """What is changed, and not yet written."""

    born: dict[int, Line] = field(default_factory=dict)
    runs: dict[int, Line] = field(default_factory=dict)
    opened: dict[Key, Line] = field(default_factory=dict)
    attempts: dict[Key, Line] = field(default_factory=dict)
    tasks: dict[str, Line] = field(default_factory=dict)
    history: list[tuple[Any, ...]] = field(default_factory=list)
    audit: list[tuple[Any, ...]] = field(default_factory=list)
    definitions: list[tuple[Any, ...]] = field(default_factory=list)


class Projection:
    """Applies records to rows, and keeps the laws of both."""

    def __init__(self) -> None:
        self._runs: dict[int, Line] = {}
        self._attempts: dict[Key, Line] = {}
        self._last: dict[int, int] = {}  # the number of the newest attempt, by run
        self._tasks: dict[str, Line] = {}
        self._connection: sqlite3.Connection | None = None
        self._changes = Changes()
        self.kinds: Final[Mapping[type[Record], Callable[[Any], None]]] = {
            RunCreated: self._create,
            RunMoved: self._move,
            RunNoted: self._note_run,
            RunArchived: self._archive,
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
            run.touched = NOTED
            if run.columns[_STATE] in _ENDS:
                self._runs.pop(number, None)
                self._last.pop(number, None)
        for run_id, number in (*changes.opened, *changes.attempts):
            if number != self._last.get(run_id):
                self._attempts.pop((run_id, number), None)
            self._attempts.pop((run_id, number - 1), None)
        for kept in (self._runs, self._last, self._attempts):
            if len(kept) > HELD:
                kept.clear()
        if len(self._tasks) > HELD and len(changes.tasks) <= CALM:
            self._tasks.clear()

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
        run = record.run
        if run.id in self._runs:
            raise DoubleFiring(f"run {run.id} exists already")
        if run.state not in _REACHED[None]:
            raise IllegalTransition(f"run {run.id} cannot begin as {run.state}")
        self._runs[run.id] = self._changes.born[run.id] = line = RUN.new(run)
        self._last[run.id] = 0
        task = self._changes.tasks[run.task] = self._task(run.task)
        task.columns[1] = run.id
        if run.scheduled_for is not None:
            task.columns[2] = run.id
        reason = None if run.end_reason is None else run.end_reason.value
        values = (run.id, micros(run.created_at), None, line.columns[_STATE], reason, text_of(run.actor))
        self._changes.history.append(values)

    def _move(self, moved: RunMoved) -> None:
        run = self._run(moved.run_id)
        before, state = moved.before.value, moved.state.value
        if run.columns[_STATE] != before or moved.state not in _REACHED[moved.before]:
            raise IllegalTransition(f"run {moved.run_id} cannot go from {run.columns[_STATE]} to {state}")
        self._change_run(moved.run_id, run, moved.changes)
        run.columns[_STATE] = state
        run.touched |= MOVED
        reason = None if moved.reason is None else moved.reason.value
        values = (moved.run_id, micros(moved.at), before, state, reason, text_of(moved.actor))
        self._changes.history.append(values)

    def _note_run(self, noted: RunNoted) -> None:
        self._change_run(noted.run_id, self._run(noted.run_id), noted.changes)

    def _archive(self, archived: RunArchived) -> None:
        """Nobody holds on to a run that is over: it may have been removed since it was seen."""
        if archived.run_id in self._runs or self._one("run", archived.run_id) is not None:
            self._change_run(archived.run_id, self._run(archived.run_id), {"archived_at": archived.at})

    def _change_run(self, run_id: int, run: Line, changes: Mapping[str, Any]) -> None:
        if not FIXED.isdisjoint(changes):
            raise IllegalTransition(f"run {run_id} cannot change its {', '.join(sorted(FIXED & set(changes)))}")
        if run_id not in self._changes.born:
            self._changes.runs[run_id] = run
        RUN.change(run, changes)

    def _open(self, record: AttemptOpened) -> None:
        attempt = record.attempt
        if attempt.number != self._newest(attempt.run_id) + 1:
            raise IllegalTransition(f"attempt {attempt.number} of run {attempt.run_id} does not follow the one before")
        key = attempt.run_id, attempt.number
        self._attempts[key] = self._changes.opened[key] = ATTEMPT.new(attempt)
        self._last[attempt.run_id] = attempt.number

    def _note_attempt(self, noted: AttemptNoted) -> None:
        key = noted.run_id, noted.number
        attempt = self._attempts.get(key)
        if attempt is None:
            row = self._one("attempt", *key)
            if row is None:
                raise IllegalTransition(f"run {noted.run_id} has no attempt {noted.number}")
            attempt = self._attempts[key] = ATTEMPT.line(row)
        if key not in self._changes.opened:
            self._changes.attempts[key] = attempt
        ATTEMPT.change(attempt, noted.changes)

    def _note_task(self, noted: TaskNoted) -> None:
        row = self._changes.tasks[noted.task] = self._task(noted.task)
        TASK.change(row, noted.changes)

    # ---- rows that are not in memory

    def _run(self, run_id: int) -> Line:
        run = self._runs.get(run_id)
        if run is None:
            row = self._one("run", run_id)
            if row is None:
                raise IllegalTransition(f"there is no run {run_id}")
            run = self._runs[run_id] = RUN.line(row)
        return run

    def _task(self, task: str) -> Line:
        held = self._tasks.get(task)
        if held is None:
            row = self._one("task", task)
            held = self._tasks[task] = Line([task, None, None], None) if row is None else TASK.line(row)
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
