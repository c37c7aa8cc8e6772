"""One decoder per shape: from a TOML value to the value of the definition, or a ValueProblem."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cache
from math import isfinite
from typing import Any, Final

from polysync.config.context import Context, Decoder, Reference
from polysync.config.lines import KeyPath
from polysync.config.suggest import did_you_mean, one_of
from polysync.config.wording import kind_of, quoted
from polysync.domain.definition import Substituted
from polysync.domain.errors import ValueProblem
from polysync.domain.quantity import format_size, format_span, parse_size, parse_span
from polysync.domain.shape import Anything, Choice, Flag, Named, Size, Span, Text, Whole

BIGGEST: Final = (1 << 63) - 1  # what SQL and JSON readers hold
CALLED: Final = {"contention": "contention profile"}  # how people call what a reference names, where it differs


def wrong_kind(wanted: str, value: Any, hint: str = "") -> ValueProblem:
    """The problem of a value of another kind than the one wanted."""
    return ValueProblem(f"must be {wanted}, not {kind_of(value)}", hint)


def expanded(value: str, context: Context, noun: str, check: Callable[[str], Any]) -> Any:
    """`check` of the substituted value; its complaint must not repeat what the substitution gave."""
    whole = context.expand(value, run_variables=False)
    try:
        return check(whole)
    except ValueProblem as problem:
        if isinstance(whole, Substituted):
            raise ValueProblem(f"what {quoted(whole)} gives is not {noun}") from None
        raise problem from None


def text_decoder(shape: Text) -> Decoder:
    """A string, with its variables replaced."""
    matches = re.compile(shape.pattern, re.ASCII).fullmatch if shape.pattern else None
    noun, empty, substitute, run_variables = shape.noun, shape.empty, shape.substitute, shape.run_variables

    def decode(value: Any, _path: KeyPath, context: Context) -> Any:
        if type(value) is not str:
            raise wrong_kind(noun, value, as_string(value))
        if substitute and "${" in value:
            value = context.expand(value, run_variables=run_variables)
        if "\0" in value:
            raise ValueProblem("contains a NUL character", "no program can take one")
        if not value and not empty:
            raise ValueProblem("must not be empty")
        if matches is not None and not matches(value):
            raise ValueProblem(f"{quoted(value)} is not {noun}", name_hint(noun))
        return value

    return decode


def name_hint(noun: str) -> str:
    """What a name may consist of, where `noun` is one."""
    if "name of a job" in noun:
        return "letters, digits and . _ : - (at most 100, not only digits), then @ and a version if it has one"
    return (
        "letters, digits and . _ : - only, starting with a letter or digit; not only digits" if noun == "a name" else ""
    )


def as_string(value: Any) -> str:
    """A hint to put a value in quotes, where that is all it lacks."""
    if isinstance(value, bool):
        return f'write "{str(value).lower()}"'
    return f'write "{value}"' if isinstance(value, int | float) and len(str(value)) <= 40 else ""


def flag_decoder(_shape: Flag) -> Decoder:
    """One of true and false."""

    def decode(value: Any, _path: KeyPath, _context: Context) -> Any:
        if type(value) is not bool:
            word = str(value).lower() if isinstance(value, str | int) and len(str(value)) < 9 else ""
            hint = {"true": "write true", "yes": "write true", "on": "write true", "1": "write true"}.get(word, "")
            hint = hint or {"false": "write false", "no": "write false", "off": "write false", "0": "write false"}.get(
                word, ""
            )
            raise wrong_kind("true or false", value, hint)
        return value

    return decode


def whole_decoder(shape: Whole) -> Decoder:
    """A whole number within its bounds, or one of its words."""
    low, high, words = shape.low, shape.high, shape.words
    wanted = f"a whole number from {low} to {high}" + (f", or {one_of(words)}" if words else "")

    def decode(value: Any, _path: KeyPath, context: Context) -> Any:
        if type(value) is int:
            if low <= value <= high:
                return value
            raise ValueProblem(f"must be {wanted}")
        if type(value) is str and words:
            return expanded(value, context, wanted, word)
        digits = type(value) is str and re.fullmatch(r"-?\d{1,10}", value, re.ASCII)
        raise wrong_kind(wanted, value, f"write {value} without quotes" if digits else "")

    def word(text: str) -> int | None:
        if text in words:
            return words[text]
        digits = re.fullmatch(r"-?\d{1,10}", text, re.ASCII)
        raise ValueProblem(f"must be {wanted}", f"write {text} without quotes" if digits else did_you_mean(text, words))

    return decode


def span_decoder(shape: Span) -> Decoder:
    """A duration within its bounds, or one of its words."""

    def check(text: str) -> timedelta | None:
        if text in shape.words:
            return shape.words[text]
        span = parse_span(text)
        if span < shape.low:
            raise ValueProblem(f"must be at least {format_span(shape.low)}")
        if shape.high is not None and span > shape.high:
            raise ValueProblem(f"must be at most {format_span(shape.high)}")
        return span

    known: dict[str, timedelta | None] = {}

    def decode(value: Any, _path: KeyPath, context: Context) -> Any:
        if type(value) is not str:
            raise wrong_kind(
                "a duration",
                value,
                _with_unit(value, "s", zero=not shape.low) or 'write it like "30s", "5m" or "1h30m"',
            )
        if value in known:
            return known[value]
        if "${" in value:
            return expanded(value, context, "a duration that fits here", check)
        span = check(value)
        if len(known) < 256:  # a file repeats few lengths; a hostile one must not fill the memory
            known[value] = span
        return span

    return decode


def _with_unit(value: Any, unit: str, *, zero: bool) -> str:
    """A hint to write the unit; not of a nothing that would be refused with it too."""
    fits = type(value) is int and (0 if zero else 1) <= value < 10**12
    return f'write "{value}{unit}"' if fits else ""


def size_decoder(shape: Size) -> Decoder:
    """A number of bytes at least as large as its bound."""

    def check(text: str) -> int:
        size = parse_size(text)
        if size < shape.low:
            raise ValueProblem(f"must be at least {format_size(shape.low)}")
        if size > BIGGEST:
            raise ValueProblem("larger than any disk", f"at most {format_size(BIGGEST >> 20 << 20)}")
        return size

    def decode(value: Any, _path: KeyPath, context: Context) -> Any:
        if type(value) is not str:
            raise wrong_kind(
                "a size",
                value,
                _with_unit(value, "b", zero=not shape.low) or 'write it like "500kb", "100mb" or "1.5gb"',
            )
        return expanded(value, context, "a size that fits here", check) if "${" in value else check(value)

    return decode


def choice_decoder(shape: Choice) -> Decoder:
    """A member of an enumeration, by its word or an alias of it."""
    members: dict[str, StrEnum] = {member.value: member for member in shape.type}
    words = members | {alias: members[word] for alias, word in shape.aliases.items()}
    wanted = one_of(members)

    def check(text: str) -> StrEnum:
        member = words.get(text)
        if member is None:
            raise ValueProblem(f"must be {wanted}, not {quoted(text)}", did_you_mean(text, words))
        return member

    def decode(value: Any, _path: KeyPath, context: Context) -> Any:
        if type(value) is not str:
            raise wrong_kind(wanted, value)
        return expanded(value, context, wanted, check) if "${" in value else check(value)

    return decode


def named_decoder(shape: Named) -> Decoder:
    """A name defined elsewhere; whether it is gets checked when every file has been read."""
    kind = shape.kind

    def decode(value: Any, path: KeyPath, context: Context) -> Any:
        if type(value) is not str:
            raise wrong_kind(f"the name of a {CALLED.get(kind, kind)}", value, as_string(value))
        if "${" in value:
            value = context.expand(value, run_variables=False)
        if not value:
            raise ValueProblem("must not be empty")
        context.references.append(Reference(kind, value, path))
        return value

    return decode


def anything_decoder(shape: Anything) -> Decoder:
    """Any TOML value, with the variables in its strings replaced."""

    def decode(value: Any, path: KeyPath, context: Context) -> Any:
        kind = type(value)
        if kind is str:
            if shape.substitute and "${" in value:
                value = context.expand(value, run_variables=shape.run_variables)
            if "\0" in value:
                raise ValueProblem("contains a NUL character", "no program can take one")
            return value
        if kind is dict:
            return each(value.items(), path, context, decode)
        if kind is list:
            return list(each(enumerate(value), path, context, decode).values())
        return plain_number(value)

    return decode


def each(items: Any, path: KeyPath, context: Context, decode: Decoder) -> dict[Any, Any]:
    """Every item that decodes, by its key or index; the others leave a finding."""
    made = {}
    for name, item in items:
        inner = (*path, name)
        try:
            made[name] = decode(item, inner, context)
        except ValueProblem as problem:
            context.findings.value_problem(inner, problem)
    return made


def plain_number(value: Any) -> Any:
    """`value` itself, unless it is a number that nothing else could hold."""
    if isinstance(value, float) and not isfinite(value):
        raise ValueProblem("must be a finite number")
    if type(value) is int and not -BIGGEST <= value <= BIGGEST:
        raise ValueProblem("a number beyond 64 bits", "write it as a string")
    return value


SIMPLE: Final[Mapping[type, Callable[[Any], Decoder]]] = {
    Text: text_decoder,
    Flag: flag_decoder,
    Whole: whole_decoder,
    Span: span_decoder,
    Size: size_decoder,
    Choice: choice_decoder,
    Named: named_decoder,
    Anything: anything_decoder,
}


@cache
def name_matcher(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """Whether a whole name matches a pattern."""
    return re.compile(pattern, re.ASCII).fullmatch
