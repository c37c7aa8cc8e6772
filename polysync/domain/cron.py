"""Cron expressions: from text to the local times that they name."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from polysync.domain.cronfield import (
    DAY,
    HOUR,
    MINUTE,
    MONTH,
    SECOND,
    WEEKDAY,
    Kind,
    fault,
    is_spread,
    members,
    parse_field,
    shown,
)
from polysync.domain.dayrule import ONE_DAY, DayRule, day_rule
from polysync.domain.errors import ValueProblem
from polysync.domain.quantity import parse_span
from polysync.domain.values import DayMatch

REBOOT: Final = "@reboot"
EVERY: Final = "@every"
MACROS: Final[Mapping[str, str]] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
DAY_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FIELDS: Final = (SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY)
LONGEST: Final = 1000  # characters; a list of every value of every field is half of that
ON_THE_MINUTE: Final = 1  # the mask of second 0
ONE_SECOND: Final = timedelta(seconds=1)
_WORD: Final = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Every:
    """`@every`: a length of elapsed time, which no clock change touches."""

    text: str
    period: timedelta


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression. A reading is a local clock reading, kept as though it were UTC."""

    text: str
    seconds: int
    minutes: int
    hours: int
    days: DayRule
    interval: bool  # interval-like: fires whenever the clock reads so; else each local time fires once

    def from_reading(self, reading: datetime) -> datetime | None:
        """The first matching reading at or after `reading`, which is whole seconds."""
        day = reading.day
        if self.days.mask(reading.year, reading.month) >> day & 1:
            time = self._from_time(reading.hour, reading.minute, reading.second)
            if time is not None:
                return datetime(reading.year, reading.month, day, *time, tzinfo=UTC)
        found = self.days.after(reading.year, reading.month, day)
        return None if found is None else datetime(*found, *self.first_time, tzinfo=UTC)

    def between(self, first: datetime, bound: datetime, offset: timedelta) -> Iterator[datetime]:
        """The instants of the readings from `first` to before `bound`, where local time is UTC + `offset`."""
        hours, within = _steps(self.hours, 3600), _within(self.minutes, self.seconds)
        for midnight in self.days.midnights(first, bound):
            start = midnight - offset
            whole = midnight >= first and midnight + ONE_DAY <= bound
            for hour in hours:
                begin = start + hour
                for step in within if whole else _clipped(within, first - midnight - hour, bound - midnight - hour):
                    yield begin + step

    @property
    def first_time(self) -> tuple[int, int, int]:
        """The first time of a day, as hour, minute and second."""
        return _lowest(self.hours), _lowest(self.minutes), _lowest(self.seconds)

    @property
    def last_time(self) -> tuple[int, int, int]:
        """The last time of a day."""
        return self.hours.bit_length() - 1, self.minutes.bit_length() - 1, self.seconds.bit_length() - 1

    @property
    def step(self) -> timedelta:
        """The shortest time between two of its readings, at most a day."""
        return _shortest(self.seconds, self.minutes, self.hours)

    def times(self) -> Iterator[timedelta]:
        """All times of a day, in order."""
        within = _within(self.minutes, self.seconds)
        return (hour + step for hour in _steps(self.hours, 3600) for step in within)

    def _from_time(self, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
        if self.hours >> hour & 1:
            if self.minutes >> minute & 1:
                rest = self.seconds >> second
                if rest:
                    return hour, minute, second + _lowest(rest)
            rest = self.minutes >> minute + 1
            if rest:
                return hour, minute + 1 + _lowest(rest), _lowest(self.seconds)
        rest = self.hours >> hour + 1
        if rest:
            return hour + 1 + _lowest(rest), _lowest(self.minutes), _lowest(self.seconds)
        return None


@lru_cache(maxsize=4096)
def _shortest(*masks: int) -> timedelta:
    """The shortest time between two times of day that these masks name."""
    for mask, unit, size in zip(masks, (1, 60, 3600), (60, 60, 24), strict=True):
        values = members(mask)
        if len(values) > 1:
            following = (*values[1:], values[0] + size)
            return timedelta(seconds=unit) * min(b - a for a, b in zip(values, following, strict=True))
    return ONE_DAY


def parse(text: str, name: str | None = None, day_match: DayMatch = DayMatch.AUTO) -> Cron | Every:
    """The schedule that `text` names; `name` is the task by which `H` spreads."""
    salted = name if name is not None and is_spread(text[:LONGEST]) else None
    return _parse(text, salted, None if day_match is DayMatch.AUTO else day_match)


def parse_weekday(text: str) -> int:
    """The number of a weekday by its name in three letters or in full; Monday is 0."""
    for number, name in enumerate(DAY_NAMES):
        if text.lower() in (name[:3], name):
            return number
    raise ValueProblem(f"{shown(text)} is not a weekday", f"write one of {', '.join(name[:3] for name in DAY_NAMES)}")


@lru_cache(maxsize=32_768)
def _parse(text: str, salt: str | None, match: DayMatch | None) -> Cron | Every:
    if len(text) > LONGEST:
        raise ValueProblem(f"longer than {LONGEST} characters", "use ranges and steps, or several expressions")
    if text.lstrip().startswith("@"):
        return _macro(text, match)
    words = text.split()
    if not 5 <= len(words) <= 6:
        raise _miscounted(text, len(words))
    return _fields(text, words, salt, match)


def _fields(text: str, words: list[str], salt: str | None, match: DayMatch | None) -> Cron:
    try:
        second = ON_THE_MINUTE if len(words) < len(FIELDS) else parse_field(SECOND, words.pop(0), salt).mask
        minute = parse_field(MINUTE, words[0], salt)
        hour = parse_field(HOUR, words[1], salt)
        day, month = parse_field(DAY, words[2], salt), parse_field(MONTH, words[3], salt)
        rule = day_rule(day, month.mask, parse_field(WEEKDAY, words[4], salt), match)
    except ValueProblem:
        raise _placed(text, salt) from None
    if rule is None:
        place = [found.start() for found in _WORD.finditer(text)][-3]
        raise fault(DAY, "no year has such a day, so this never fires", "check the day and the month", place)
    return Cron(text, second, minute.mask, hour.mask, rule, interval=minute.wide or hour.wide)


def _placed(text: str, salt: str | None) -> ValueProblem:
    """The first problem among the fields, with its place in the whole text."""
    words = list(_WORD.finditer(text))
    problems = (_problem(kind, found, salt) for kind, found in zip(FIELDS[-len(words) :], words, strict=True))
    return next(problem for problem in problems if problem is not None)


def _problem(kind: Kind, found: re.Match[str], salt: str | None) -> ValueProblem | None:
    try:
        parse_field(kind, found[0], salt)
    except ValueProblem as problem:
        return ValueProblem(problem.message, problem.hint, found.start() + problem.offset)
    return None


def _miscounted(text: str, count: int) -> ValueProblem:
    if count == 0:
        return ValueProblem("empty", 'write five fields, such as "30 2 * * *"')
    if count > len(FIELDS):
        place = [found.start() for found in _WORD.finditer(text)][len(FIELDS)]
        return ValueProblem(f"{count} fields, at most 6", "there is no field for years", place)
    names = ", ".join(kind.name for kind in FIELDS[1:])
    return ValueProblem(f"{count} of 5 fields", f"write {names}; or 6 fields, with seconds first")


def _macro(text: str, match: DayMatch | None) -> Cron | Every:
    words = text.split()
    word = words[0].lower()
    if word == EVERY:
        return _every(text, words[1:])
    if word == REBOOT:
        raise ValueProblem("@reboot is not a time", 'write run_on_start = "boot"')
    if word not in MACROS:
        known = ", ".join(MACROS)
        raise ValueProblem(f"{shown(words[0])} is unknown", f"write one of {known}, @every", text.index("@"))
    if len(words) > 1:
        raise ValueProblem(f"nothing may follow {word}", "", text.index(words[1], text.index("@") + len(word)))
    return _fields(text, MACROS[word].split(), None, match)


def _every(text: str, words: list[str]) -> Every:
    place = text.index("@") + len(EVERY)
    if len(words) != 1:
        raise ValueProblem("@every takes one duration", 'write it like "@every 90m"', place)
    place = text.index(words[0], place)
    try:
        period = parse_span(words[0])
    except ValueProblem as problem:
        raise ValueProblem(f"@every: {problem.message}", problem.hint, place + problem.offset) from None
    if period < ONE_SECOND:
        raise ValueProblem("@every: shorter than a second", 'write at least "@every 1s"', place)
    return Every(text, period)


def _clipped(within: tuple[timedelta, ...], low: timedelta, high: timedelta) -> tuple[timedelta, ...]:
    return within[bisect_left(within, low) : bisect_left(within, high)]


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


@lru_cache(maxsize=256)
def _steps(mask: int, unit: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(seconds=value * unit) for value in members(mask))


@lru_cache(maxsize=256)
def _within(minutes: int, seconds: int) -> tuple[timedelta, ...]:
    """The times within an hour; at most 3,600, and shared by all expressions that have the same."""
    return tuple(minute + second for minute in _steps(minutes, 60) for second in _steps(seconds, 1))
