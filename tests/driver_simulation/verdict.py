"""What must hold whatever happens, read from the file with plain SQL and judged by tables written for this purpose.

Nothing here knows how the product decides: the moves of a run are written out by hand, the schedules are
those of the brute-force oracle, and what really ran is what the world saw.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

_ENDS = "succeeded failed timeout crashed cancelled skipped dead"
MOVES = {
    None: "held scheduled waiting queued skipped rejected failed succeeded",
    "held": "scheduled waiting queued cancelled skipped expired failed",
    "scheduled": "waiting queued cancelled skipped expired failed",
    "waiting": "waiting queued retrying succeeded timeout cancelled skipped expired failed",
    "queued": "starting scheduled rejected cancelled skipped expired failed",
    "retrying": "starting cancelled failed timeout",
    "starting": f"running stopping retrying waiting {_ENDS}",
    "running": f"stopping retrying waiting {_ENDS}",
    "stopping": f"stopping retrying waiting {_ENDS}",
}
LIVE = {"starting", "running", "stopping"}
FINAL = {"succeeded", "failed", "timeout", "crashed", "cancelled", "skipped", "expired", "rejected", "dead"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(count: int) -> datetime:
    """An instant as it is stored."""
    return EPOCH + timedelta(microseconds=count)


class Fact(NamedTuple):
    """What a run is, and what it holds while it lives."""

    task: str
    instance: int  # of a service; 0 for a task
    locks: tuple[str, ...]
    shared: tuple[str, ...]  # limits


class Witness:
    """Looks at the file after every commit."""

    def __init__(self) -> None:
        self.states: dict[int, str] = {}
        self.facts: dict[int, Fact] = {}
        self.seen = 0  # the newest line of history
        self.reached: set[str] = set()
        self._file: sqlite3.Connection | None = None

    def open(self, path: str) -> None:
        """Look at this file from now on: nothing that was seen before may be missing in it."""
        self.close()
        self._file = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        ((newest,),) = self.ask("SELECT ifnull(max(seq), 0) FROM history")
        assert newest >= self.seen, "what was durable is gone"

    def close(self) -> None:
        """Look no more."""
        if self._file is not None:
            self._file.close()

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the file."""
        assert self._file is not None
        return self._file.execute(query, values).fetchall()

    def look(self) -> None:
        """Take in what is new, and see whether each step was allowed."""
        new = self.ask("SELECT seq, run_id, before, state, reason FROM history WHERE seq > ? ORDER BY seq", self.seen)
        for seq, run_id, before, state, reason in new:
            assert seq == self.seen + 1, "a hole in the history"
            self.seen = seq
            assert self.states.get(run_id) == before, f"run {run_id} was {self.states.get(run_id)}, not {before}"
            assert state in MOVES[before].split(), f"run {run_id} went from {before} to {state}"
            assert state not in FINAL or (reason is None) == (state == "succeeded"), (run_id, state, reason)
            self.states[run_id] = state
            self.reached |= {state, str(reason)}

    def live(self) -> Iterable[int]:
        """The runs that hold a place now."""
        return [run_id for run_id, state in self.states.items() if state in LIVE]

    def fact(self, run_id: int) -> Fact:
        """The task of a run, its locks and the limits that it shares."""
        if run_id not in self.facts:
            query = (
                "SELECT task, ifnull(runs.doc ->> 'instance', 0), d.doc"
                " FROM runs JOIN definitions d ON digest = runs.doc ->> 'definition' WHERE id = ?"
            )
            ((task, instance, doc),) = self.ask(query, run_id)
            keys = json.loads(doc)["task"]
            self.facts[run_id] = Fact(task, instance, tuple(keys.get("locks", ())), tuple(keys.get("contention", ())))
        return self.facts[run_id]

    def keeps_limits(self, most: int, by_task: Mapping[str, int] | None, few: int) -> None:
        """No more at once than may be, and no lock held twice; `by_task` is None once a reload changed the limits."""
        facts = [self.fact(run_id) for run_id in self.live()]
        copies = Counter((fact.task, fact.instance) for fact in facts if fact.instance)
        assert all(count == 1 for count in copies.values()), copies
        live = [fact for fact in facts if not fact.instance]
        assert len(live) <= most, "too much at once"
        locks = Counter(lock for fact in live for lock in fact.locks)
        assert all(count == 1 for count in locks.values()), locks
        if by_task is not None:
            tasks = Counter(fact.task for fact in live)
            assert all(count <= by_task[task] for task, count in tasks.items()), tasks
            assert sum("few" in fact.shared for fact in live) <= few, "a shared limit was exceeded"

    def may_launch(self, run_id: int, number: int, token: str) -> None:
        """An execution begins: the decision must be in the file."""
        self.look()
        rows = self.ask("SELECT token FROM attempts WHERE run_id = ? AND number = ?", run_id, number)
        assert rows == [(token,)], f"run {run_id}: an attempt was started before it was stored"
        assert self.states[run_id] in LIVE, f"run {run_id} was started although it is {self.states[run_id]}"

    def rows_of(self, task: str) -> list[tuple[datetime, datetime | None, int]]:
        """The slots of a task that have a row: first, last where it stands for several, and how many."""
        query = "SELECT slot, doc ->> 'last_slot', ifnull(doc ->> 'slots', 1) FROM runs WHERE task = ? AND slot NOTNULL"
        return [(instant(a), None if b is None else instant(b), n) for a, b, n in self.ask(query, task)]

    def judge_slots(self, task: str, due: set[datetime]) -> None:
        """Each slot ran once, or one row says why it did not."""
        rows = self.rows_of(task)
        ran = {first for first, last, _ in rows if last is None}
        covered: Counter[datetime] = Counter()
        for first, last, count in rows:
            span = {at for at in due if first <= at <= (last or first)}
            assert last is None or not span & ran, f"{task}: a row from {first} to {last} covers {span & ran}"
            assert len(span) >= count, (task, first, last, count)
            covered.update(span)
        assert covered.keys() == due, (task, sorted(due ^ covered.keys()))
        assert sum(count for *_, count in rows) == len(due), task
