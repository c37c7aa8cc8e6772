"""A new configuration made of the objects of the old one wherever both say the same.

What is the same can then be told by identity: of ten thousand tasks only the edited ones are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from operator import attrgetter
from typing import Any, Final

from polysync.domain.definition import Substituted, data_of
from polysync.domain.settings import Configuration

# Values without a declared type, in which 1, 1.0 and true are equal to Python and three things to people.
LOOSE: Final = frozenset({"settings", "parameters", "requirements", "tags", "labels", "options"})


def reuse(old: Configuration, new: Configuration, *, filled: bool = True) -> Configuration:
    """`new`, with everything of `old` that is the same; `old` itself where all of it is.

    `filled`: there may be substituted strings in either of them; to look for those takes most of the time.
    """
    made = {one.name: _kept(getattr(old, one.name), getattr(new, one.name), filled=filled) for one in fields(new)}
    if all(value is getattr(old, name) for name, value in made.items()):
        return old
    return replace(new, **made)


def is_same(old: Any, new: Any, *, filled: bool = True) -> bool:
    """Whether two definitions say the same, in the same words where those stand for something else."""
    if old is new:
        return True
    held = _held(new)
    if old.__class__ is not new.__class__ or _held(old) != held:
        return False
    names = _loose(new.__class__)
    if names is None:
        return repr(old) == repr(new)
    for name in names:
        value = getattr(new, name)
        if value and not _alike(getattr(old, name), value):
            return False
    if filled and (_is_filled_in(held) or _is_filled_in(_held(old))):
        return bool(data_of(old) == data_of(new))
    return True


def _kept(old: Any, new: Any, *, filled: bool) -> Any:
    if not isinstance(new, Mapping):
        return old if is_same(old, new, filled=filled) else new
    made = dict(new)
    for name, one in new.items():
        if name in old and is_same(old[name], one, filled=filled):
            made[name] = old[name]
    same = list(made) == list(old) and all(made[name] is old[name] for name in made)
    return old if same else made


@cache
def _loose(kind: type[Any]) -> tuple[str, ...] | None:
    return tuple(one.name for one in fields(kind) if one.name in LOOSE) if is_dataclass(kind) else None


def _alike(old: Any, new: Any) -> bool:
    """Whether two values that are equal to Python look the same too."""
    kind = new.__class__
    if old is new or (kind is str and old.__class__ is str):
        return True
    if old.__class__ is not kind:
        return False
    if kind is dict:
        return list(old) == list(new) and all(_alike(old[name], new[name]) for name in new)
    if kind is tuple or kind is list:
        return all(map(_alike, old, new))
    if is_dataclass(new):
        of = _values_of(kind)
        return all(before is after or _alike(before, after) for before, after in zip(of(old), of(new), strict=True))
    return repr(old) == repr(new)


@cache
def _values_of(kind: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter("__class__", *(one.name for one in fields(kind)))  # of one name alone it gives no tuple


def _held(one: Any) -> Any:
    """What an instance holds; what it does not is a default of its class."""
    return getattr(one, "__dict__", one)


def _is_filled_in(value: Any) -> bool:
    """Whether a substituted string is in it anywhere; asked of every value there is."""
    kind = value.__class__
    if kind in _PLAIN:
        return False
    if kind is tuple or kind is list:
        for item in value:  # noqa: SIM110 - any() with a generator costs twice as much
            if item.__class__ is not str and _is_filled_in(item):
                return True
        return False
    if kind is dict:
        return _is_filled_in([*value.values()])
    if is_dataclass(value):
        return _is_filled_in([getattr(value, one.name) for one in fields(value)])
    if isinstance(value, Mapping):
        return _is_filled_in([*value.values()])
    if isinstance(value, Substituted):
        return True
    _PLAIN.add(kind)
    return False


_PLAIN: Final[set[type[Any]]] = {str, int, float, bool, type(None)}  # and what else was found to hold nothing
