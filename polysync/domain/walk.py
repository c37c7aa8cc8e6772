"""One expression in one zone: the instants at which it fires, over every clock change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from polysync.domain.cron import ONE_SECOND, Cron, Every
from polysync.domain.values import Fold, Gap
from polysync.domain.zone import EARLIEST, EPOCH, LATEST, NEAR, Stretch, stretch_at

SHOWN: Final = 10  # local times that a slot spells out where a gap gathers more


@dataclass(frozen=True, slots=True)
class Reading:
    """One local time that an instant stands for, and what the clock did to it."""

    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """The firings of one cron expression; `gap` and `fold` are settled, not `auto`."""

    cron: Cron
    zone: ZoneInfo
    gap: Gap
    fold: Fold

    def next_at(self, after: datetime) -> datetime | None:
        """The first firing after `after`."""
        return self._from(_following(after))

    def instants(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The firings after `after`, up to and with `until`."""
        at, bound = _following(after), min(_following(until), LATEST)
        while at < bound:
            stretch = stretch_at(self.zone, at)
            first, last = self._readings(stretch, at)
            if at == stretch.start and self.gathered(stretch) is not None:
                yield at
                first += ONE_SECOND
            yield from self.cron.between(first, min(last, bound + stretch.offset), stretch.offset)
            at = stretch.end

    def readings(self, at: datetime) -> list[Reading]:
        """The local times that a firing at `at` stands for; none where it does not fire then."""
        if at.microsecond or not EARLIEST <= at < LATEST:
            return []
        stretch = stretch_at(self.zone, at)
        found = self._left_out(stretch) if at == stretch.start else []
        first, last = self._readings(stretch, at)
        reading = at + stretch.offset
        if first == reading < last and self.cron.from_reading(reading) == reading:
            found.append(Reading(reading, _pass(stretch, reading)))
        return found

    def firings(self, reading: datetime) -> list[datetime]:
        """The instants at which this local time fires, if it is one of those that do."""
        found, stretch = [], stretch_at(self.zone, reading - NEAR)
        while stretch.start <= reading + NEAR:
            first, last = self._readings(stretch, stretch.start)
            if first <= reading < last:
                found.append(reading - stretch.offset)
            elif self._skips(stretch, reading):
                found.append(stretch.start)
            stretch = stretch_at(self.zone, stretch.end)
        return found

    def gathered(self, stretch: Stretch) -> datetime | None:
        """The first of the local times before `stretch` that fire at its start, because a gap leaves them out."""
        if stretch.gap_from is None or self.gap is Gap.SKIP:
            return None
        left_out = self.cron.from_reading(stretch.gap_from)
        return left_out if left_out is not None and left_out < stretch.opens else None

    def _skips(self, stretch: Stretch, reading: datetime) -> bool:
        """Whether the gap before `stretch` leaves out `reading`, and gathers it at its end."""
        return self.gap is Gap.AFTER and stretch.gap_from is not None and stretch.gap_from <= reading < stretch.opens

    def _from(self, at: datetime) -> datetime | None:
        while at < LATEST:
            stretch = stretch_at(self.zone, at)
            if at == stretch.start and self.gathered(stretch) is not None:
                return at
            first, last = self._readings(stretch, at)
            reading = self.cron.from_reading(first)
            if reading is None:
                return None
            if reading < last:
                return reading - stretch.offset
            # Where the clock goes back at its end, local times come again that lie before the one that was looked from.
            folds = stretch.again_from < stretch.closes
            at = stretch.end if folds else max(stretch.end, reading - stretch.offset - NEAR)
        return None

    def _readings(self, stretch: Stretch, at: datetime) -> tuple[datetime, datetime]:
        """The readings, from the first to before the last, that fire in `stretch` from `at` on."""
        first = at + stretch.offset
        if self.fold is Fold.FIRST and first < stretch.fresh_from:
            first = stretch.fresh_from
        return first, stretch.again_from if self.fold is Fold.SECOND else stretch.closes

    def _left_out(self, stretch: Stretch) -> list[Reading]:
        first = self.gathered(stretch)
        if first is None:
            return []
        left_out = list(self.cron.between(first, stretch.opens, timedelta(0)))
        shown = left_out if len(left_out) <= SHOWN else [left_out[0], left_out[-1]]
        more = f" (one firing for {len(left_out)} local times)" if len(left_out) > SHOWN else ""
        return [Reading(at, f"gap {_clock(at)} -> {_clock(stretch.opens)}{more}") for at in shown]


@dataclass(frozen=True, slots=True)
class Beat:
    """The firings of `@every`: elapsed time from an anchor, without regard to any clock."""

    every: Every
    zone: ZoneInfo
    anchor: datetime = EPOCH

    def next_at(self, after: datetime) -> datetime | None:
        """The first firing after `after`."""
        count = max((after - self.anchor) // self.every.period + 1, 1)
        if LATEST - self.anchor < self.every.period * count:
            return None
        return self.anchor + self.every.period * count

    def instants(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The firings after `after`, up to and with `until`."""
        at = self.next_at(after)
        while at is not None and at <= until:
            yield at
            at = at + self.every.period if at < LATEST - self.every.period else None

    def readings(self, at: datetime) -> list[Reading]:
        """The local time at `at`; none where it does not fire then."""
        if not self.anchor < at < LATEST or (at - self.anchor) % self.every.period:
            return []
        stretch = stretch_at(self.zone, at)
        return [Reading(at + stretch.offset, _pass(stretch, at + stretch.offset))]


def _following(at: datetime) -> datetime:
    """The first whole second after `at`, within the years that can be reckoned with."""
    if at >= LATEST:
        return LATEST
    if at < EARLIEST:
        return EARLIEST
    return (at.replace(microsecond=0) if at.microsecond else at) + ONE_SECOND


def _pass(stretch: Stretch, reading: datetime) -> str:
    if reading < stretch.fresh_from:
        return "second pass"
    return "first pass" if reading >= stretch.again_from else ""


def _clock(reading: datetime) -> str:
    return f"{reading:%H:%M:%S}" if reading.second else f"{reading:%H:%M}"
