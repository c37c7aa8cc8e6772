"""Time zones as stretches of constant offset, found by looking at the zone's own answers.

A reading is a local clock reading, kept as though it were UTC: reading = instant + offset.
The zone is asked once a day and a change is then narrowed down to its second. The shortest time between
two changes in the whole zone database is four days, so none is stepped over.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from polysync.domain.errors import ValueProblem

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
BLOCK: Final = timedelta(days=64)
EARLIEST: Final = EPOCH - 11_235 * BLOCK  # year 1 and year 9999: a block from both ends of the calendar,
LATEST: Final = EPOCH + 45_825 * BLOCK  # so that no sum overflows
LOOK: Final = timedelta(days=1)
NEAR: Final = timedelta(days=3)  # longer than any shift: what repeats or leaves out a reading lies within it
SECOND: Final = timedelta(seconds=1)
NAME: Final = re.compile(r"[A-Za-z0-9_+-]{1,40}(?:/[A-Za-z0-9_+-]{1,40}){0,2}", re.ASCII)
OTHER_CLOCKS: Final = ("posix/", "right/", "localtime")  # copies, leap-second clocks, and whatever the host has


@dataclass(frozen=True, slots=True)
class Change:
    """An instant at which a zone's offset changes."""

    at: datetime
    before: timedelta
    after: timedelta


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time of constant offset, from `start` to before `end`, and what clock changes do to its readings."""

    start: datetime
    end: datetime
    offset: timedelta
    gap_from: datetime | None  # readings from here to the first of the stretch were left out
    fresh_from: datetime  # readings before this one were passed before
    again_from: datetime  # readings from here on come again later
    opens: datetime  # the first reading
    closes: datetime  # the reading at which it ends, which is not in it


def is_zone(name: str) -> bool:
    """Whether the zone database knows this name."""
    try:
        load_zone(name)
    except ValueProblem:
        return False
    return True


@lru_cache(maxsize=1024)
def load_zone(name: str) -> ZoneInfo:
    """The zone of that name in the zone database."""
    if NAME.fullmatch(name) is None or name.startswith(OTHER_CLOCKS):
        raise _unknown(name)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _unknown(name) from None


def stretch_at(zone: ZoneInfo, at: datetime) -> Stretch:
    """The stretch that holds the instant `at`, cut at the bounds of a block of days."""
    stretches = _stretches(zone, (at - EPOCH) // BLOCK)
    return stretches[0] if len(stretches) == 1 else next(stretch for stretch in stretches if at < stretch.end)


def change_days(zone: ZoneInfo, after: datetime, until: datetime) -> tuple[Change, ...]:
    """The changes after `after` up to and with `until`."""
    first, last = max(after, EARLIEST), min(until, LATEST)
    blocks = range((first - EPOCH) // BLOCK, (last - EPOCH) // BLOCK + 1)
    found = (change for block in blocks for change in _changes(zone, block))
    return tuple(change for change in found if after < change.at <= until)


@lru_cache(maxsize=16_384)
def _changes(zone: ZoneInfo, block: int) -> tuple[Change, ...]:
    """The changes in one block: from its start to before its end."""
    start = EPOCH + block * BLOCK
    found = []
    at, offset = start - SECOND, _offset(zone, start - SECOND)
    while at < start + BLOCK - SECOND:
        following = min(at + LOOK, start + BLOCK - SECOND)
        later = _offset(zone, following)
        if later != offset:
            found.append(Change(_narrowed(zone, at, following, offset), offset, later))
        at, offset = following, later
    return tuple(found)


def _narrowed(zone: ZoneInfo, low: datetime, high: datetime, offset: timedelta) -> datetime:
    """The first second after `low` at which the offset is no longer `offset`."""
    while high - low > SECOND:
        middle = low + (high - low) // (2 * SECOND) * SECOND
        low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
    return high


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    inside = min(max(at, EARLIEST - NEAR), LATEST + NEAR)
    return inside.astimezone(zone).utcoffset() or timedelta(0)


@lru_cache(maxsize=16_384)
def _stretches(zone: ZoneInfo, block: int) -> tuple[Stretch, ...]:
    start = max(EPOCH + block * BLOCK, EARLIEST)
    end = min(EPOCH + (block + 1) * BLOCK, LATEST)
    near = change_days(zone, start - NEAR, end + NEAR)
    cuts = [start, *(change.at for change in near if start < change.at < end), end]
    return tuple(_stretch(zone, near, first, last) for first, last in pairwise(cuts))


def _stretch(zone: ZoneInfo, near: tuple[Change, ...], start: datetime, end: datetime) -> Stretch:
    offset = _offset(zone, start)
    opens, closes = start + offset, end + offset
    passed = [change.at + change.before for change in near if change.at <= start]
    coming = [change.at + change.after for change in near if change.at >= end]
    gap = max(passed) if any(change.at == start for change in near) and max(passed) < opens else None
    return Stretch(start, end, offset, gap, max([opens, *passed]), min([closes, *coming]), opens, closes)


def _unknown(name: str) -> ValueProblem:
    shown = name if len(name) <= 60 and name.isprintable() else ascii(name[:60])
    return ValueProblem(f'no time zone "{shown}"', _meant(name[:60]) or 'write a name such as "Europe/Paris" or "UTC"')


def _meant(name: str) -> str:
    """What the name may have been meant to be, as a hint."""
    known = {zone.lower(): zone for zone in available_timezones() if not zone.startswith(OTHER_CLOCKS)}
    wanted = name.lower().replace(" ", "_")
    close = [zone for zone in known if zone.rpartition("/")[2] == wanted]
    close = sorted(close, key=len) or difflib.get_close_matches(wanted, known, 1, 0.7)
    close = [wanted] if wanted in known else close
    return f"did you mean {known[close[0]]}?" if close else ""
