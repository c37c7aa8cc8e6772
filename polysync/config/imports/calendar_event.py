"""systemd calendar events (`OnCalendar=`) as cron expressions, where cron can say the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from polysync.domain.errors import ValueProblem
from polysync.domain.zone import is_zone

_SHORTHANDS: Final = {
    "minutely": "* * * * *",
    "hourly": "0 * * * *",
    "daily": "0 0 * * *",
    "weekly": "0 0 * * 1",
    "monthly": "0 0 1 * *",
    "quarterly": "0 0 1 1,4,7,10 *",
    **dict.fromkeys(("yearly", "annually", "anually"), "0 0 1 1 *"),
    **dict.fromkeys(("semiannually", "semi-annually", "biannually", "bi-annually"), "0 0 1 1,7 *"),
}
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FULL_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY: Final = {full: n for n, full in enumerate(_FULL_DAYS, 1)} | {short: n for n, short in enumerate(_DAYS, 1)}
_ITEM: Final = re.compile(r"(\*|\d{1,4}(?:\.0{1,6})?)(?:\.\.(\d{1,4}))?(?:/(\d{1,4})(?:\.0{1,6})?)?", re.ASCII)
_DATE: Final = re.compile(r"(?:(?P<year>[^-~:]+)-)?(?P<month>[^-~:]+)(?P<last>[-~])(?P<day>[^-~:]+)")
_LATEST: Final = 28  # the shortest month; beyond it a day counted from the end may not exist


@dataclass(frozen=True, slots=True)
class Event:
    """A cron expression, its zone, and whether both day fields must match."""

    cron: str
    zone: str | None = None
    both_days: bool = False


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int


_SECOND, _MINUTE, _HOUR = _Field("second", 0, 59), _Field("minute", 0, 59), _Field("hour", 0, 23)
_DOM, _MONTH = _Field("day", 1, 31), _Field("month", 1, 12)


def _bounded(text: str, field: _Field) -> int:
    number = int(text.partition(".")[0])
    if not field.low <= number <= field.high:
        raise ValueProblem(f"{field.name}: {text} is outside {field.low} to {field.high}")
    return number


def _item(text: str, field: _Field) -> str:
    found = _ITEM.fullmatch(text)
    if found is None:
        raise ValueProblem(f'{field.name}: "{text}" has no counterpart in cron')
    first, last, step = found.groups()
    every = "" if step is None else f"/{int(step)}"
    if step is not None and int(step) == 0:
        raise ValueProblem(f"{field.name}: a step of 0 never ends")
    if first == "*":
        if last or step:
            raise ValueProblem(f'{field.name}: "{text}" is not known to systemd either')
        return "*"
    low = _bounded(first, field)
    if last is None:
        return _from(low, every, field)
    high = _bounded(last, field)
    if low > high:
        raise ValueProblem(f"{field.name}: the range {text} runs backwards")
    return f"{low}-{high}{every}"


def _from(low: int, every: str, field: _Field) -> str:
    """`5/10`: from 5 to the end; from the beginning it is `*/10`."""
    if not every:
        return str(low)
    return f"*{every}" if low == field.low else f"{low}-{field.high}{every}"


def _numbers(text: str, field: _Field) -> str:
    return ",".join(_item(part, field) for part in text.split(","))


def _weekdays(text: str) -> str:
    """`Mon..Fri,Sun` as cron's weekdays."""
    found = []
    for part in text.lower().split(","):
        first, _, last = part.replace("..", "-").partition("-")
        if first not in _DAY or (last and (last not in _DAY or _DAY[last] < _DAY[first])):
            raise ValueProblem(f'weekday: "{part}" is not known')
        found.append(f"{_DAY[first]}-{_DAY[last]}" if last else str(_DAY[first]))
    return ",".join(found)


def _from_the_end(text: str) -> str:
    """`~3`: the third last day of the month, which is `L-2`."""
    days: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"(\d{1,2})(?:(\.\.)(\d{1,2})|(/)(1))?", part, re.ASCII)
        if found is None:
            raise ValueProblem(f'day: "~{part}" has no counterpart in cron')
        first = int(found[1])
        last = int(found[3]) if found[2] else 1 if found[4] else first
        days += range(min(first, last), max(first, last) + 1)
    if not 1 <= min(days) <= max(days) <= _LATEST:
        raise ValueProblem(f'day: "~{text}" has no counterpart in cron')
    return ",".join("L" if day == 1 else f"L-{day - 1}" for day in sorted(set(days), reverse=True))


def _date(text: str | None, weekdays: str) -> tuple[str, str, str]:
    """Day of month, month and weekday of a date part."""
    if text is None:
        return "*", "*", weekdays
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueProblem(f'date: "{text}" has no counterpart in cron')
    if found["year"] not in {None, "*"}:
        raise ValueProblem("it names a year, which cron cannot; for a single time use polysync exec --at")
    month = _numbers(found["month"], _MONTH)
    if found["last"] == "-":
        return _numbers(found["day"], _DOM), month, weekdays
    if found["day"] in {"7/1", "07/1"} and weekdays.isdigit():
        return "*", month, f"{weekdays}L"  # the last such weekday of the month
    return _from_the_end(found["day"]), month, weekdays


def _time(text: str | None) -> tuple[str, str, str]:
    """Seconds, minutes and hours of a time part."""
    parts = ["0", "0", "0"] if text is None else text.split(":")
    if len(parts) == 2:
        parts.append("0")
    if len(parts) != 3:
        raise ValueProblem(f'time: "{text}" has no counterpart in cron')
    return _numbers(parts[2], _SECOND), _numbers(parts[1], _MINUTE), _numbers(parts[0], _HOUR)


def _whole(field: str, low: int, high: int) -> bool:
    return field in {"*", f"{low}-{high}"}


def _assemble(parts: list[str], zone: str | None) -> Event:
    weekdays = "*"
    if parts and parts[0][:1].isalpha():
        weekdays = _weekdays(parts.pop(0).rstrip(","))
    date = parts.pop(0) if parts and ":" not in parts[0] else None
    time = parts.pop(0) if parts and ":" in parts[0] else None
    if parts or (date is None and time is None and weekdays == "*"):
        raise ValueProblem("it is not a calendar event that is known here")
    day, month, weekday = _date(date, weekdays)
    second, minute, hour = _time(time)
    fields = [minute, hour, day, month, weekday] if second == "0" else [second, minute, hour, day, month, weekday]
    return Event(" ".join(fields), zone, not _whole(day, 1, 31) and not _whole(weekday, 1, 7))


def read_event(text: str) -> Event:
    """The calendar event `text` as a cron expression; ValueProblem says why there is none."""
    parts = text.split()
    zone = None
    if len(parts) > 1 and parts[-1][:1].isalpha() and parts[-1].lower() not in _DAY and is_zone(parts[-1]):
        zone = parts.pop()
    if len(parts) == 1 and parts[0].lower() in _SHORTHANDS:
        return Event(_SHORTHANDS[parts[0].lower()], zone)
    return _assemble(parts, zone)
