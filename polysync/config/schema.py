"""The JSON Schema (draft 2020-12) of the configuration, made from its keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from polysync.config.kinds import EVENTS, NOTIFIER_TYPES, OPTION_CLASSES, PLATFORM_TYPES
from polysync.domain.definition import data_of
from polysync.domain.settings import Configuration
from polysync.domain.shape import (
    Anything,
    Choice,
    Flag,
    Key,
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
    keys_of,
)
from polysync.domain.task import Edge, Task

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
TITLE: Final = "polysync.toml"
SUBSTITUTED: Final = {"type": "string", "pattern": r"\$\{"}
SPAN: Final = r"^([0-9]+(us|ms|s|m|h|d|w))+$"
SIZE: Final = r"^[0-9]+(\.[0-9]+)?\s*([kKmMgGtT]?[bB])$"
LISTS: Final = {
    "platform_type": ("platforms", PLATFORM_TYPES),
    "notifier_type": ("notifier", NOTIFIER_TYPES),
    "event": ("", EVENTS),
}


def schema(options: Mapping[str, type[Any]] = OPTION_CLASSES) -> dict[str, Any]:
    """The schema of the whole file; every key with its description."""
    defs: dict[str, Any] = {}
    root = _table(Configuration, defs, options)
    root["properties"]["defaults"] = _defaults(defs, options)
    return {"$schema": DRAFT, "title": TITLE, **root, "$defs": dict(sorted(defs.items()))}


def _defaults(defs: dict[str, Any], options: Mapping[str, type[Any]]) -> dict[str, Any]:
    inherited = {name: key for name, (key, _) in keys_of(Task).items() if key.inherit}
    defs["Defaults"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _property(key, None, defs, options) for name, key in inherited.items()},
    }
    return {"$ref": "#/$defs/Defaults", "description": "What tasks and services have that say nothing else."}


def _table(definition: type[Any], defs: dict[str, Any], options: Mapping[str, type[Any]]) -> dict[str, Any]:
    keys = {name: pair for name, pair in keys_of(definition).items() if name != "options"}
    open_ended = "options" in keys_of(definition)
    made: dict[str, Any] = {
        "type": "object",
        "additionalProperties": open_ended,
        "properties": {name: _property(key, field, defs, options) for name, (key, field) in keys.items()},
    }
    required = [name for name, (key, _) in keys.items() if key.required]
    if required:
        made["required"] = required
    if open_ended:
        made.update(_by_type(definition, defs, options))
    return made


def _by_type(definition: type[Any], defs: dict[str, Any], options: Mapping[str, type[Any]]) -> dict[str, Any]:
    """The keys that a kind brings with it, each under the condition that `type` names it."""
    section = {"Platform": "platforms", "Vault": "vaults", "Notifier": "notifier"}[definition.__name__]
    cases = []
    for name, option_class in sorted(options.items()):
        table, _, kind = name.partition(".")
        if table == section:
            then = {
                key: value
                for key, value in _table(option_class, defs, options).items()
                if key != "additionalProperties"
            }
            cases.append({"if": {"properties": {"type": {"const": kind}}}, "then": then})
    return {"allOf": cases} if cases else {}


def _property(key: Key, declared: Any, defs: dict[str, Any], options: Mapping[str, type[Any]]) -> dict[str, Any]:
    made = {**_shape(key.shape, defs, options), "description": key.doc}
    if declared is not None and not key.required and isinstance(declared.default, bool | int | float | str):
        made["default"] = key.shown or data_of(declared.default)
    return made


def _shape(shape: Shape, defs: dict[str, Any], options: Mapping[str, type[Any]]) -> dict[str, Any]:
    if isinstance(shape, Nested):
        return _reference(shape.of, defs, options)
    if isinstance(shape, Many):
        item = _shape(shape.item, defs, options)
        many: dict[str, Any] = {"type": "array", "items": item, **({"minItems": 1} if shape.filled else {})}
        return {"anyOf": [item, many]} if shape.lone else many
    if isinstance(shape, Mapped):
        names = {"propertyNames": {"pattern": _ecma(shape.name_pattern)}} if shape.name_pattern else {}
        return {"type": "object", "additionalProperties": _shape(shape.item, defs, options), **names}
    if isinstance(shape, Special):
        return _special(shape, defs, options)
    return SIMPLE[type(shape)](shape)


def _reference(definition: type[Any], defs: dict[str, Any], options: Mapping[str, type[Any]]) -> dict[str, Any]:
    name = definition.__name__
    if name not in defs:
        defs[name] = {}  # holds the place, should the definition contain itself
        doc = (definition.__doc__ or "").strip().split("\n")[0]
        defs[name] = {**_table(definition, defs, options), "description": doc}
    return {"$ref": f"#/$defs/{name}"}


def _special(shape: Special, defs: dict[str, Any], options: Mapping[str, type[Any]]) -> dict[str, Any]:
    if shape.name == "edges":
        _reference(Edge, defs, options)
        item = shape.schema.get("items", {})
        return {"anyOf": [*item.get("anyOf", ()), dict(shape.schema)]}
    if shape.name in LISTS:
        section, words = LISTS[shape.name]
        added = [name.partition(".")[2] for name in sorted(options) if name.startswith(section + ".")]
        return {"anyOf": [{"enum": [*words, *added]}, SUBSTITUTED]}
    made = dict(shape.schema)
    free = made.get("type") in ("array", "object") or made == {"type": "string"}
    return made if free else {"anyOf": [made, SUBSTITUTED]}


def _text(shape: Text) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "string"}
    if not shape.empty:
        made["minLength"] = 1
    if shape.pattern:
        made["pattern"] = _ecma(shape.pattern)
        return {"anyOf": [made, SUBSTITUTED]} if shape.substitute else made
    return made


def _ecma(pattern: str | None) -> str:
    """A pattern of Python's in the dialect of JSON Schema, anchored."""
    return "^(?:" + (pattern or "").replace(r"\Z", "$") + ")$"


def _whole(shape: Whole) -> dict[str, Any]:
    number = {"type": "integer", "minimum": shape.low, "maximum": shape.high}
    return {"anyOf": [number, {"enum": list(shape.words)}, SUBSTITUTED]} if shape.words else number


def _span(shape: Span) -> dict[str, Any]:
    span = {"type": "string", "pattern": SPAN}
    words = [{"enum": list(shape.words)}] if shape.words else []
    return {"anyOf": [span, *words, SUBSTITUTED]}


def _size(_shape: Size) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "pattern": SIZE}, SUBSTITUTED]}


def _choice(shape: Choice) -> dict[str, Any]:
    return {"anyOf": [{"enum": [*(member.value for member in shape.type), *shape.aliases]}, SUBSTITUTED]}


SIMPLE: Final[Mapping[type, Callable[[Any], dict[str, Any]]]] = {
    Text: _text,
    Flag: lambda _: {"type": "boolean"},
    Whole: _whole,
    Span: _span,
    Size: _size,
    Choice: _choice,
    Named: lambda _: {"type": "string", "minLength": 1},
    Anything: lambda _: {},
}
