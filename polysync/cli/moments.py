"""Moments as people type them: `2026-03-29`, `2026-03-29 02:30`, an RFC 3339 time, `now`, `tomorrow`, `+2d`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from polysync.cli.failure import usage
from polysync.domain.errors import ValueProblem
from polysync.domain.quantity import parse_span
from polysync.domain.zone import EARLIEST, LATEST

WRITTEN: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[ Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*([Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
AWAY: Final = re.compile(r"([+-])\s*(\S+)")
DAYS: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
WHOLE: Final = len("2026-03-29T01:00:00")
HINT: Final = "write 2026-03-29, 2026-03-29 02:30, 2026-03-29T01:30:00Z, 14:00, now, tomorrow or +2d"


class Moment(NamedTuple):
    """An instant, and whether a whole day was named: then its first instant belongs to it."""

    at: datetime
    day: bool = False


def moment(text: str, option: str, now: datetime, zone: tzinfo) -> Moment:
    """The instant that `text` names; local times are those of `zone`, lengths count from `now`."""
    said = text.strip()
    try:
        found = _worded(said, now, zone) or _written(said, zone)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise usage(f"{option}: {text} is not a time", HINT)
    if not EARLIEST <= found.at <= LATEST:
        raise usage(f"{option}: {text} is too near to an end of the calendar", "the years 2 to 9998 are safe")
    return found


def _worded(said: str, now: datetime, zone: tzinfo) -> Moment | None:
    today = now.astimezone(zone).date()
    if said == "now":
        return Moment(now)
    if said in DAYS:
        return Moment(_instant(today + timedelta(days=DAYS[said]), time(), zone), day=True)
    if clock := CLOCK.fullmatch(said):
        return Moment(_instant(today, _clock(clock[1], clock[2], clock[3]), zone))
    if away := AWAY.fullmatch(said):
        return Moment(now + _length(away[2]) * (1 if away[1] == "+" else -1))
    return None


def _clock(hour: str | None, minute: str | None, second: str | None, micros: int = 0) -> time:
    return time(int(hour or 0), int(minute or 0), int(second or 0), micros)


def _length(text: str) -> timedelta:
    try:
        return parse_span(text)
    except ValueProblem as problem:
        raise ValueError(problem.message) from problem


def _written(said: str, zone: tzinfo) -> Moment | None:
    found = WRITTEN.fullmatch(said)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    if hour is None and offset is not None:
        return None
    micros = int((fraction or "").ljust(6, "0")[:6])
    clock = _clock(hour, minute, second, micros)
    whole = date(int(year), int(month), int(day))
    if offset is None:
        return Moment(_instant(whole, clock, zone), day=hour is None)
    return Moment(datetime.fromisoformat(f"{whole}T{clock}{'+00:00' if offset in 'Zz' else offset}").astimezone(UTC))


def _instant(day: date, clock: time, zone: tzinfo) -> datetime:
    """A local time as an instant; one that a clock change leaves out counts from before the change."""
    return datetime.combine(day, clock, zone).astimezone(UTC)


def utc_text(at: datetime) -> str:
    """An instant in UTC as RFC 3339, to the second."""
    return at.isoformat()[:WHOLE] + "Z"


def local_text(at: datetime, zone: tzinfo) -> str:
    """RFC 3339 with the zone's offset, to the second."""
    return at.astimezone(zone).isoformat(timespec="seconds")
