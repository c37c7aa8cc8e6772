"""Which runs are open, and how many stand where: counted from what is committed, never from what is hoped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from polysync.domain.effects import Record, RunArchived, RunCreated, RunMoved, RunNoted
from polysync.domain.rows import Run
from polysync.domain.run import FINAL, LIVE, State

NOBODY: Final = frozenset[int]()


def runs_of(records: Iterable[Record]) -> frozenset[int]:
    """The runs that these records are about."""
    about = {record.run_id for record in records if isinstance(record, RunMoved | RunNoted | RunArchived)}
    return frozenset(about.union(record.run.id for record in records if isinstance(record, RunCreated)))


class Tally:
    """The state of every open run."""

    def __init__(self) -> None:
        self._states: dict[int, State] = {}
        self._counts: Counter[State] = Counter()

    def __contains__(self, run_id: int) -> bool:
        return run_id in self._states

    @property
    def live(self) -> int:
        """How many attempts are under way."""
        return sum(self._counts[state] for state in LIVE)

    def counts(self) -> dict[str, int]:
        """How many runs stand in each state that any stands in."""
        return {state.value: count for state, count in self._counts.items() if count}

    def begin(self, runs: Iterable[Run]) -> None:
        """Count anew, from the stored rows."""
        self._states = {run.id: run.state for run in runs}
        self._counts = Counter(self._states.values())

    def add(self, records: Iterable[Record]) -> list[int]:
        """Count what was committed; the runs that it ended are returned."""
        over = []
        for record in records:
            if type(record) is RunMoved:
                self._move(record.run_id, record.state)
                if record.state in FINAL:
                    over.append(record.run_id)
            elif type(record) is RunCreated:
                self._move(record.run.id, record.run.state)
        return over

    def _move(self, run_id: int, state: State) -> None:
        before = self._states.pop(run_id, None)
        if before is not None:
            self._counts[before] -= 1
        if state not in FINAL:
            self._states[run_id] = state
            self._counts[state] += 1
