"""One field of a cron expression: its grammar, and the set of values that it stands for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from polysync.domain.errors import ValueProblem

WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
SHOWN: Final = 24  # characters of a faulty term that a message repeats
SATURDAY: Final = 6
HASHED_DAYS: Final = 28  # `H` picks a day that every month has


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One of the six fields: its name, its values and the words that stand for them; there is one object of each."""

    name: str
    low: int
    high: int
    words: Mapping[str, int] = field(default_factory=dict)
    alias: int | None = None  # one value beyond `high` that means `low`

    @property
    def full(self) -> int:
        """The mask of all its values."""
        return (1 << self.high + 1) - (1 << self.low)


SECOND: Final = Kind("second", 0, 59)
MINUTE: Final = Kind("minute", 0, 59)
HOUR: Final = Kind("hour", 0, 23)
DAY: Final = Kind("day-of-month", 1, 31)
MONTH: Final = Kind("month", 1, 12, {word: number for number, word in enumerate(MONTHS, 1)})
WEEKDAY: Final = Kind("day-of-week", 0, 6, {word: number for number, word in enumerate(WEEKDAYS)}, alias=7)


@dataclass(frozen=True, slots=True)
class Pick:
    """A day that depends on the month, such as `L` or `1#5`: the name of its rule and the rule's numbers."""

    rule: str
    first: int = 0
    second: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """What one field stands for; one object for one text, so that looking it up is cheap."""

    mask: int  # bit n is set: the value n
    star: bool = False  # its text starts with `*`
    wide: bool = False  # it starts with `*` or with the whole range: an interval, not a fixed time
    bare: bool = False  # a plain `*`: it restricts nothing
    picks: tuple[Pick, ...] = ()


@dataclass(frozen=True, slots=True)
class _Term:
    mask: int = 0
    wide: bool = False
    pick: Pick | None = None


_RANGE: Final = re.compile(r"(\*|[a-z]+|\d+)(?:-([a-z]+|\d+))?(?:/(\d+))?", re.ASCII | re.IGNORECASE)
_HASHED: Final = re.compile(r"h(?:\((\w+)-(\w+)\))?(?:/(\d+))?", re.ASCII | re.IGNORECASE)
_SPREAD: Final = re.compile(r"(?<![a-z])h(?![a-z])", re.ASCII | re.IGNORECASE)
_DAY_PICK: Final = re.compile(
    r"(?P<last>l)(?:-(?P<before>\d+))?|(?P<lastwork>lw)|(?P<near>\d+)w", re.ASCII | re.IGNORECASE
)
_WEEKDAY_PICK: Final = re.compile(r"([a-z]{3}|\d+)(?:(l)|#(\d+))", re.ASCII | re.IGNORECASE)


def is_spread(text: str) -> bool:
    """Whether `text` holds an `H`, so that its meaning depends on a name."""
    return _SPREAD.search(text) is not None


@lru_cache(maxsize=8192)
def parse_field(kind: Kind, text: str, salt: str | None = None) -> Field:
    """What `text` stands for in a field of this kind; `salt` is the name that `H` spreads by."""
    terms, offset = [], 0
    for part in text.split(","):
        try:
            terms.append(_term(kind, part, salt))
        except ValueProblem as problem:
            raise ValueProblem(problem.message, problem.hint, offset + problem.offset) from None
        offset += len(part) + 1
    mask = 0
    for term in terms:
        mask |= term.mask
    picks = tuple(dict.fromkeys(term.pick for term in terms if term.pick))
    full, star = mask == kind.full, text.startswith("*")
    return Field(mask, star=star, wide=full or terms[0].wide, bare=full and star, picks=picks)


def bits(values: Iterable[int]) -> int:
    """The mask in which exactly the bits of `values` are set."""
    mask = 0
    for value in values:
        mask |= 1 << value
    return mask


def members(mask: int) -> tuple[int, ...]:
    """The values whose bits are set in `mask`, in order."""
    return tuple(value for value in range(mask.bit_length()) if mask >> value & 1)


def fault(kind: Kind, said: str, hint: str = "", offset: int = 0) -> ValueProblem:
    """A problem that names the field."""
    return ValueProblem(f"{kind.name}: {said}", hint, offset)


def shown(text: str) -> str:
    """`text` as a message may repeat it: short, and without control characters."""
    short = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    return f'"{short}"' if short.isprintable() else ascii(short)


def _term(kind: Kind, text: str, salt: str | None) -> _Term:
    for grammar in _GRAMMARS[kind.name]:
        term = grammar(kind, text, salt)
        if term is not None:
            return term
    raise fault(kind, *_complaint(text))


def _complaint(text: str) -> tuple[str, str]:
    if not text:
        return "a value is missing", "remove the comma, or write a value"
    if "?" in text:
        return '"?" is not used here', 'write "*"'
    if text.startswith("-"):
        return f"{shown(text)} is below zero", ""
    if "~" in text:
        return f"{shown(text)} is not used here", 'write "H" for a time that differs from task to task'
    return f"{shown(text)} is not a value, a range or a step", ""


def _range(kind: Kind, text: str, _salt: str | None) -> _Term | None:
    found = _RANGE.fullmatch(text)
    if found is None or (found[1] == "*" and found[2] is not None):
        return None
    step = _step(kind, found[3], found.start(3))
    if found[1] == "*":
        return _Term(bits(range(kind.low, kind.high + 1, step)), wide=True)
    start = _value(kind, found[1])
    last = kind.high if found[3] else start
    end = last if found[2] is None else _value(kind, found[2], found.start(2))
    if start <= end:
        values = range(start, end + 1, step)
        return _Term(_folded(kind, values), wide=(start, end) == (kind.low, kind.high))
    return _Term(bits(_around(kind, found, start, end)[::step]))


def _around(kind: Kind, found: re.Match[str], start: int, end: int) -> list[int]:
    """The weekdays from `start` over the end of the week to `end`, where both are named."""
    if kind is not WEEKDAY or found[1].isdigit() or found[2].isdigit():
        raise fault(kind, f"{shown(found[0])} runs backwards", "write the smaller value first, or two ranges")
    return [*range(start, SATURDAY + 1), *range(end + 1)]


def _folded(kind: Kind, values: range) -> int:
    mask = bits(values)
    if kind.alias is not None and mask >> kind.alias & 1:
        mask = mask & ~(1 << kind.alias) | 1 << kind.low
    return mask


def _step(kind: Kind, text: str | None, offset: int) -> int:
    if text is None:
        return 1
    step = int(text[:9])  # a longer one steps over everything as well
    if step == 0:
        raise fault(kind, "a step of 0 never moves", 'write "*" for every value', offset)
    return step


def _value(kind: Kind, text: str, offset: int = 0) -> int:
    if not text.isdigit():
        return _word(kind, text, offset)
    value = int(text[:9])
    highest = kind.high if kind.alias is None else kind.alias
    if not kind.low <= value <= highest:
        raise fault(kind, f"{shown(text)[1:-1]} is not between {kind.low} and {highest}", "", offset)
    return value


def _word(kind: Kind, text: str, offset: int) -> int:
    value = kind.words.get(text.lower())
    if value is not None:
        return value
    short = text[:3].lower()
    if short in kind.words:
        raise fault(kind, f"{shown(text)} is not a name", f'write "{short}"', offset)
    raise fault(kind, f"{shown(text)} is not a value", _expected(kind), offset)


def _expected(kind: Kind) -> str:
    numbers = f"{kind.low} to {kind.high}"
    return f"write {numbers}" + (f", or names such as {next(iter(kind.words))}" if kind.words else "")


def _hashed(kind: Kind, text: str, salt: str | None) -> _Term | None:
    found = _HASHED.fullmatch(text)
    if found is None:
        return None
    if salt is None:
        raise fault(kind, '"H" needs a task: it spreads tasks by their names', "write a fixed value")
    low, high = kind.low, kind.high if kind is not DAY else HASHED_DAYS
    if found[1] is not None:
        low, high = _value(kind, found[1], found.start(1)), _value(kind, found[2], found.start(2))
    if low > high:
        raise fault(kind, f"{shown(text)} runs backwards", "write the smaller value first")
    seed = int.from_bytes(hashlib.sha256(f"{salt}\0{kind.name}".encode()).digest()[:8], "big")
    if found[3] is None:
        fixed = low + seed % (high - low + 1)
        return _Term(_folded(kind, range(fixed, fixed + 1)))
    step = _step(kind, found[3], found.start(3))
    start = low + seed % min(step, high - low + 1)
    top = high if found[1] is not None else kind.high
    return _Term(_folded(kind, range(start, top + 1, step)), wide=found[1] is None)


def _day_pick(kind: Kind, text: str, _salt: str | None) -> _Term | None:
    found = _DAY_PICK.fullmatch(text)
    if found is None:
        return None
    if found["lastwork"]:
        return _Term(pick=Pick("last workday"))
    if found["near"]:
        return _Term(pick=Pick("nearest workday", _value(kind, found["near"])))
    before = int((found["before"] or "0")[:9])
    if before >= kind.high:
        raise fault(kind, f"no month has {shown(found['before'])[1:-1]} days before its last", "", 2)
    return _Term(pick=Pick("last day", before))


def _weekday_pick(kind: Kind, text: str, _salt: str | None) -> _Term | None:
    found = _WEEKDAY_PICK.fullmatch(text)
    if found is None:
        return _alone(kind, text)
    weekday = _value(kind, found[1]) % 7
    if found[2]:
        return _Term(pick=Pick("last weekday", weekday))
    number = int(found[3][:9])
    if not 1 <= number <= 5:
        raise fault(kind, f"{shown(text)} is not the first to fifth of a month", "", found.start(3))
    return _Term(pick=Pick("nth weekday", weekday, number))


def _alone(kind: Kind, text: str) -> _Term | None:
    if text.lower() == "l":
        raise fault(kind, '"L" needs a weekday before it', 'write "5L" for the last Friday, "sat" for Saturday')
    return None


_GRAMMARS: Final[Mapping[str, tuple[Callable[[Kind, str, str | None], _Term | None], ...]]] = {
    SECOND.name: (_hashed, _range),
    MINUTE.name: (_hashed, _range),
    HOUR.name: (_hashed, _range),
    DAY.name: (_hashed, _day_pick, _range),
    MONTH.name: (_hashed, _range),
    WEEKDAY.name: (_hashed, _weekday_pick, _range),
}
