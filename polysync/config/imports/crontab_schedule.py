"""The time fields of a crontab entry, put so that they mean here what they mean to crond."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from polysync.domain.errors import ValueProblem

MACROS: Final = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_MONTHS: Final = {name: n for n, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_DAYS: Final = {name: n for n, name in enumerate("sun mon tue wed thu fri sat".split())}
_ITEM: Final = re.compile(r"(?:\*|([0-9]+|[A-Za-z]{3})(?:-([0-9]+|[A-Za-z]{3}))?)(?:/([0-9]+))?", re.ASCII)
_RANDOM: Final = re.compile(r"([0-9]+)?~([0-9]+)?(?:/([0-9]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five fields: its name, its bounds, and the words it knows."""

    name: str
    low: int
    high: int
    words: dict[str, int]

    @property
    def top(self) -> int:
        """The highest value that no other one means too."""
        return min(self.high, 6) if self.words is _DAYS else self.high


FIELDS: Final = (
    Field("minute", 0, 59, {}),
    Field("hour", 0, 23, {}),
    Field("day of month", 1, 31, {}),
    Field("month", 1, 12, _MONTHS),
    Field("day of week", 0, 7, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron expression of ours, and what a person should know about how it came about."""

    cron: str
    notes: tuple[str, ...] = ()


def _number(text: str, field: Field) -> int:
    if not text.isdigit():
        if text.lower() not in field.words:
            raise ValueProblem(f'{field.name}: "{text}" is not known to cron')
        return field.words[text.lower()]
    number = int(text[:9])
    if not field.low <= number <= field.high:
        raise ValueProblem(f"{field.name}: {text} is outside {field.low} to {field.high}")
    return number


def _shown(text: str, field: Field) -> str:
    number = _number(text, field)
    return str(number) if text.isdigit() else text.lower()


def _random(item: re.Match[str], field: Field) -> Schedule:
    """A random value (cronie, OpenBSD): here the task's name decides, so that it stays the same."""
    step = "" if item[3] is None else f"/{int(item[3][:9])}"
    if step == "/0":
        raise ValueProblem(f"{field.name}: a step of 0 never ends")
    if item[1] is None and item[2] is None:
        word = f"H{step}"
    else:
        first = _number(item[1], field) if item[1] else field.low
        last = _number(item[2], field) if item[2] else field.top
        if first > last:
            raise ValueProblem(f"{field.name}: the range {item[0]} runs backwards")
        word = f"H({first}-{last}){step}"
    return Schedule(
        word, (f"{item[0]} was a random {field.name}; {word} is one derived from the task's name, always the same",)
    )


def _stepped_number(text: str, field: Field) -> Schedule:
    """`5/15`: what it means depends on who reads it."""
    start, _, step = text.partition("/")
    meant = f"{_shown(start, field)}-{field.top}/{int(step)}"
    note = (
        f"{text} in the {field.name}: Debian's cron and cronie refuse it, old Vixie cron reads {start} alone, "
        f"FreeBSD, Quartz and most libraries read {meant}; imported as {meant}"
    )
    return Schedule(meant, (note,))


def _item(text: str, field: Field) -> Schedule:
    found = _RANDOM.fullmatch(text)
    if found:
        return _random(found, field)
    item = _ITEM.fullmatch(text)
    if item is None:
        raise ValueProblem(f'{field.name}: "{text}" is not known to cron')
    first, last, step = item.groups()
    if step is not None and int(step[:9]) == 0:
        raise ValueProblem(f"{field.name}: a step of 0 never ends")
    if first is None:
        return Schedule("*" if step is None else f"*/{int(step)}")
    if last is None:
        return Schedule(_shown(first, field)) if step is None else _stepped_number(text, field)
    return Schedule(_range(first, last, field) + ("" if step is None else f"/{int(step)}"))


def _range(first: str, last: str, field: Field) -> str:
    """A range; cronie lets one of weekdays end on Sunday written as 0."""
    low, high = _number(first, field), _number(last, field)
    if low > high and not (field.words is _DAYS and high == 0):
        raise ValueProblem(f"{field.name}: the range {first}-{last} runs backwards")
    if field.words is _DAYS and (low, high) == (0, 7):
        return "0-6"  # Sunday would count twice
    end = "7" if low > high and last.isdigit() else _shown(last, field)
    return f"{_shown(first, field)}-{end}"


def _field(text: str, field: Field) -> Schedule:
    items = [_item(part, field) for part in text.split(",")]
    return Schedule(",".join(i.cron for i in items), tuple(note for i in items for note in i.notes))


def translate(fields: Sequence[str]) -> Schedule:
    """Five time fields as a cron expression of ours."""
    parts = [_field(text, field) for text, field in zip(fields, FIELDS, strict=True)]
    return Schedule(" ".join(p.cron for p in parts), tuple(note for p in parts for note in p.notes))
