"""Calendars: whether an instant lies inside the days and windows that a calendar names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo

from polysync.domain.cron import ONE_SECOND
from polysync.domain.cronfield import shown
from polysync.domain.errors import ValueProblem
from polysync.domain.ical import BusySpan, parse_ics
from polysync.domain.settings import Calendar
from polysync.domain.zone import EARLIEST, LATEST, load_zone, stretch_at

__all__ = ["Almanac", "Openings", "almanac", "fingerprint", "parse_date", "parse_ics", "parse_window"]

LEAP_YEAR: Final = 2000  # any: it makes 29 February a date
REMEMBERED: Final = 4096  # days of which a calendar keeps its answer
ONE_DAY: Final = timedelta(days=1)
_DATE: Final = re.compile(r"(?:(\d{4})-)?(\d{2})-(\d{2})", re.ASCII)
_WINDOW: Final = re.compile(r"(\d{2}):(\d{2})-(\d{2}):(\d{2})", re.ASCII)

Window = tuple[timedelta, timedelta]


def parse_date(text: str) -> date | tuple[int, int]:
    """A date such as `2026-12-24`, or month and day of `12-25`, which is every year's."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueProblem(f"{shown(text)} is not a date", 'write it like "2026-12-24", or "12-25" for every year')
    try:
        day = date(int(found[1] or LEAP_YEAR), int(found[2]), int(found[3]))
    except ValueError:
        raise ValueProblem(
            f"{shown(text)} is not a day of any year" if not found[1] else f"{shown(text)} does not exist"
        ) from None
    return day if found[1] else (day.month, day.day)


def parse_window(text: str) -> Window:
    """Start and end of a window such as `22:00-06:00`, as times since midnight."""
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise ValueProblem(f"{shown(text)} is not a window", 'write it like "22:00-06:00"')
    hours, minutes = [int(found[1]), int(found[3])], [int(found[2]), int(found[4])]
    start, end = (timedelta(hours=hour, minutes=minute) for hour, minute in zip(hours, minutes, strict=True))
    if max(minutes) > 59 or start >= ONE_DAY or end > ONE_DAY:
        raise ValueProblem(
            f"{shown(text)} names a time that no day has", 'times go from 00:00 to 23:59, an end to "24:00"'
        )
    if start == end:
        raise ValueProblem(f"{shown(text)} has no length", 'write "00:00-24:00" for the whole day')
    return start, end


@dataclass(frozen=True, slots=True)
class Almanac:
    """One calendar in one zone, ready to be asked."""

    name: str
    zone: ZoneInfo
    dates: frozenset[date | tuple[int, int]]
    weekdays: frozenset[int]
    days: tuple[BusySpan, ...]  # events of whole days
    times: tuple[tuple[ZoneInfo, BusySpan], ...]  # events with a time, each with its clock
    windows: tuple[Window, ...]
    _answers: dict[date, bool] = field(default_factory=dict, compare=False, repr=False)

    def holds(self, at: datetime) -> bool:
        """Whether the instant lies inside it."""
        reading = _reading(self.zone, at)
        if not self.windows:
            return self._on(reading.date(), at)
        every_day = not (self.dates or self.weekdays or self.days or self.times)
        return any(every_day or self._on(day, at) for day in self._started(reading))

    def _started(self, reading: datetime) -> Iterator[date]:
        """The days on which the windows that are open at `reading` began."""
        today = reading.date()
        time = timedelta(hours=reading.hour, minutes=reading.minute, seconds=reading.second)
        for start, end in self.windows:
            if start < end:
                if start <= time < end:
                    yield today
            elif time >= start:
                yield today
            elif time < end:
                yield today - ONE_DAY

    def _on(self, day: date, at: datetime) -> bool:
        known = self._answers.get(day)
        if known is None:
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            known = self._answers[day] = self._whole(day)
        return known or any(span.holds(_reading(zone, at)) for zone, span in self.times)

    def _whole(self, day: date) -> bool:
        if day in self.dates or (day.month, day.day) in self.dates or day.weekday() in self.weekdays:
            return True
        midnight = datetime(day.year, day.month, day.day, tzinfo=EARLIEST.tzinfo)
        return any(span.holds(midnight) for span in self.days)


@dataclass(frozen=True, slots=True)
class Openings:
    """When a task may run: inside one of `only_on`, where there are any, and in none of `skip_on`."""

    only_on: tuple[Almanac, ...] = ()
    skip_on: tuple[Almanac, ...] = ()

    def left_out(self, at: datetime) -> str:
        """Why the task may not run at `at`, in words; empty where it may."""
        if self.only_on and not any(calendar.holds(at) for calendar in self.only_on):
            return "not in calendar " + ", ".join(calendar.name for calendar in self.only_on)
        return next((f"in calendar {calendar.name}" for calendar in self.skip_on if calendar.holds(at)), "")


def almanac(calendar: Calendar, zone: str) -> Almanac:
    """`calendar` made ready; `zone` is the task's, for a calendar without one of its own."""
    return _almanac(_Same(calendar), calendar.timezone or zone)


def fingerprint(calendar: Calendar) -> str:
    """A short word that is the same exactly as long as the calendar is."""
    return _fingerprint(_Same(calendar))


class _Same:
    """A calendar as a key: the same object, because hashing thousands of events costs too much for each task."""

    __slots__ = ("calendar",)

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar

    def __hash__(self) -> int:
        return id(self.calendar)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.calendar is self.calendar


@lru_cache(maxsize=256)
def _fingerprint(same: _Same) -> str:
    return sha256(repr(same.calendar).encode()).hexdigest()


@lru_cache(maxsize=256)
def _almanac(same: _Same, zone: str) -> Almanac:
    calendar, clock = same.calendar, load_zone(zone)
    timed = [span for span in calendar.events if not span.whole_days]
    return Almanac(
        calendar.name,
        clock,
        frozenset(parse_date(text) for text in calendar.dates),
        frozenset(calendar.weekdays),
        tuple(span for span in calendar.events if span.whole_days),
        tuple((clock if span.zone is None else load_zone(span.zone), span) for span in timed),
        tuple(parse_window(text) for text in calendar.windows),
    )


def _reading(zone: ZoneInfo, at: datetime) -> datetime:
    inside = min(max(at, EARLIEST), LATEST - ONE_SECOND)
    return inside + stretch_at(zone, inside).offset
