"""Slots that move: where a calendar leaves a day out, to the same local time of the nearest day that it allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from polysync.domain.calendar import Openings
from polysync.domain.dayrule import ONE_DAY
from polysync.domain.values import Roll
from polysync.domain.walk import Reading, Walk
from polysync.domain.zone import EARLIEST, LATEST

FARTHEST: Final = 366  # days a slot may move
REACH: Final = ONE_DAY * (FARTHEST + 3)
REMEMBERED: Final = 64  # days whose firings are kept; and so many local times of each


@dataclass(frozen=True, slots=True)
class Landing:
    """An instant that fires, and the instant that it was moved from, if it was."""

    at: datetime
    origin: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rolled:
    """The firings of one expression, moved where its calendars say so."""

    walk: Walk
    openings: Openings
    roll: Roll
    _days: dict[date, tuple[Landing, ...]] = field(default_factory=dict, compare=False, repr=False)
    _open: dict[datetime, tuple[datetime, ...]] = field(default_factory=dict, compare=False, repr=False)

    def next_at(self, after: datetime) -> datetime | None:
        """The first firing after `after`."""
        return next(self.instants(after, LATEST), None)

    def instants(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The firings after `after`, up to and with `until`."""
        last = min(until, LATEST - ONE_DAY)
        start = self._first_day(after)
        while start is not None and start <= last:
            found = list(self._within(start, start + ONE_DAY))
            yield from (landing.at for landing in found if after < landing.at <= until)
            start = start + ONE_DAY if found else self._first_day(start + ONE_DAY)

    def landing(self, at: datetime) -> Landing | None:
        """What fires at `at`, if anything."""
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        found = self._within(midnight, midnight + ONE_DAY) if EARLIEST + REACH < at < LATEST - REACH else ()
        return next((landing for landing in found if landing.at == at), None)

    def readings(self, at: datetime) -> list[Reading]:
        """The local times that a firing at `at` stands for; none where it does not fire then."""
        landing = self.landing(at)
        if landing is None:
            return []
        return self.walk.readings(at) or self.walk.readings(landing.origin or at)

    def _first_day(self, after: datetime) -> datetime | None:
        """The start of a UTC day before which nothing fires after `after`."""
        low = min(max(after, EARLIEST + REACH), LATEST)
        regular = self.walk.next_at(low - REACH if self.roll is Roll.NEXT else low - 3 * ONE_DAY)
        if regular is None:
            return None
        first = max(low, regular - (3 * ONE_DAY if self.roll is Roll.NEXT else REACH))
        return first.replace(hour=0, minute=0, second=0, microsecond=0)

    def _within(self, start: datetime, end: datetime) -> tuple[Landing, ...]:
        """What fires in one UTC day, in order, each instant once; a slot of its own goes before one that moved."""
        found: dict[datetime, Landing] = {}
        for days in range(-2, 3):
            for landing in self._of_day((start + days * ONE_DAY).date()):
                if start <= landing.at < end and (landing.origin is None or landing.at not in found):
                    found[landing.at] = landing
        return tuple(found[at] for at in sorted(found))

    def _of_day(self, day: date) -> tuple[Landing, ...]:
        known = self._days.get(day)
        if known is None:
            if len(self._days) >= REMEMBERED:
                self._days.clear()
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            times = self.walk.cron.times()
            known = self._days[day] = tuple(landing for time in times for landing in self._at(midnight + time))
        return known

    def _at(self, reading: datetime) -> Iterator[Landing]:
        """What fires by the local time `reading`: its own slot, one that moved here, or nothing."""
        if self.walk.cron.days.matches(reading.date()):
            if self._allowed(reading) or self._target(reading) is None:
                yield from (Landing(at) for at in self.walk.firings(reading))
            return
        origin = self._origin(reading)
        if origin is not None:
            yield from (Landing(at, origin) for at in self._allowed(reading))

    def _target(self, reading: datetime) -> datetime | None:
        step = ONE_DAY if self.roll is Roll.NEXT else -ONE_DAY
        return next((day for day in _steps(reading, step) if self._allowed(day)), None)

    def _origin(self, reading: datetime) -> datetime | None:
        """The instant of the nearest slot that moves to `reading`."""
        step = -ONE_DAY if self.roll is Roll.NEXT else ONE_DAY
        for day in _steps(reading, step) if self._allowed(reading) else ():
            if self._allowed(day):
                return None
            if self.walk.cron.days.matches(day.date()):
                firings = self.walk.firings(day)
                if firings:
                    return firings[0]
        return None

    def _allowed(self, reading: datetime) -> tuple[datetime, ...]:
        """The instants of a local time at which the calendars let it run."""
        known = self._open.get(reading)
        if known is None:
            if len(self._open) >= REMEMBERED * 128:
                self._open.clear()
            firings = self.walk.firings(reading)
            known = self._open[reading] = tuple(at for at in firings if not self.openings.left_out(at))
        return known


def _steps(reading: datetime, step: timedelta) -> Iterator[datetime]:
    return (reading + step * days for days in range(1, FARTHEST + 1))
