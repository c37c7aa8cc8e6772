"""The page of the API: how to ask, then every route with its fields, from the table of routes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from polysync.api.fields import Field, Schema
from polysync.api.idempotency import KEPT, MOST
from polysync.api.openapi import ALWAYS, REFUSALS, statuses
from polysync.api.refusal import CODES
from polysync.api.response import JSON
from polysync.api.route import Route
from polysync.api.routes import ROUTES
from polysync.api.schemas import SHARED

HEAD: Final = "<!-- Written by `contrib/dev docs` from polysync/api; change that, not this. -->\n"
INTRO: Final = Path(__file__).with_name("api-intro.md")
FEW: Final = 20  # more words than this are hinted at


def page() -> str:
    """The introduction, the refusals, then each route."""
    kept = f"The newest {MOST:,} answers are kept, each for {KEPT / 3600:.0f} hours."
    intro = INTRO.read_text(encoding="utf-8").replace("KEPT", kept)
    routes = (line for route in ROUTES for line in _route(route))
    shared = (line for name, schema in SHARED.items() for line in (f"### {name}\n", *_keys(schema)))
    return "\n".join([HEAD, intro, *_refusals(), *_glance(), *routes, "## What is told of things\n", *shared])


def _refusals() -> Iterator[str]:
    yield "| status | code | means |"
    yield "|---|---|---|"
    for status, text in REFUSALS.items():
        yield f"| {status} | `{CODES[status]}` | {text} |"
    yield ""


def _glance() -> Iterator[str]:
    yield "## The routes\n"
    yield "Also as an OpenAPI 3.1 document: `GET /api/openapi.json`.\n"
    yield "| route | role | does |"
    yield "|---|---|---|"
    for route in ROUTES:
        yield f"| `{_name(route)}` | {route.role} | {route.summary} |"
    yield ""


def _route(route: Route) -> Iterator[str]:
    yield f"### `{_name(route)}`\n"
    yield f"{route.summary} Role: {route.role}.\n"
    if route.query:
        yield "In the query:\n"
        yield from _fields(route.query)
    if route.body:
        yield "In the body:\n"
        yield from _fields(route.body)
    yield f"{_answer(route)}\n"


def _name(route: Route) -> str:
    return f"{route.method} /{'/'.join(route.parts)}"


def _fields(fields: Sequence[Field]) -> Iterator[str]:
    yield "| name | value | default | meaning |"
    yield "|---|---|---|---|"
    for field in fields:
        default = "must be given" if field.required else _default(field)
        yield f"| `{field.name}` | {_words(field.kind.schema)} | {default} | {_cell(field.text)} |"
    yield ""


def _default(field: Field) -> str:
    if field.default in (None, "", {}):
        return "–"
    return f"`{str(field.default).lower()}`"


def _answer(route: Route) -> str:
    forms = [form.partition(";")[0] for form in route.forms]
    shown = _shape(route.answer) if route.media == JSON else ""
    also = f" as {' or '.join(f'`{form}`' for form in forms)}" if forms != [JSON] else ""
    refuses = sorted(statuses(route) - ALWAYS - {route.success})
    no = f" Beside what any route may refuse: {', '.join(map(str, refuses))}." if refuses else ""
    return f"Answer: {route.success}{also}{shown}.{no}"


def _shape(schema: Schema) -> str:
    """An answer in a few words."""
    if "$ref" in schema:
        return f": a {_linked(schema)}"
    found = schema.get("properties", {})
    if set(found) == {"items", "next"}:
        inner = found["items"]["items"]
        return f": a page of {_linked(inner)}" if "$ref" in inner else f": a page of {_names(inner)}"
    return f": {_names(schema)}" if found else ""


def _names(schema: Schema) -> str:
    return " ".join(f"`{name}`" for name in schema.get("properties", {})) or "values"


def _linked(schema: Schema) -> str:
    name = schema["$ref"].rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _keys(schema: Schema) -> Iterator[str]:
    yield "| key | value |"
    yield "|---|---|"
    for name, inner in schema["properties"].items():
        yield f"| `{name}` | {_words(inner)} |"
    yield ""


def _words(schema: Schema) -> str:
    """What a value may be, in words."""
    if "$ref" in schema:
        return _linked(schema)
    if "anyOf" in schema:
        return " or ".join(_words(one) for one in schema["anyOf"])
    note = f"; {schema['description'].rstrip('.').lower()}" if "description" in schema else ""
    if "enum" in schema:
        return _choice(schema["enum"]) + note
    kinds = schema.get("type", "any value")
    return " or ".join(_kind(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds)) + note


def _choice(words: Sequence[str | None]) -> str:
    said = [f"`{word}`" for word in words if word is not None][:FEW]
    return " ".join(said) + (" …" if len(words) > FEW else "") + (" or null" if None in words else "")


def _kind(kind: str, schema: Schema) -> str:
    if kind == "string" and schema.get("format") == "date-time":
        return "a time"
    if kind == "string" and "examples" in schema:
        return "a text like " + " or ".join(f"`{one}`" for one in schema["examples"])
    if kind == "array":
        return f"a list; each {_words(schema['items'])}"
    if kind == "object" and "properties" in schema:
        return f"a table of {_names(schema)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"a table; each {_words(schema['additionalProperties'])}"
    if kind == "integer" and "maximum" in schema and schema["maximum"] < 1 << 60:
        return f"a whole number from {schema['minimum']} to {schema['maximum']:,}"
    plain = {"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "`true` or `false`"}
    return {**plain, "object": "a table", "null": "null"}.get(kind, kind)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
