"""What a caller asked for: paths, queries and bodies, turned into values or into problems by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, unquote

from polysync.api.protocol import Request
from polysync.api.refusal import Refused, invalid
from polysync.domain.errors import ValueProblem
from polysync.domain.quantity import parse_span
from polysync.ports import Asker

MOST_FIELDS: Final = 32
LARGEST_ID: Final = (1 << 63) - 1
LONGEST_WORD: Final = 500
LARGEST_TABLE: Final = 256 << 10  # bytes of JSON; the host takes half as much in one argument or variable
MOST_TAGS: Final = 64
LAST_YEAR: Final = 8999  # so that whatever is added to a time that a caller chose still has a place in the calendar
T = TypeVar("T")
_FLAGS: Final = {"1": True, "true": True, "0": False, "false": False}


@dataclass(slots=True)
class Asked:
    """One request on its way through a route."""

    request: Request
    asker: Asker
    path: Mapping[str, str] = field(default_factory=dict)  # the parts of the path that a route leaves open
    query: Mapping[str, str] = field(default_factory=dict)  # as it came
    given: Mapping[str, Any] = field(default_factory=dict)  # the query as its route declares it
    told: Mapping[str, Any] = field(default_factory=dict)  # the body as its route declares it

    def number(self, name: str) -> int:
        """A number in the path; anything else names nothing."""
        value = whole(self.path[name])
        if value is None:
            raise Refused(404, f"no run {self.path[name]}")
        return value

    def accepts(self, kind: str) -> bool:
        """Whether the caller asked for this media type by its name."""
        return kind in self.request.headers.get("accept", "").lower()


class Problems:
    """Reads values and collects what is wrong with them, so that all of it is said at once."""

    def __init__(self, given: Mapping[str, Any], known: frozenset[str]) -> None:
        self._given = given
        self._found = [(name, "unknown") for name in given if name not in known]

    def take(self, name: str, read: Callable[[Any], T], default: T) -> T:
        """The value of that name; one that is not there, or null, is the default."""
        value = self._given.get(name)
        if value is None:
            return default
        try:
            return read(value)
        except ValueProblem as problem:
            self._found.append((name, "; ".join(filter(None, (problem.message, problem.hint)))))
            return default

    def add(self, name: str, message: str) -> None:
        """Note what is wrong with several values together."""
        self._found.append((name, message))

    def refuse(self) -> None:
        """Refuse if anything was wrong."""
        if self._found:
            raise invalid(self._found)


def split(target: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The segments of a target's path, and its query."""
    path, _, query = target.partition("?")
    try:
        segments = tuple(unquote(part, errors="strict") for part in path.removeprefix("/").split("/"))
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Refused(400, "the target is not UTF-8, or has too many parameters") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise invalid([(name, "given twice")])
        found[name] = value
    return segments, found


def document(body: bytes) -> dict[str, Any]:
    """A body that is one JSON object; none at all is an empty one."""
    if not body.strip():
        return {}
    try:
        found = json.loads(body, parse_constant=_no_constant, object_pairs_hook=_no_twice)
        json.dumps(found, ensure_ascii=False).encode()  # half a character cannot be stored
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is not JSON: {_first_line(error)}") from None
    if not isinstance(found, dict):
        raise Refused(400, "the body is not a JSON object")
    return found


def word(value: Any) -> str:
    """A short text without control characters."""
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= LONGEST_WORD:
        raise ValueProblem(f"not a text of 1 to {LONGEST_WORD} printable characters")
    return value


def prose(value: Any) -> str:
    """A text that people wrote; lines are fine."""
    if not isinstance(value, str) or "\0" in value or len(value) > 8 * LONGEST_WORD:
        raise ValueProblem(f"not a text of at most {8 * LONGEST_WORD} characters")
    return value


def flag(value: Any) -> bool:
    """True or false, as JSON or as a word in a query."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value not in _FLAGS:
        raise ValueProblem("neither true nor false")
    return _FLAGS[value]


def between(low: int, high: int) -> Callable[[Any], int]:
    """Reads a whole number from `low` to `high`."""

    def read(value: Any) -> int:
        number = whole(value) if isinstance(value, str) else value
        if type(number) is not int or not low <= number <= high:
            raise ValueProblem(f"not a whole number from {low} to {high}")
        return number

    return read


def instant(value: Any) -> datetime:
    """A time with its offset from UTC."""
    try:
        found = datetime.fromisoformat(str(value).replace(" ", "+") if "T" in str(value) else str(value))
        if found.tzinfo is None:
            raise ValueProblem("without an offset from UTC", 'write it like "2026-10-25T01:00:00Z"')
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueProblem("not a time", 'write it like "2026-10-25T01:00:00Z"') from None


def coming(value: Any) -> datetime:
    """A time at which something is to happen: no year that a deadline after it could leave the calendar from."""
    found = instant(value)
    if found.year > LAST_YEAR:
        raise ValueProblem(f"after the year {LAST_YEAR}")
    return found


def span(value: Any) -> timedelta:
    """A length of time, as in the configuration."""
    return parse_span(value if isinstance(value, str) else str(value))


def one_of(kind: type[StrEnum]) -> Callable[[Any], Any]:
    """Reads one of the words of a closed choice."""

    def read(value: Any) -> StrEnum:
        try:
            return kind(value)
        except ValueError:
            raise ValueProblem(f"not one of {', '.join(kind)}") from None

    return read


def some_of(kind: type[StrEnum]) -> Callable[[Any], tuple[Any, ...]]:
    """Reads words of a closed choice with commas between them; one that is there twice counts once."""
    one = one_of(kind)

    def read(value: Any) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(map(one, str(value).split(","))))

    return read


def table(value: Any) -> dict[str, Any]:
    """A JSON object of any values, which is kept with a run and read with every list of them."""
    if not isinstance(value, dict):
        raise ValueProblem("not a table")
    for name in value:
        word(name)
    if len(json.dumps(value)) > LARGEST_TABLE:
        raise ValueProblem(f"larger than {LARGEST_TABLE >> 10} KiB", "put it into a file, and hand over its name")
    return value


def tags(value: Any) -> dict[str, str]:
    """A JSON object of short texts."""
    found = table(value)
    if len(found) > MOST_TAGS:
        raise ValueProblem(f"more than {MOST_TAGS} tags")
    return {word(name): word(text) for name, text in found.items()}


def whole(value: str) -> int | None:
    """A number that fits the database."""
    if not (value.isascii() and value.isdigit() and len(value) < 20):
        return None
    number = int(value)
    return number if number <= LARGEST_ID else None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]
