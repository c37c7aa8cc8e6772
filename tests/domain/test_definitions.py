"""Every configuration key: described once, with a default that it would itself accept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, is_dataclass
from functools import singledispatch
from typing import Any

import pytest

from polysync.domain.settings import Configuration
from polysync.domain.shape import Choice, Flag, Many, Mapped, Nested, Shape, Size, Span, Text, Whole, keys_of
from polysync.domain.task import Task


def inner(shape: Shape) -> Iterator[type[Any]]:
    """The definition classes that a shape leads to."""
    if isinstance(shape, Nested):
        yield shape.of
    elif isinstance(shape, Many | Mapped):
        yield from inner(shape.item)


def definitions() -> list[type[Any]]:
    """Every definition class that can be written in a file."""
    found: dict[type[Any], None] = {}
    waiting: list[type[Any]] = [Configuration]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = None
            waiting.extend(below for key, _ in keys_of(one).values() for below in inner(key.shape))
    return list(found)


each_definition = pytest.mark.parametrize("definition", definitions(), ids=lambda one: one.__name__)


def default_of(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


@singledispatch
def accepts(shape: Shape, value: Any) -> bool:
    """Whether `value` is one that `shape` describes; shapes with a decoder of their own are checked there."""
    del value
    return isinstance(shape, Shape)


@accepts.register
def _(shape: Text, value: Any) -> bool:
    fits = shape.pattern is None or bool(re.fullmatch(shape.pattern, value))
    return isinstance(value, str) and fits and (shape.empty or bool(value))


@accepts.register
def _(shape: Flag, value: Any) -> bool:
    del shape
    return isinstance(value, bool)


@accepts.register
def _(shape: Whole, value: Any) -> bool:
    return type(value) is int and (shape.low <= value <= shape.high)


@accepts.register
def _(shape: Span, value: Any) -> bool:
    named = value in shape.words.values()
    return named or (shape.low <= value and (shape.high is None or value <= shape.high))


@accepts.register
def _(shape: Size, value: Any) -> bool:
    return type(value) is int and value >= shape.low


@accepts.register
def _(shape: Choice, value: Any) -> bool:
    return isinstance(value, shape.type)


@accepts.register
def _(shape: Many, value: Any) -> bool:
    return isinstance(value, tuple) and all(accepts(shape.item, item) for item in value)


@accepts.register
def _(shape: Nested, value: Any) -> bool:
    return isinstance(value, shape.of)


@each_definition
def test_definitions_describe_each_key_in_a_sentence(definition: type[Any]) -> None:
    for name, (key, _) in keys_of(definition).items():
        assert re.fullmatch(r"\S.{4,}\.", key.doc), name


@each_definition
def test_definitions_have_defaults_that_they_accept(definition: type[Any]) -> None:
    for name, (key, field) in keys_of(definition).items():
        default = default_of(field)
        assert key.required == (default is MISSING), name
        assert default is MISSING or default is None or accepts(key.shape, default), name


@each_definition
def test_definitions_of_choices_have_true_aliases(definition: type[Any]) -> None:
    for name, (key, _) in keys_of(definition).items():
        if isinstance(key.shape, Choice):
            members = {member.value for member in key.shape.type}
            assert set(key.shape.aliases.values()) <= members, name
            assert not set(key.shape.aliases) & members, name


@each_definition
def test_definitions_are_frozen_values_with_a_docstring(definition: type[Any]) -> None:
    assert is_dataclass(definition)
    assert definition.__dataclass_params__.frozen  # type: ignore[attr-defined]  # every dataclass has it
    assert (definition.__doc__ or "").rstrip().endswith(".")


def test_definitions_only_inherit_what_has_a_default() -> None:
    for name, (key, _) in keys_of(Task).items():
        assert not (key.inherit and key.required), name


def test_definitions_are_held_to_checks_that_can_fail() -> None:
    assert not accepts(Whole(1, 5), 6)
    assert not accepts(Many(Flag()), ("x",))
    assert not accepts(Text(empty=False), "")
