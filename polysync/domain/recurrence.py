"""Recurrence rules of iCalendar (RFC 5545): whether an event that began on one day comes again on another."""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule, counted out: COUNT has become `until`."""

    frequency: str
    interval: int = 1
    until: datetime | None = None  # the last reading at which an event may begin
    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()  # negative ones count from the end of the month
    weekdays: frozenset[tuple[int, int]] = frozenset()  # (which one, weekday); 0: each, negative: from the end
    week_start: int = 0

    def begins(self, start: date, day: date) -> bool:
        """Whether an event that first begins on `start` begins on `day` too; `until` is the caller's matter."""
        if day <= start:
            return day == start
        return PERIODS[self.frequency](self, start, day) % self.interval == 0 and self._fits(start, day)

    def _fits(self, start: date, day: date) -> bool:
        if self.months and day.month not in self.months:
            return False
        if self.month_days and not self._in_month_days(day):
            return False
        if self.weekdays:
            return any(weekday == day.weekday() and self._counts(which, day) for which, weekday in self.weekdays)
        return bool(self.month_days) or self._as_start(start, day)

    def _in_month_days(self, day: date) -> bool:
        length = monthrange(day.year, day.month)[1]
        return day.day in self.month_days or day.day - length - 1 in self.month_days

    def _counts(self, which: int, day: date) -> bool:
        if which == 0:
            return True
        if self.frequency == "YEARLY" and not self.months:
            place, length = day.timetuple().tm_yday, 365 + isleap(day.year)
        else:
            place, length = day.day, monthrange(day.year, day.month)[1]
        return which in ((place - 1) // 7 + 1, -((length - place) // 7 + 1))

    def _as_start(self, start: date, day: date) -> bool:
        """What the first day says where the rule names no days."""
        if self.frequency == "DAILY":
            return True
        if self.frequency == "WEEKLY":
            return day.weekday() == start.weekday()
        same_month = self.frequency == "MONTHLY" or bool(self.months) or day.month == start.month
        return day.day == start.day and same_month


def _days(_rule: Recurrence, start: date, day: date) -> int:
    return (day - start).days


def _weeks(rule: Recurrence, start: date, day: date) -> int:
    into_week = (start.weekday() - rule.week_start) % 7
    return ((day - start).days + into_week) // 7


def _months(_rule: Recurrence, start: date, day: date) -> int:
    return (day.year - start.year) * 12 + day.month - start.month


def _years(_rule: Recurrence, start: date, day: date) -> int:
    return day.year - start.year


PERIODS: Final[Mapping[str, Callable[[Recurrence, date, date], int]]] = {
    "DAILY": _days,
    "WEEKLY": _weeks,
    "MONTHLY": _months,
    "YEARLY": _years,
}
