"""A checked configuration as plain data and back: much cheaper than reading it, and never pickle.

What is plain stays as it is; everything else, each value once, stands in a table of its own, to which the
definitions refer by number.  Only classes of definitions that this module knows are ever made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any, Final

from polysync.config.kinds import OPTION_CLASSES
from polysync.config.tables import plan_of
from polysync.domain import calendar, ical, settings, task, values
from polysync.domain.settings import Service
from polysync.domain.task import Task

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_SPARSE: Final = frozenset({Task, Service})  # whose instances hold only what was written
_MODULES: Final = (calendar, ical, settings, task, values)


class NotPlain(Exception):
    """Something in a configuration must not, or cannot, be kept as data."""


def _known() -> dict[str, type[Any]]:
    made = [item for module in _MODULES for item in vars(module).values() if isinstance(item, type)]
    kept = (cls for cls in (*made, *OPTION_CLASSES.values()) if is_dataclass(cls) or issubclass(cls, Enum))
    return {f"{cls.__module__}.{cls.__qualname__}": cls for cls in kept}


KNOWN: Final[Mapping[str, type[Any]]] = _known()
NAMES: Final = {cls: name for name, cls in KNOWN.items()}


class Freezer:
    """Values on their way to plain data; equal ones are written once."""

    def __init__(self) -> None:
        self.table: list[tuple[Any, ...]] = []
        self._places: dict[tuple[Any, ...], int] = {}

    def freeze(self, value: Any) -> tuple[int, Any]:
        """`value` as (0, plain) or (1, its place in the table)."""
        if _is_plain(value):
            return 0, value
        return 1, self._place(self._tagged(value))

    def _tagged(self, value: Any) -> tuple[Any, ...]:
        kind = type(value)
        if issubclass(kind, Enum):
            return "enum", _name(kind), value.value
        if kind is timedelta:
            return "span", value.days, value.seconds, value.microseconds
        if kind in {datetime, date, time}:
            if kind is not date and value.tzinfo not in {None, UTC}:
                raise NotPlain
            return kind.__name__, value.isoformat()
        if kind in {tuple, list, frozenset}:
            return kind.__name__, tuple(self.freeze(item) for item in value)
        if isinstance(value, Mapping):
            return "dict", tuple((self.freeze(key), self.freeze(item)) for key, item in value.items())
        return "made", _name(kind), self._fields(value)

    def _fields(self, value: Any) -> tuple[tuple[str, tuple[int, Any]], ...]:
        if type(value) in _SPARSE:
            fresh = plan_of(type(value)).fresh
            held = ((name, item) for name, item in vars(value).items() if item is not fresh.get(name, value))
            return tuple((name, self.freeze(item)) for name, item in held)
        return tuple((f.name, self.freeze(getattr(value, f.name))) for f in fields(value))

    def _place(self, tagged: tuple[Any, ...]) -> int:
        try:
            place = self._places.setdefault(tagged, len(self.table))
        except TypeError:  # a list or table in it: it stands for itself
            place = len(self.table)
        if place == len(self.table):
            self.table.append(tagged)
        return place


def thaw(table: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Every value of a table, in its order: each refers only to earlier ones."""
    made: list[Any] = []
    for tagged in table:
        made.append(_MAKERS[tagged[0]](made, *tagged[1:]))
    return made


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is tuple:
        return all(type(item) in _PLAIN for item in value)
    return kind is dict and all(type(key) is str and type(item) in _PLAIN for key, item in value.items())


def _name(kind: type[Any]) -> str:
    if kind not in NAMES:
        raise NotPlain
    return NAMES[kind]


def _of(made: list[Any], reference: tuple[int, Any]) -> Any:
    return made[reference[1]] if reference[0] else reference[1]


def _make(made: list[Any], name: str, held: tuple[tuple[str, tuple[int, Any]], ...]) -> Any:
    cls = KNOWN[name]
    values_of = {name: made[value] if placed else value for name, (placed, value) in held}
    if cls not in _SPARSE:
        return cls(**values_of)
    one = object.__new__(cls)
    one.__dict__.update(plan_of(cls).fresh, **values_of)
    return one


_MAKERS: Final[Mapping[str, Callable[..., Any]]] = {
    "enum": lambda _made, name, value: KNOWN[name](value),
    "span": lambda _made, *parts: timedelta(*parts),
    "datetime": lambda _made, text: datetime.fromisoformat(text),
    "date": lambda _made, text: date.fromisoformat(text),
    "time": lambda _made, text: time.fromisoformat(text),
    "tuple": lambda made, items: tuple(_of(made, item) for item in items),
    "list": lambda made, items: [_of(made, item) for item in items],
    "frozenset": lambda made, items: frozenset(_of(made, item) for item in items),
    "dict": lambda made, items: {_of(made, key): _of(made, item) for key, item in items},
    "made": _make,
}
