"""What may be written for a key, in words."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch

from polysync.domain.quantity import format_size, format_span
from polysync.domain.shape import (
    Anything,
    Choice,
    Flag,
    Many,
    Mapped,
    Named,
    Nested,
    Shape,
    Size,
    Span,
    Special,
    Text,
    Whole,
)

KINDS = {"contention": "contention profile", "template": "template task"}
FEW = 3  # more spellings than this are hinted at


@singledispatch
def words(shape: Shape) -> str:
    """The values of this shape, as a person would say it."""
    raise NotImplementedError(f"{type(shape).__name__} has no words yet")


@words.register
def _(shape: Text) -> str:
    return shape.noun


@words.register
def _(_: Flag) -> str:
    return "true or false"


@words.register
def _(shape: Whole) -> str:
    return f"{shape.low} to {shape.high}{_or(shape.words)}"


@words.register
def _(shape: Span) -> str:
    low = f", at least {format_span(shape.low)}" if shape.low else ""
    high = f", at most {format_span(shape.high)}" if shape.high else ""
    return f"a duration{low}{high}{_or(shape.words)}"


@words.register
def _(shape: Size) -> str:
    return f"a size, at least {format_size(shape.low)}" if shape.low else "a size"


@words.register
def _(shape: Choice) -> str:
    aliases = list(shape.aliases)
    also = f" (also {_quoted(aliases[:FEW])}{' …' if len(aliases) > FEW else ''})" if aliases else ""
    return f"{_quoted(member.value for member in shape.type)}{also}"


@words.register
def _(shape: Many) -> str:
    inner = words(shape.item)
    return f"{inner}, or a list of them" if shape.lone else f"a list; each {inner}"


@words.register
def _(shape: Mapped) -> str:
    return f"a table; each value {words(shape.item)}"


@words.register
def _(_: Nested) -> str:
    return "a table, see below"


@words.register
def _(shape: Named) -> str:
    return f"the name of a {KINDS.get(shape.kind, shape.kind)}"


@words.register
def _(_: Anything) -> str:
    return "any value"


@words.register
def _(shape: Special) -> str:
    return shape.words


def _or(spellings: Iterable[str]) -> str:
    said = _quoted(spellings)
    return f", or {said}" if said else ""


def _quoted(spellings: Iterable[str]) -> str:
    return ", ".join(f'`"{spelling}"`' for spelling in spellings)
