"""Which of the slots that passed unseen still run, and how the others are accounted for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from polysync.domain.run import Reason
from polysync.domain.values import Catchup


@dataclass(frozen=True, slots=True)
class Range:
    """Consecutive slots that did not run, and the one reason for it."""

    reason: Reason
    first: datetime
    last: datetime
    count: int
    fresh: bool = True  # a slot that would have run lies between it and the range before


@dataclass(frozen=True, slots=True)
class Selection:
    """What becomes of the slots of one gap: those that run, oldest first, and the ranges that do not."""

    run: tuple[datetime, ...]
    dropped: tuple[Range, ...]


def select(
    missed: Iterable[datetime],
    policy: Catchup,
    max_runs: int,
    now: datetime,
    start_deadline: timedelta | None,
) -> Selection:
    """Choose among `missed` slots, given in rising order, which may be many more than fit in memory.

    Under every policy a slot that is later than `start_deadline` is dropped for that; of the rest the
    newest run, as many as the policy allows, and the older ones are one range of missed slots.
    """
    sieve = Sieve(policy, max_runs, now, start_deadline)
    for slot in missed:
        sieve.add(slot)
    return sieve.chosen()


class Sieve:
    """The choice among missed slots, one slot at a time, and beside it those that nothing would have run."""

    __slots__ = ("_keep", "_kept", "_late", "_oldest", "_passed", "_ran", "_ranges")

    def __init__(self, policy: Catchup, max_runs: int, now: datetime, start_deadline: timedelta | None) -> None:
        self._keep = {Catchup.SKIP: 0, Catchup.LATEST: 1, Catchup.ALL: max_runs}[policy]
        self._oldest = datetime.min.replace(tzinfo=now.tzinfo) if start_deadline is None else now - start_deadline
        self._late, self._passed = _Growing(Reason.DEADLINE), _Growing(Reason.MISSED)
        self._kept: deque[datetime] = deque()
        self._ranges: list[_Growing] = []
        self._ran = False

    def add(self, slot: datetime) -> None:
        """A slot that would have run."""
        self._ran = True
        if slot < self._oldest:
            self._late.add(slot)
            return
        self._kept.append(slot)
        if len(self._kept) > self._keep:
            self._passed.add(self._kept.popleft())

    def leave(self, slot: datetime, reason: Reason) -> None:
        """A slot that would not have run whatever else happened."""
        if self._ran or not self._ranges or self._ranges[-1].reason is not reason:
            self._ranges.append(_Growing(reason, fresh=self._ran))
        self._ranges[-1].add(slot)
        self._ran = False

    def chosen(self) -> Selection:
        """What becomes of the slots that would have run."""
        return Selection(tuple(self._kept), (*self._late.done(), *self._passed.done()))

    def left(self) -> tuple[Range, ...]:
        """The ranges of those that would not have, each between two slots that would."""
        return tuple(made for growing in self._ranges for made in growing.done())


class _Growing:
    """A range under construction."""

    __slots__ = ("count", "first", "fresh", "last", "reason")

    def __init__(self, reason: Reason, *, fresh: bool = True) -> None:
        self.reason = reason
        self.fresh = fresh
        self.count = 0
        self.first: datetime | None = None
        self.last: datetime | None = None

    def add(self, slot: datetime) -> None:
        if self.first is None:
            self.first = slot
        self.last = slot
        self.count += 1

    def done(self) -> tuple[Range, ...]:
        if self.first is None or self.last is None:
            return ()
        return (Range(self.reason, self.first, self.last, self.count, self.fresh),)
