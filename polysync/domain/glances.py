"""Runs at a glance: what lists and summaries need of many of them, and nothing more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from polysync.domain.run import Reason, State
from polysync.domain.values import Trigger

BAD: Final = frozenset({State.FAILED, State.TIMEOUT, State.CRASHED, State.DEAD})
RAN: Final = BAD | {State.SUCCEEDED}  # to an end of their own


class Glance(NamedTuple):
    """A run as a row of a list shows it."""

    id: int
    task: str
    state: State
    reason: Reason | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    trigger: Trigger
    priority: int


class Past(NamedTuple):
    """What there was of a task: its newest run, and how the last ones ended, oldest first."""

    last: Glance | None = None
    outcomes: Sequence[tuple[int, State]] = ()


class Ending(NamedTuple):
    """How a run stands, and how long it took; one row may stand for several slots that did not run."""

    state: State
    started_at: datetime | None
    ended_at: datetime | None
    slots: int = 1


class Statistics(NamedTuple):
    """Many runs of a task in a few numbers."""

    counts: Mapping[State, int]
    success_rate: float | None  # of those that ran to an end of their own
    median: timedelta | None
    slow: timedelta | None  # 95 of 100 took no longer
    longest: timedelta | None


def statistics(endings: Iterable[Ending]) -> Statistics:
    """The numbers of these runs; how long something took counts where it ran to an end of its own."""
    counts: Counter[State] = Counter()
    lengths = []
    for one in endings:
        counts[one.state] += one.slots
        if one.state in RAN and one.started_at is not None and one.ended_at is not None:
            lengths.append(one.ended_at - one.started_at)
    lengths.sort()
    ran = sum(counts[state] for state in RAN)
    rate = counts[State.SUCCEEDED] / ran if ran else None
    by_state = {state: counts[state] for state in State if counts[state]}
    return Statistics(by_state, rate, _rank(lengths, 50), _rank(lengths, 95), lengths[-1] if lengths else None)


def _rank(lengths: Sequence[timedelta], percent: int) -> timedelta | None:
    """The shortest of them that so many of a hundred do not pass."""
    return lengths[max(0, -(-len(lengths) * percent // 100) - 1)] if lengths else None
