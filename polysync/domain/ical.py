"""iCalendar files (RFC 5545): the busy spans of their events; what is not understood is refused, never passed over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Final

from polysync.domain.cronfield import shown
from polysync.domain.errors import ValueProblem
from polysync.domain.recurrence import PERIODS, Recurrence
from polysync.domain.zone import load_zone, stretch_at

ONE_DAY: Final = timedelta(days=1)
LONGEST: Final = timedelta(days=366)  # of an event that recurs; each day of it is looked at
FARTHEST: Final = 200 * 366  # days over which COUNT is counted out
WITHOUT_TIME: Final = ("VTIMEZONE", "VALARM")  # zones are taken from the zone database; an alarm is no event
WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
REFUSED: Final = ("RDATE", "EXRULE", "RECURRENCE-ID")
_LINE: Final = re.compile(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^":;])*)*):(.*)', re.ASCII | re.DOTALL)
_PARAMETER: Final = re.compile(r';([A-Za-z0-9-]+)=("[^"]*"|[^":;]*)', re.ASCII)
_MOMENT: Final = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII)
_DURATION: Final = re.compile(
    r"\+?P(?:(\d{1,5})W|(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9})S)?)?)", re.ASCII
)
_BYDAY: Final = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)


@dataclass(frozen=True, slots=True)
class BusySpan:
    """An event: when it first begins, how long it lasts and how it recurs, by its own clock."""

    start: datetime  # a reading of its clock
    length: timedelta
    zone: str | None = None  # None: the clock of whoever asks
    whole_days: bool = False
    rule: Recurrence | None = None
    left_out: frozenset[datetime] = frozenset()

    def holds(self, reading: datetime) -> bool:
        """Whether the event is on at this reading of its clock."""
        if self.rule is None:
            return self.start <= reading < self.start + self.length
        latest, earliest = reading.date(), (reading - self.length).date()
        days = (latest - ONE_DAY * back for back in range((latest - earliest).days + 1))
        return any(self._begins(self.rule, day) <= reading < self._begins(self.rule, day) + self.length for day in days)

    def _begins(self, rule: Recurrence, day: date) -> datetime:
        """The reading at which it begins on `day`; far in the future where it does not."""
        begin = datetime.combine(day, self.start.time(), UTC)
        late = rule.until is not None and begin > rule.until
        if late or begin in self.left_out or not rule.begins(self.start.date(), day):
            return NEVER
        return begin


NEVER: Final = datetime(9990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Property:
    name: str
    parameters: Mapping[str, str]
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class _Moment:
    reading: datetime
    zone: str | None
    whole_day: bool


def parse_ics(text: str) -> tuple[BusySpan, ...]:
    """The busy spans of an iCalendar file's events."""
    spans = (_span(event) for event in _events(text))
    return tuple(span for span in spans if span is not None)


def _events(text: str) -> Iterator[dict[str, list[_Property]]]:
    """The events, each as its properties by name."""
    inside: list[str] = []
    event: dict[str, list[_Property]] = {}
    seen = False
    for prop in _properties(text):
        if prop.name == "BEGIN":
            inside.append(_component(prop, inside))
            seen, event = True, {} if inside[-1] == "VEVENT" else event
        elif prop.name == "END":
            if not inside or inside.pop() != prop.value.upper():
                raise _fault(prop, f"END:{prop.value} without its BEGIN")
            if prop.value.upper() == "VEVENT":
                yield event
        elif inside and inside[-1] == "VEVENT":
            event.setdefault(prop.name, []).append(prop)
    if inside or not seen:
        raise ValueProblem("not a whole iCalendar file", "it begins with BEGIN:VCALENDAR and ends with END:VCALENDAR")


def _component(prop: _Property, inside: list[str]) -> str:
    name = prop.value.upper()
    if not inside and name != "VCALENDAR":
        raise _fault(prop, f"BEGIN:{prop.value} outside a VCALENDAR")
    known = ("VCALENDAR", "VEVENT", *WITHOUT_TIME) if not set(inside) & set(WITHOUT_TIME) else (name,)
    if name not in known:
        raise _fault(prop, f"{prop.value} is not supported", "keep events (VEVENT) only")
    return name


def _properties(text: str) -> Iterator[_Property]:
    for number, line in _unfolded(text):
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueProblem(f"line {number}: {shown(line)} is not NAME:value")
        parameters = {name.upper(): value.strip('"') for name, value in _PARAMETER.findall(found[2])}
        yield _Property(found[1].upper(), parameters, found[3].strip(), number)


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """The logical lines with their numbers: a line that begins with a blank continues the one before."""
    pending: list[str] = []
    first = 1
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff")), 1):
        if line[:1] in (" ", "\t") and pending:
            pending.append(line[1:])
            continue
        if "".join(pending).strip():
            yield first, "".join(pending)
        pending, first = [line], number
    if "".join(pending).strip():
        yield first, "".join(pending)


def _span(event: dict[str, list[_Property]]) -> BusySpan | None:
    for name in REFUSED:
        if name in event:
            raise _fault(event[name][0], f"{name} is not supported", "write the days as events of their own")
    status = _lone(event, "STATUS")
    if status is not None and status.value.upper() == "CANCELLED":
        return None
    begin = _lone(event, "DTSTART")
    if begin is None:
        raise ValueProblem("an event has no DTSTART")
    start = _moment(begin, begin.value)
    span = BusySpan(start.reading, _length(event, begin, start), start.zone, start.whole_day)
    rule = _lone(event, "RRULE")
    if rule is not None:
        span = replace(span, rule=_rule(rule, start), left_out=_left_out(event, start))
        if span.length > LONGEST:
            raise _fault(begin, "an event that recurs lasts longer than a year")
    return span


def _lone(event: dict[str, list[_Property]], name: str) -> _Property | None:
    found = event.get(name, [])
    if len(found) > 1:
        raise _fault(found[1], f"a second {name} in one event")
    return found[0] if found else None


def _length(event: dict[str, list[_Property]], begin: _Property, start: _Moment) -> timedelta:
    end, duration = _lone(event, "DTEND"), _lone(event, "DURATION")
    if end is not None:
        until = _moment(end, end.value)
        if until.whole_day is not start.whole_day:
            raise _fault(end, "DTEND and DTSTART are not both dates or both times")
        length = _as_read_by(start, until, end) - start.reading
    elif duration is not None:
        length = _duration(duration)
    elif start.whole_day:
        length = ONE_DAY
    else:
        raise _fault(begin, "an event has neither DTEND nor DURATION")
    if length <= timedelta(0):
        raise _fault(begin, "an event ends before it begins, or at once")
    return length


def _moment(prop: _Property, text: str) -> _Moment:
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise _fault(prop, f"{shown(text)} is not a date or a time")
    try:
        reading = datetime.strptime(found[1] + (found[2] or "000000"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise _fault(prop, f"{shown(text)} does not exist") from None
    if not 1900 <= reading.year <= 2999:  # dates far from now are mistakes, and sums with them overflow
        raise _fault(prop, f"{shown(text)} is not between 1900 and 2999")
    return _Moment(reading, None if found[2] is None else _clock(prop, found[3]), found[2] is None)


def _clock(prop: _Property, mark: str) -> str | None:
    if mark:
        return "UTC"
    zone = prop.parameters.get("TZID")
    if zone is None:
        return None
    try:
        return load_zone(zone).key
    except ValueProblem as problem:
        raise _fault(prop, problem.message, problem.hint) from None


def _as_read_by(start: _Moment, moment: _Moment, prop: _Property) -> datetime:
    """`moment` as the clock of `start` reads it."""
    if moment.zone == start.zone:
        return moment.reading
    if moment.zone is None or start.zone is None:
        raise _fault(prop, f"{prop.name} and DTSTART are not both in a time zone")
    instant = moment.reading.replace(tzinfo=load_zone(moment.zone)).astimezone(UTC)
    return instant + stretch_at(load_zone(start.zone), instant).offset


def _duration(prop: _Property) -> timedelta:
    found = _DURATION.fullmatch(prop.value)
    if found is None or not any(found.groups()):
        raise _fault(prop, f"{shown(prop.value)} is not a duration")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, weeks=weeks, hours=hours, minutes=minutes, seconds=seconds)


def _left_out(event: dict[str, list[_Property]], start: _Moment) -> frozenset[datetime]:
    readings = []
    for prop in event.get("EXDATE", []):
        for text in prop.value.split(","):
            moment = _moment(prop, text.strip())
            if moment.whole_day is not start.whole_day:
                raise _fault(prop, "EXDATE and DTSTART are not both dates or both times")
            readings.append(_as_read_by(start, moment, prop))
    return frozenset(readings)


def _rule(prop: _Property, start: _Moment) -> Recurrence:
    parts = dict(part.partition("=")[::2] for part in prop.value.upper().rstrip(";").split(";"))
    frequency = parts.pop("FREQ", "")
    if frequency not in PERIODS:
        raise _fault(
            prop, f"RRULE: FREQ={shown(frequency)[1:-1]} is not supported", f"write one of {', '.join(PERIODS)}"
        )
    count, until = parts.pop("COUNT", None), parts.pop("UNTIL", None)
    rule = Recurrence(frequency)
    for name, text in parts.items():
        if name not in RULE_PARTS:
            raise _fault(prop, f"RRULE: {shown(name)[1:-1]} is not supported")
        key, read = RULE_PARTS[name]
        rule = replace(rule, **{key: read(prop, name, text)})
    _check(prop, rule)
    if until is not None:
        rule = replace(rule, until=_until(prop, until, start))
    return rule if count is None else replace(rule, until=_counted(prop, rule, count, start))


def _check(prop: _Property, rule: Recurrence) -> None:
    numbered = any(which for which, _ in rule.weekdays)
    if numbered and rule.frequency not in ("MONTHLY", "YEARLY"):
        raise _fault(prop, f"RRULE: BYDAY with a number has no meaning with FREQ={rule.frequency}")
    if rule.month_days and rule.frequency == "WEEKLY":
        raise _fault(prop, "RRULE: BYMONTHDAY has no meaning with FREQ=WEEKLY")


def _until(prop: _Property, text: str, start: _Moment) -> datetime:
    moment = _moment(prop, text)
    if moment.whole_day:
        return moment.reading + ONE_DAY - timedelta(seconds=1)
    if start.whole_day or start.zone is None:
        return moment.reading
    return _as_read_by(start, moment if moment.zone else replace(moment, zone=start.zone), prop)


def _counted(prop: _Property, rule: Recurrence, text: str, start: _Moment) -> datetime:
    """The reading at which the event begins for the last time of COUNT."""
    left = _number(prop, "COUNT", text, 1, 100_000)
    for days in range(FARTHEST):
        begin = start.reading + ONE_DAY * days
        left -= rule.begins(start.reading.date(), begin.date())
        if left == 0:
            return begin if rule.until is None else min(begin, rule.until)
    raise _fault(prop, f"RRULE: COUNT={text} reaches further than 200 years")


def _number(prop: _Property, name: str, text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[+-]?\d{1,6}", text, re.ASCII) or not low <= int(text) <= high or int(text) == 0:
        raise _fault(prop, f"RRULE: {name}={shown(text)[1:-1]} is not a number from {low} to {high}")
    return int(text)


def _one(prop: _Property, name: str, text: str, *, low: int, high: int) -> int:
    return _number(prop, name, text, low, high)


def _many(prop: _Property, name: str, text: str, *, low: int, high: int) -> frozenset[int]:
    return frozenset(_number(prop, name, part, low, high) for part in text.split(","))


def _by_day(prop: _Property, name: str, text: str) -> frozenset[tuple[int, int]]:
    found = [_BYDAY.fullmatch(part) for part in text.split(",")]
    days = [(int(part[1] or 0), WEEKDAYS.index(part[2])) for part in found if part is not None]
    if len(days) < len(found):
        raise _fault(prop, f"RRULE: {name}={shown(text)[1:-1]} is not a list of weekdays")
    return frozenset(days)


def _week_start(prop: _Property, name: str, text: str) -> int:
    if text not in WEEKDAYS:
        raise _fault(prop, f"RRULE: {name}={shown(text)[1:-1]} is not a weekday")
    return WEEKDAYS.index(text)


RULE_PARTS: Final[Mapping[str, tuple[str, Callable[[_Property, str, str], Any]]]] = {
    "INTERVAL": ("interval", partial(_one, low=1, high=100_000)),
    "BYMONTH": ("months", partial(_many, low=1, high=12)),
    "BYMONTHDAY": ("month_days", partial(_many, low=-31, high=31)),
    "BYDAY": ("weekdays", _by_day),
    "WKST": ("week_start", _week_start),
}


def _fault(prop: _Property, said: str, hint: str = "") -> ValueProblem:
    return ValueProblem(f"line {prop.line}: {said}", hint)
