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
    keep = {Catchup.SKIP: 0, Catchup.LATEST: 1, Catchup.ALL: max_runs}[policy]
    oldest = datetime.min.replace(tzinfo=now.tzinfo) if start_deadline is None else now - start_deadline
    late, passed = _Growing(Reason.DEADLINE), _Growing(Reason.MISSED)
    kept: deque[datetime] = deque()
    for slot in missed:
        if slot < oldest:
            late.add(slot)
            continue
        kept.append(slot)
        if len(kept) > keep:
            passed.add(kept.popleft())
    return Selection(tuple(kept), (*late.done(), *passed.done()))


class _Growing:
    """A range under construction."""

    __slots__ = ("count", "first", "last", "reason")

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
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
        return (Range(self.reason, self.first, self.last, self.count),)
