"""The shape of a configuration key: what may be written there, and what it means.

Definitions are frozen dataclasses whose fields carry a `Key`.  From these keys come the decoder's
checks, the JSON Schema and the reference page, so a key is described exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Any

ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value may look like; the subclasses say which values."""


@dataclass(frozen=True, slots=True)
class Text(Shape):
    """A string; `pattern` must match the whole of it."""

    pattern: str | None = None
    empty: bool = True
    substitute: bool = True  # ${env:…} and ${file:…} are replaced at load
    run_variables: bool = False  # ${run:…} and ${param:…} may stay for dispatch
    noun: str = "a string"


@dataclass(frozen=True, slots=True)
class Flag(Shape):
    """true or false."""


@dataclass(frozen=True, slots=True)
class Whole(Shape):
    """A whole number between two bounds; `words` are spellings of a value (None: no limit)."""

    low: int
    high: int
    words: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span(Shape):
    """A duration such as "90s" or "1h30m"; `words` are spellings of a value (None: no limit)."""

    low: timedelta = ZERO
    high: timedelta | None = None
    words: Mapping[str, timedelta | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Size(Shape):
    """A number of bytes such as "100mb"."""

    low: int = 0


@dataclass(frozen=True, slots=True)
class Choice(Shape):
    """One of the members of an enumeration; `aliases` are other accepted spellings."""

    type: type[StrEnum]
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Many(Shape):
    """A list; `lone` also accepts one bare item."""

    item: Shape
    lone: bool = False
    filled: bool = False  # an empty list is an error


@dataclass(frozen=True, slots=True)
class Mapped(Shape):
    """A table of free names (matching `name_pattern`) to values of one shape."""

    item: Shape
    name_pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Nested(Shape):
    """A table with the keys of a definition class."""

    of: type[Any]


@dataclass(frozen=True, slots=True)
class Named(Shape):
    """The name of something defined elsewhere in the file, e.g. a "task" or a "notifier"."""

    kind: str


@dataclass(frozen=True, slots=True)
class Anything(Shape):
    """Any TOML value, kept as it is (adapter settings, literals)."""

    substitute: bool = True
    run_variables: bool = False


@dataclass(frozen=True, slots=True)
class Special(Shape):
    """A shape with a decoder of its own, by name; `schema` is its JSON Schema and `words` its text."""

    name: str
    words: str
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Key:
    """One configuration key: its shape, its one-sentence meaning, and whether [defaults] may set it."""

    shape: Shape
    doc: str
    inherit: bool = False
    required: bool = False
    secret: bool = False
    shown: str | None = None  # how the default reads in the reference, where it is not the value itself


def key(
    shape: Shape,
    doc: str,
    default: Any = MISSING,
    *,
    factory: Callable[[], Any] | None = None,
    inherit: bool = False,
    secret: bool = False,
    shown: str | None = None,
) -> Any:
    """A dataclass field that is a configuration key; without a default it is required."""
    required = default is MISSING and factory is None
    meta = {"key": Key(shape, doc, inherit, required, secret, shown)}
    if factory is not None:
        return field(default_factory=factory, metadata=meta)
    return field(default=default, metadata=meta)


def keys_of(definition: type[Any]) -> Mapping[str, tuple[Key, Field[Any]]]:
    """Every configuration key of a definition class, in the order of declaration."""
    return _keys_of(definition)  # type: ignore[arg-type]  # mypy does not see that a class is hashable


@cache
def _keys_of(definition: type[Any]) -> Mapping[str, tuple[Key, Field[Any]]]:
    return {f.name: (f.metadata["key"], f) for f in fields(definition) if "key" in f.metadata}
