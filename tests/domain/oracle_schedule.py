"""A second, slow and plain opinion on schedules: look at every minute of a zone and match it against sets.

It shares nothing with the product. It reads the fields itself, asks zoneinfo for the local time of each minute
(or second), and settles what is left out and what is repeated from the list of readings alone. To be quick, half
an hour whose two ends have the same offset is taken as a whole.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

NAMES = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}
MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
LIMITS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
LOOK = 1800
ZERO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Rules:
    """An expression with its options, as text."""

    text: str
    gap: str = "auto"
    fold: str = "auto"
    days: str = "auto"

    @property
    def fields(self) -> list[str]:
        words = self.text.lower().split()
        return words if len(words) == 6 else ["0", *words]

    @property
    def interval(self) -> bool:
        return any(_wide(self.fields[index], *LIMITS[index]) for index in (1, 2))


def firings(zone: ZoneInfo, rules: Rules, start: datetime, end: datetime, unit: int = 60) -> list[datetime]:
    """The firings from `start` to before `end`, looked for in steps of `unit` seconds."""
    margin = timedelta(days=3)
    pieces = _pieces(zone, int((start - margin - ZERO).total_seconds()), int((end + margin - ZERO).total_seconds()))
    wanted = _wanted(rules, pieces[0][0] + pieces[0][2], pieces[-1][1] + pieces[-1][2], unit)
    when: dict[int, list[int]] = {label: [] for label in wanted}
    for first, last, offset in pieces:
        for label in range(-(-(first + offset) // unit) * unit, last + offset, unit):
            if label in when:
                when[label].append(label - offset)
    fired: set[int] = set()
    after = rules.gap == "after" or (rules.gap == "auto" and not rules.interval)
    fold = rules.fold if rules.fold != "auto" else ("both" if rules.interval else "first")
    for label, instants in when.items():
        if instants:
            fired.update({"first": instants[:1], "second": instants[-1:], "both": instants}[fold])
        elif after:
            fired.update(_behind(label, pieces))
    low, high = (start - ZERO).total_seconds(), (end - ZERO).total_seconds()
    return [ZERO + timedelta(seconds=at) for at in sorted(fired) if low <= at < high]


def _behind(label: int, pieces: list[tuple[int, int, int]]) -> list[int]:
    """The first instant after the gap that leaves `label` out; none for a label before the first piece."""
    later = [first for first, _, offset in pieces if first + offset > label]
    return [later[0]] if later and later[0] != pieces[0][0] else []


def _pieces(zone: ZoneInfo, start: int, end: int) -> list[tuple[int, int, int]]:
    """Times of one offset as (first, end, offset), in seconds since 1970."""

    def offset(at: int) -> int:
        shift = datetime.fromtimestamp(at, zone).utcoffset()
        assert shift is not None
        return int(shift.total_seconds())

    pieces: list[list[int]] = []

    def add(first: int, last: int, shift: int) -> None:
        if pieces and pieces[-1][2] == shift:
            pieces[-1][1] = last
        else:
            pieces.append([first, last, shift])

    before = offset(start)
    for at in range(start, end, LOOK):
        after = offset(at + LOOK)
        if before == after:
            add(at, at + LOOK, before)
        else:
            for second in range(at, at + LOOK):
                add(second, second + 1, offset(second))
        before = after
    return [(first, last, shift) for first, last, shift in pieces]


def _wanted(rules: Rules, low: int, high: int, unit: int) -> set[int]:
    """The local times, in seconds since 1970, that the expression names."""
    seconds, minutes, hours = (_values(rules.fields[index], *LIMITS[index]) for index in (0, 1, 2))
    assert unit == 1 or seconds == {0}
    times = [hour * 3600 + minute * 60 + second for hour in hours for minute in minutes for second in seconds]
    first = (ZERO + timedelta(seconds=low)).date() - timedelta(days=1)
    days = (high - low) // 86400 + 3
    matching = [day for day in (first + timedelta(days=number) for number in range(days)) if _matches(rules, day)]
    midnights = [int((datetime(day.year, day.month, day.day, tzinfo=UTC) - ZERO).total_seconds()) for day in matching]
    return {midnight + time for midnight in midnights for time in times}


def _matches(rules: Rules, day: date) -> bool:
    _, _, _, days, months, weekdays = rules.fields
    if day.month not in _values(months, 1, 12):
        return False
    by_day = any(_day(part, day) for part in days.split(","))
    by_weekday = any(_weekday(part, day) for part in weekdays.split(","))
    if rules.days == "all" or days in {"*", "*/1"} or weekdays in {"*", "*/1"}:
        return by_day and by_weekday
    star = days.startswith("*") or weekdays.startswith("*")
    return by_day and by_weekday if star and rules.days == "auto" else by_day or by_weekday


def _day(part: str, day: date) -> bool:
    length = monthrange(day.year, day.month)[1]
    if part == "lw":
        return day == _workday(day.replace(day=length))
    if part.endswith("w"):
        number = int(part[:-1])
        return number <= length and day == _workday(day.replace(day=number))
    if part.startswith("l"):
        return day.day == length - int(part[2:] or 0)
    return day.day in _values(part, 1, 31)


def _workday(day: date) -> date:
    candidates = [day + timedelta(days=step) for step in (0, -1, 1, -2, 2)]
    return next(other for other in candidates if other.weekday() < 5 and other.month == day.month)


def _weekday(part: str, day: date) -> bool:
    number = day.isoweekday() % 7
    if part.endswith("l"):
        return number == _number(part[:-1]) % 7 and (day + timedelta(days=7)).month != day.month
    if "#" in part:
        weekday, _, which = part.partition("#")
        return number == _number(weekday) % 7 and (day.day + 6) // 7 == int(which)
    return number in {value % 7 for value in _values(part, 0, 7)}


@lru_cache
def _values(text: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start = low if span == "*" else _number(first)
        stop = high if span == "*" or (step and not last) else _number(last or first)
        if start > stop:
            found.update([*range(start, 7), *range(stop + 1)][:: int(step or 1)])
        else:
            found.update(range(start, stop + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str) -> int:
    return NAMES.get(text, MONTHS.get(text, -1)) if text.isalpha() else int(text)


def _wide(text: str, low: int, high: int) -> bool:
    span, slash, _ = text.partition(",")[0].partition("/")
    whole = span in {"*", f"{low}-{high}"} or (span == str(low) and bool(slash))
    return whole or _values(text, low, high) == set(range(low, high + 1))
