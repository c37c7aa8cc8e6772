"""Values of a RunWisp file, checked, in the forms that are ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from polysync.config.imports.findings import Finding, kept
from polysync.config.imports.render import Ready
from polysync.domain.errors import ValueProblem
from polysync.domain.quantity import BYTES, format_size

ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SUBSTITUTION: Final = re.compile(r"\$?\$\{([^}]*)\}?")
_MICROSECONDS: Final = {
    "ns": 0.001, "us": 1, "µs": 1, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6, "d": 86400e6, "w": 604800e6,
}  # fmt: skip
_SPAN: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h|d|w)", re.ASCII)
_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([kmgt]?b)", re.ASCII | re.IGNORECASE)
_CENTURY: Final = 36_525 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Around:
    """What the rules of one unit have to know besides the value."""

    name: str = ""
    notifiers: Mapping[str, str] = field(default_factory=dict)  # the id there → here
    services: Mapping[str, str] = field(default_factory=dict)  # the name there → here
    failures: tuple[str, ...] = ()  # the tokens that are inherited


Rule = Callable[[Any, Around], Finding]


def word(value: Any) -> str:
    """A string without variables; numbers and the like are a mistake."""
    if not isinstance(value, str):
        raise ValueProblem("it should be a string")
    if "\0" in value:
        raise ValueProblem("it holds a NUL")
    return value


def _ours(found: re.Match[str]) -> str:
    inside = found[1]
    if found[0].startswith("$$"):
        return found[0]
    if not found[0].endswith("}"):
        raise ValueProblem("a ${ is not closed; for the text itself write $${")
    if inside.startswith("file:") and len(inside) > len("file:"):
        return f"${{{inside}}}"
    if not ENV_NAME.fullmatch(inside):
        raise ValueProblem(f"${{{inside}}} is not a variable; for the text itself write $${{")
    return f"${{env:{inside}}}"


def text(value: Any) -> Ready:
    """A string with its variables in our notation: `${NAME}` becomes `${env:NAME}`."""
    return Ready(_SUBSTITUTION.sub(_ours, word(value)))


def plain(value: Any) -> str:
    """A string that must be known now: a name, a word, a number."""
    if "${" in word(value):
        raise ValueProblem("a variable cannot be looked up here; write it by hand")
    return word(value)


def one_of(value: Any, words: Mapping[str, str]) -> str:
    """What one of a closed list of words is called here."""
    if plain(value) not in words:
        raise ValueProblem(f"it should be one of {', '.join(words)}")
    return words[value]


def whole(value: Any, low: int, high: int) -> int:
    """A number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueProblem(f"it should be a number from {low} to {high}")
    return value


def flag(value: Any) -> bool:
    """Yes or no, as TOML writes it."""
    if not isinstance(value, bool):
        raise ValueProblem("it should be true or false")
    return value


def texts(value: Any) -> list[str]:
    """A string, or a list of them."""
    return [word(item) for item in (value if isinstance(value, list) else [value])]


def span(value: Any, most: timedelta | None = None) -> timedelta:
    """A duration, at most `most`."""
    said, total, end = plain(value).strip(), 0.0, 0
    for part in _SPAN.finditer(said):
        if part.start() != end:
            break
        total += float(part[1]) * _MICROSECONDS[part[2]]
        end = part.end()
    if not said or (end != len(said) and said != "0"):
        raise ValueProblem("it is not a duration")
    length = timedelta(microseconds=round(min(total, _CENTURY)))
    if most is not None and length > most:
        raise ValueProblem("it is longer than what is possible here; write it by hand")
    return length


def is_zero(value: Any) -> bool:
    """Whether a size is written as a bare zero, which switches things off."""
    return value == "0" or (value == 0 and not isinstance(value, bool))


def size(value: Any, least: int = 0) -> str:
    """A number of bytes, at least `least`."""
    found = _SIZE.fullmatch("0b" if is_zero(value) else plain(value).strip())
    if found is None:
        raise ValueProblem("it is not a size")
    amount = int(float(found[1]) * BYTES[found[2].lower()])
    if amount < least:
        raise ValueProblem(f"the least that is possible here is {format_size(least)}")
    return format_size(amount)


def environment(value: Any) -> dict[str, Ready]:
    """A table of variables."""
    if not isinstance(value, dict):
        raise ValueProblem("it should be a table")
    wrong = [name for name in value if not ENV_NAME.fullmatch(name) or name.startswith("POLYSYNC_")]
    if wrong:
        raise ValueProblem(f"{wrong[0]!a} is not a name that an environment variable can have here")
    return {name: text(item) for name, item in value.items()}


def anything(value: Any) -> Any:
    """Any value, with the variables in its strings in our notation."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list):
        return [anything(item) for item in value]
    if isinstance(value, dict):
        return {name: anything(item) for name, item in value.items()}
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 1 << 63):
        return value
    raise ValueProblem("a value of a kind that is not used here")


def as_is(key: str, reader: Callable[[Any], Any]) -> Rule:
    """A rule: the value, as `reader` reads it, becomes `key`."""
    return lambda value, _around: kept(**{key: reader(value)})


def always(finding: Finding) -> Rule:
    """A rule that says the same whatever the value."""
    return lambda _value, _around: finding
