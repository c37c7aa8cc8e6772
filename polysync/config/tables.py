"""Tables, lists and maps of names: each key by the decoder of its shape, every fault with its own place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from polysync.config.context import Context, Decoder
from polysync.config.lines import KeyPath
from polysync.config.shapes import (
    SIMPLE,
    anything_decoder,
    each,
    name_hint,
    name_matcher,
    named_decoder,
    wrong_kind,
)
from polysync.config.specials import SPECIALS
from polysync.config.unknown import unknown_key
from polysync.config.wording import quoted
from polysync.domain.errors import ValueProblem
from polysync.domain.settings import Service
from polysync.domain.shape import Anything, Many, Mapped, Named, Nested, Shape, Special, Text, keys_of
from polysync.domain.task import Edge, Task

ANY_OPTION: Final = anything_decoder(Anything())


def decoder_of(shape: Shape) -> Decoder:
    """The decoder of a shape."""
    if isinstance(shape, Special):
        return decode_edges if shape.name == "edges" else SPECIALS[shape.name]
    if isinstance(shape, Many):
        return _many(shape)
    if isinstance(shape, Mapped):
        return _mapped(shape)
    if isinstance(shape, Nested):
        return _nested(shape)
    return SIMPLE[type(shape)](shape)


class Plan:
    """How to decode one definition class; made once for each class."""

    __slots__ = ("decoders", "fresh", "required")

    def __init__(self, definition: type[Any]) -> None:
        keys = keys_of(definition)
        self.decoders: Mapping[str, Decoder] = {
            name: decoder_of(declared.shape) for name, (declared, _) in keys.items() if name != "options"
        }
        self.required = tuple(name for name, (key, _) in keys.items() if key.required)
        # Defaults made by a factory, which a class cannot carry as attributes; shared, because nobody writes.
        made = ((name, declared.default_factory) for name, (_, declared) in keys.items())
        self.fresh: Mapping[str, Any] = {name: factory() for name, factory in made if callable(factory)}


_PLANS: Final[dict[type[Any], Plan]] = {}


def plan_of(definition: type[Any]) -> Plan:
    """How to decode `definition`."""
    plan = _PLANS.get(definition)
    if plan is None:
        plan = _PLANS[definition] = Plan(definition)
    return plan


def decoders_of(definition: type[Any]) -> Mapping[str, Decoder]:
    """The decoder of every key of a definition class; `options` is filled from the keys beside the known ones."""
    return plan_of(definition).decoders


def decode_keys(raw: Any, definition: type[Any], path: KeyPath, context: Context) -> dict[str, Any]:
    """The keys of one table that decode; what does not leaves a finding."""
    if type(raw) is not dict:
        raise wrong_kind("a table", raw)
    decoders, made = decoders_of(definition), {}
    for name, value in raw.items():
        decode = decoders.get(name)
        if decode is None:
            unknown_key(name, definition, path, context.findings)
            continue
        try:
            made[name] = decode(value, (*path, name), context)
        except ValueProblem as problem:
            context.findings.value_problem((*path, name), problem)
    return made


def missing_keys(raw: Mapping[str, Any], definition: type[Any], path: KeyPath, context: Context) -> bool:
    """Whether a required key is absent; each that is leaves a finding at the table."""
    absent = [name for name in plan_of(definition).required if name not in raw]
    for name in absent:
        doc = keys_of(definition)[name][0].doc
        context.findings.error(path, f"{name} is missing", doc[0].lower() + doc[1:].rstrip("."), on_key=True)
    return bool(absent)


def build(definition: type[Any], values: Mapping[str, Any]) -> Any:
    """A definition from its decoded keys.

    A task has some ninety keys and uses eight: the instance keeps only those, and finds the others as
    defaults on its class, which makes ten thousand tasks four times smaller and quicker to build.
    """
    if definition not in {Task, Service}:
        return definition(**values)
    made = object.__new__(definition)
    made.__dict__.update(plan_of(definition).fresh, **values)
    return made


def whole(raw: Any, definition: type[Any], path: KeyPath, context: Context, **fixed: Any) -> Any:
    """A definition from its table, or None where a required key is absent or wrong."""
    values = decode_keys(raw, definition, path, context)
    missing_keys(raw, definition, path, context)
    if any(name not in values for name in plan_of(definition).required):
        return None
    return build(definition, {**values, **fixed})


def with_options(raw: Any, definition: type[Any], path: KeyPath, context: Context, **fixed: Any) -> Any:
    """A definition whose kind brings keys of its own, which become its `options`."""
    if type(raw) is not dict:
        raise wrong_kind("a table", raw)
    known = decoders_of(definition)
    own = {name: value for name, value in raw.items() if name not in known}
    options = context.options.get(f"{path[0]}.{raw.get('type')}")
    if options is None:
        made = each(own.items(), path, context, ANY_OPTION)
    else:
        made = decode_keys(own, options, path, context)
        missing_keys(own, options, path, context)
    return whole({name: raw[name] for name in raw if name in known}, definition, path, context, options=made, **fixed)


def decode_edges(value: Any, path: KeyPath, context: Context) -> tuple[Edge, ...]:
    """Dependencies: names of tasks, or tables of them with a condition."""
    if type(value) is not list:
        return (_edge(value, path, context),)
    return tuple(each(enumerate(value), path, context, _edge).values())


def _edge(value: Any, path: KeyPath, context: Context) -> Edge:
    if type(value) is dict:
        made = whole(value, Edge, path, context)
        if made is None:
            raise Absent
        return cast("Edge", made)
    return Edge(task=_task_name(value, path, context))


_task_name = named_decoder(Named("task"))


def _nested(shape: Nested) -> Decoder:
    definition = shape.of

    def decode(value: Any, path: KeyPath, context: Context) -> Any:
        made = whole(value, definition, path, context)
        if made is None:
            raise Absent
        return made

    return decode


class Absent(ValueProblem):
    """A table whose faults have been told already."""

    def __init__(self) -> None:
        super().__init__("")


def _many(shape: Many) -> Decoder:
    decode_item = decoder_of(shape.item)
    once = isinstance(shape.item, Named | Special) or (
        isinstance(shape.item, Text) and (not shape.item.empty or shape.item.pattern is not None)
    )

    def decode(value: Any, path: KeyPath, context: Context) -> Any:
        if type(value) is not list:
            if not shape.lone or type(value) is dict:
                raise wrong_kind("a list", value, 'write ["…"]' if isinstance(value, str) else "write [ … ]")
            return (decode_item(value, path, context),)
        if shape.filled and not value:
            raise ValueProblem("must not be an empty list")
        made = each(enumerate(value), path, context, decode_item)
        if once and len(made) > 1:
            refuse_repeats(value, path, context)
        return tuple(made.values())

    return decode


def refuse_repeats(items: list[Any], path: KeyPath, context: Context) -> None:
    """A finding for each item that stands in a list a second time."""
    seen: list[Any] = []
    for index, item in enumerate(items):
        if item in seen:
            said = quoted(item) if isinstance(item, str) else str(item)[:40]
            context.findings.error((*path, index), f"{said} stands here a second time")
        seen.append(item)


def _mapped(shape: Mapped) -> Decoder:
    decode_item = decoder_of(shape.item)

    def decode(value: Any, path: KeyPath, context: Context) -> Any:
        if type(value) is not dict:
            raise wrong_kind("a table", value)
        good = {name: item for name, item in value.items() if fits(name, shape.name_pattern, path, context)}
        return each(good.items(), path, context, decode_item)

    return decode


def fits(name: str, pattern: str | None, path: KeyPath, context: Context) -> bool:
    """Whether a name is acceptable; one that is not leaves a finding at itself."""
    plain = bool(name) and name.isprintable()
    acceptable = plain and (pattern is None or name_matcher(pattern)(name) is not None)
    if not acceptable:
        hint = name_hint("a name") if pattern else "a name is printable and not empty"
        context.findings.error((*path, name), f"{quoted(name)} is not a name", hint, on_key=True)
    return acceptable
