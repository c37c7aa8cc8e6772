"""What is counted of runs since the daemon is there: only ever upwards, and by what occurred.

There is one number for each task, state and reason that occurred together, and two for each task that ran: a
configuration of any size costs what it does, and no more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from polysync.domain.effects import AttemptNoted, Record, RunCreated, RunMoved
from polysync.domain.engine import Engine
from polysync.domain.rows import Run
from polysync.domain.run import FINAL, State
from polysync.domain.values import Trigger

MOST: Final = 20_000  # tasks that are counted apart: far more than a box has, unless names are made up all the time
OTHERS: Final = "(others)"
LENGTHS: Final = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
DELAYS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0)
ZERO: Final = timedelta(0)
_STARTING, _RETRYING, _CRON = State.STARTING, State.RETRYING, Trigger.CRON.value


class Histogram:
    """How often a value was at most so large."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  # each without those below it
        self.total = 0.0

    def add(self, length: timedelta) -> None:
        """Count a length of time; a clock that was set back makes it nothing."""
        value = max(length, ZERO).total_seconds()
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Counts:
    """Counts what was stored."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine  # of this moment
        self.created: dict[str, int] = {}  # by trigger
        self.ended: dict[tuple[str, str, str], int] = {}  # by task, state and reason
        self.took: dict[str, list[Any]] = {}  # by task: how many ran, and the seconds of all together
        self.retries = 0
        self.log_bytes = 0
        self.log_dropped = 0
        self.durations = Histogram(LENGTHS)
        self.lateness = Histogram(DELAYS)
        self.waits = Histogram(DELAYS)
        self._tasks: set[str] = set()

    def settled(self, records: Sequence[Record], over: Sequence[Run]) -> None:
        """Count what is stored now; `over` are the runs that ended by it."""
        for record in records:
            kind = type(record)
            if kind is RunMoved:
                self._moved(record, over)  # type: ignore[arg-type]  # asked by type, not by isinstance: this is hot
            elif kind is RunCreated:
                self._created(record.run)  # type: ignore[union-attr]  # likewise
            elif kind is AttemptNoted and "log_bytes" in record.changes:  # type: ignore[union-attr]  # likewise
                self._written(record.changes)  # type: ignore[union-attr]  # likewise
        for run in over:
            self._ended(run)

    def _created(self, run: Run) -> None:
        trigger = run.trigger.value
        self.created[trigger] = self.created.get(trigger, 0) + 1
        if run.state in FINAL:
            self._ended(run)
        elif trigger == _CRON and run.scheduled_for is not None:
            self.lateness.add(run.created_at - run.scheduled_for)

    def _moved(self, moved: RunMoved, over: Sequence[Run]) -> None:
        state = moved.state
        if state is _STARTING and "started_at" in moved.changes:
            run = self._engine().run(moved.run_id) or next((run for run in over if run.id == moved.run_id), None)
            if run is not None:
                self.waits.add(moved.at - run.available_at)
        elif state is _RETRYING:
            self.retries += 1

    def _ended(self, run: Run) -> None:
        task = self._named(run.task)
        key = task, run.state.value, run.end_reason.value if run.end_reason is not None else ""
        self.ended[key] = self.ended.get(key, 0) + 1
        if run.started_at is not None and run.ended_at is not None:
            length = run.ended_at - run.started_at
            self.durations.add(length)
            took = self.took.setdefault(task, [0, 0.0])
            took[0] += 1
            took[1] += max(length, ZERO).total_seconds()

    def _written(self, told: Any) -> None:
        self.log_bytes += told["log_bytes"]
        self.log_dropped += told.get("log_dropped", 0)

    def _named(self, task: str) -> str:
        if task not in self._tasks and len(self._tasks) >= MOST:
            return OTHERS
        self._tasks.add(task)
        return task
