"""Which days a schedule falls on: day-of-month, month and day-of-week together, as one mask per month.

A month is decided by two things only, the weekday of its first day and its length. All pairs of the two
occur for every month within the 400 years after which the calendar repeats (29 February falls on each weekday),
so looking at each pair answers exactly whether a rule ever fires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import product
from typing import Final

from polysync.domain.cronfield import SATURDAY, Field, Pick
from polysync.domain.values import DayMatch

FEBRUARY: Final = 2
LENGTHS: Final = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
LAST_YEAR: Final = 9999
REMEMBERED: Final = 256  # months of which a rule keeps the mask
ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, eq=False)
class DayRule:
    """The days on which a schedule fires; `both` says that both day fields must match."""

    days: Field
    weekdays: Field
    months: int
    both: bool
    _masks: dict[int, int] = field(default_factory=dict, repr=False)

    def mask(self, year: int, month: int) -> int:
        """The days of one month, bit n for day n."""
        key = year << 4 | month
        mask = self._masks.get(key)
        if mask is None:
            if len(self._masks) >= REMEMBERED:
                self._masks.clear()
            within = self.months >> month & 1
            first = date(year, month, 1).isoweekday() % 7
            mask = self._masks[key] = self._month(first, _length(year, month)) if within else 0
        return mask

    def matches(self, day: date) -> bool:
        """Whether `day` is one of its days."""
        return bool(self.mask(day.year, day.month) >> day.day & 1)

    def after(self, year: int, month: int, day: int) -> tuple[int, int, int] | None:
        """The first of its days after the given one; None where the calendar of years ends."""
        mask = self.mask(year, month) >> day + 1 << day + 1
        while not mask:
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
            if year > LAST_YEAR:
                return None
            mask = self.mask(year, month)
        return year, month, (mask & -mask).bit_length() - 1

    def midnights(self, first: datetime, bound: datetime) -> Iterator[datetime]:
        """The starts of its days from the day of `first` to before `bound`."""
        day: tuple[int, int, int] | None = (first.year, first.month, first.day)
        if not self.matches(first.date()):
            day = self.after(first.year, first.month, first.day)
        while day is not None and (midnight := datetime(*day, tzinfo=UTC)) < bound:
            yield midnight
            day = self.after(*day)

    @property
    def ever(self) -> bool:
        """Whether there is any such day in any year."""
        months = (month for month in range(1, 13) if self.months >> month & 1)
        lengths = {length for month in months for length in _lengths(month)}
        return any(self._month(*shape) for shape in product(range(7), lengths))

    def _month(self, first: int, length: int) -> int:
        days = _chosen(self.days, first, length) | self.days.mask
        weekdays = _chosen(self.weekdays, first, length)
        for day in range(1, length + 1):
            weekdays |= (self.weekdays.mask >> (first + day - 1) % 7 & 1) << day
        whole = (1 << length + 1) - 2
        return (days & weekdays if self.both else days | weekdays) & whole


@lru_cache(maxsize=8192)
def day_rule(days: Field, months: int, weekdays: Field, match: DayMatch | None) -> DayRule | None:
    """The rule that three fields make, None where it never fires; `match` decides where both day fields restrict."""
    rule = DayRule(days, weekdays, months, both=_both(days, weekdays, match))
    return rule if rule.ever else None


def _both(days: Field, weekdays: Field, match: DayMatch | None) -> bool:
    """A plain `*` restricts nothing, so that `any` with it is not every day."""
    if days.bare or weekdays.bare or match is DayMatch.ALL:
        return True
    return match is not DayMatch.ANY and (days.star or weekdays.star)


def _length(year: int, month: int) -> int:
    if month == FEBRUARY and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    return LENGTHS[month]


def _lengths(month: int) -> tuple[int, ...]:
    return (28, 29) if month == FEBRUARY else (LENGTHS[month],)


def _chosen(chosen: Field, first: int, length: int) -> int:
    mask = 0
    for pick in chosen.picks:
        mask |= 1 << max(PICKS[pick.rule](pick, first, length), 0)
    return mask


def _last_day(pick: Pick, _first: int, length: int) -> int:
    return length - pick.first


def _nearest(pick: Pick, first: int, length: int) -> int:
    """The workday next to a day, never over the edge of the month; 0 where the month lacks the day."""
    day = pick.first
    if day > length:
        return 0
    weekday = (first + day - 1) % 7
    if weekday == SATURDAY:
        return day - 1 if day > 1 else 3
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day


def _last_workday(_pick: Pick, first: int, length: int) -> int:
    return _nearest(Pick("", length), first, length)


def _last_weekday(pick: Pick, first: int, length: int) -> int:
    return length - (first + length - 1 - pick.first) % 7


def _nth_weekday(pick: Pick, first: int, length: int) -> int:
    day = 1 + (pick.first - first) % 7 + 7 * (pick.second - 1)
    return day if day <= length else 0


PICKS: Final[Mapping[str, Callable[[Pick, int, int], int]]] = {
    "last day": _last_day,
    "last workday": _last_workday,
    "nearest workday": _nearest,
    "last weekday": _last_weekday,
    "nth weekday": _nth_weekday,
}
