"""Effective values as a person would write them in the file: sizes with units, exit codes as ranges, names as names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from polysync.domain.quantity import format_size
from polysync.domain.settings import Storage
from polysync.domain.shape import Size, Special, keys_of
from polysync.domain.task import Task


def as_written(key: str, value: Any) -> Any:
    """The JSON form of the value of `key` as it would stand in the file; absent parts of tables are left out."""
    shape = SHAPES.get(key)
    if isinstance(shape, Size) and isinstance(value, int):
        return format_size(value)
    if isinstance(shape, Special) and shape.name == "on_start":
        return ON_START.get(value, value)
    if isinstance(shape, Special) and shape.name in SPECIAL and isinstance(value, dict | list):
        return SPECIAL[shape.name](value)
    return without_nothing(value)


def without_nothing(value: Any) -> Any:
    """`value` without the absent parts, which TOML cannot write."""
    if isinstance(value, dict):
        return {key: without_nothing(item) for key, item in value.items() if item is not None}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


def _codes(value: Mapping[str, Any]) -> list[Any]:
    return [low if low == high else f"{low}-{high}" for low, high in value["ranges"]]


def _never_on(value: Mapping[str, Any]) -> list[Any]:
    return [*_codes(value["codes"]), *value["texts"]]


def _quorum(value: Mapping[str, Any]) -> Any:
    if value["need"] is None:
        return "all"
    return f"{value['need']}%" if value["percent"] else value["need"]


def _edges(value: list[Mapping[str, Any]]) -> list[Any]:
    plain = {"on": "success", "when": None}
    return [
        edge["task"] if all(edge[key] == usual for key, usual in plain.items()) else without_nothing(dict(edge))
        for edge in value
    ]


SHAPES: Final = {
    key: declared.shape for definition in (Task, Storage) for key, (declared, _) in keys_of(definition).items()
}
ON_START: Final[Mapping[Any, Any]] = {"no": False, "daemon": True}
SPECIAL: Final[Mapping[str, Callable[[Any], Any]]] = {
    "codes": _codes,
    "never_on": _never_on,
    "quorum": _quorum,
    "edges": _edges,
}
