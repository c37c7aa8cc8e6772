"""What should have happened, worked out by brute force; shares no code with the product.

A year is cut into half hours of real time, inside which no zone of the tests changes its offset.
Every half hour is compared with every expression, minute by minute, in local time.  The only inputs are
the tables of the tasks as the test wrote them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

HALF = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Plan:
    """A schedule in plain sets: minutes, hours, days of the month, months and ISO weekdays (1 = Monday)."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] = frozenset(range(1, 32))
    months: frozenset[int] = frozenset(range(1, 13))
    weekdays: frozenset[int] = frozenset(range(1, 8))
    interval: bool = False  # follows elapsed time: nothing extra in a gap, both passes of a fold

    def on(self, day: datetime) -> bool:
        return day.day in self.days and day.month in self.months and day.isoweekday() in self.weekdays


def halves(zone: str, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Each half hour of real time with the local time at its beginning."""
    local, made = ZoneInfo(zone), []
    at = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while at <= until:
        made.append((at, at.astimezone(local).replace(tzinfo=None)))
        at += HALF
    return made


def slots(plan: Plan, cut: list[tuple[datetime, datetime]]) -> Iterator[datetime]:
    """Every instant at which `plan` is due, in order."""
    done: set[datetime] = set()
    expected_local = cut[0][1]
    for at, local in cut:
        made = {at} if local > expected_local and left_out(plan, expected_local, local) else set()
        expected_local = local + HALF
        if local.hour in plan.hours and plan.on(local):
            made |= {at + (label - local) for label in due_labels(plan, local) if plan.interval or label not in done}
            done |= set(due_labels(plan, local))
        yield from sorted(made)


def due_labels(plan: Plan, local: datetime) -> list[datetime]:
    """The local times of one half hour that are due."""
    labels = (local + MINUTE * offset for offset in range(30))
    return [label for label in labels if label.minute in plan.minutes]


def left_out(plan: Plan, since: datetime, until: datetime) -> bool:
    """Whether a fixed plan is due at a local time that the clock jumped over."""
    if plan.interval:
        return False
    gap = (since + MINUTE * minute for minute in range(int((until - since) / MINUTE)))
    return any(plan.on(label) and label.hour in plan.hours and label.minute in plan.minutes for label in gap)


@dataclass
class Expected:
    """Which slots of a stretch ran on time, which were caught up, and which were not."""

    ran: set[datetime]
    missed: set[datetime]


def expected(due: Iterable[datetime], gaps: list[tuple[datetime, datetime]], policy: str, cap: int) -> Expected:
    """Split `due` by the gaps that nobody saw passing, and by what the policy makes of each gap."""
    due = sorted(due)
    ran, missed, position = set(due), set[datetime](), 0
    for after, until in gaps:
        first = bisect_right(due, after)
        last = bisect_right(due, until)
        inside = due[max(first, position) : last]
        position = max(position, last)
        kept = {"skip": [], "latest": inside[-1:], "all": inside[-cap:]}[policy]
        dropped = set(inside) - set(kept)
        ran -= dropped
        missed |= dropped
    return Expected(ran, missed)
