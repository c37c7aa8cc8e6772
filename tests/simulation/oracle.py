"""What should have happened, worked out by brute force; shares no code with the product.

A year is cut into quarter hours of real time, inside which no zone of the tests changes its offset.
Every quarter is compared with every expression, minute by minute, in local time.  The only inputs are
the tables of the tasks as the test wrote them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

QUARTER = timedelta(minutes=15)
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


def quarters(zone: str, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Each quarter hour of real time with the local time at its beginning."""
    local, made = ZoneInfo(zone), []
    at = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while at <= until:
        made.append((at, at.astimezone(local).replace(tzinfo=None)))
        at += QUARTER
    return made


def slots(plan: Plan, cut: list[tuple[datetime, datetime]]) -> Iterator[datetime]:
    """Every instant at which `plan` is due, in order."""
    done: set[datetime] = set()
    expected_local = cut[0][1]
    for at, local in cut:
        made: set[datetime] = set()
        if local > expected_local and not plan.interval:
            gap = (expected_local + MINUTE * n for n in range(int((local - expected_local) / MINUTE)))
            if any(plan.on(label) and label.hour in plan.hours and label.minute in plan.minutes for label in gap):
                made.add(at)
        expected_local = local + QUARTER
        if local.hour in plan.hours and plan.on(local):
            for offset in range(15):
                label = local + MINUTE * offset
                if label.minute in plan.minutes and (plan.interval or label not in done):
                    done.add(label)
                    made.add(at + MINUTE * offset)
        yield from sorted(made)


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
