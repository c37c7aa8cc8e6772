"""The OpenAPI document of the API: made from the table of routes and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import polysync
from polysync.api.fields import Field, Schema
from polysync.api.response import JSON
from polysync.api.route import Route
from polysync.api.schemas import SHARED, TEXT, maybe

ABOUT: Final = """\
One daemon for one box. Over the unix socket the kernel says who asks; over TCP a bearer token does.
Every route names the least role that may ask it as `x-role`: viewer, operator or admin.
A GET may be asked as HEAD too. Times are RFC 3339 in UTC. New keys may be added to any answer."""
REFUSALS: Final[Mapping[int, str]] = {
    400: "The request is no HTTP, or its body is no JSON object.",
    401: "Over TCP: no token, or one that does not hold.",
    403: "The role, the owner of the task, or the list of hosts does not allow it.",
    404: "There is no such thing.",
    405: "Not with this method; `Allow` names those that there are.",
    408: "The request did not come to its end in time.",
    409: "As things stand it cannot be done.",
    413: "The body is larger than 2 MiB.",
    414: "The request line is longer than 8 KiB.",
    417: "The only expectation known is 100-continue.",
    422: "Values are unknown or wrong: `problems` names each of them.",
    429: "Over TCP: too many requests; `Retry-After` says when to go on.",
    431: "There are too many headers, or they are too long.",
    500: "Something is broken in the daemon; the id of the request finds it in its log.",
    501: "No such method, or a transfer coding that is not known.",
    503: "Not at the moment: too much at once, nothing can be stored, or the daemon is going down.",
    505: "Only HTTP/1.1 is spoken here.",
}
ALWAYS: Final = frozenset({400, 401, 403, 405, 408, 414, 417, 422, 429, 431, 500, 501, 503, 505})
WITH_BODY: Final = frozenset({413})
WITH_PATH: Final = frozenset({404})
LONGEST_KEY: Final = 255
NUMBERED: Final = frozenset({"id"})  # open parts of a path that are ids of runs
HEADERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "Comes back with the answer, and stands in the log; one of more than 100 characters, or of"
        " others than printable ASCII, is replaced.",
        "schema": TEXT,
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key with the same request gives the first answer again, and nothing happens twice.",
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"},
    },
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(f"/{'/'.join(route.parts)}", {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Polysync", "version": polysync.__version__, "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(SHARED),
            "parameters": dict(HEADERS),
            "responses": {str(status): _refusal(text) for status, text in REFUSALS.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def statuses(route: Route) -> frozenset[int]:
    """Every status that this route may answer with."""
    more = frozenset[int]() if route.method == "GET" else WITH_BODY
    return frozenset({route.success}) | ALWAYS | more | (WITH_PATH if "{" in route.pattern else more) | route.refuses


def _operation(route: Route) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": f"{route.method.lower()}_{route.pattern.translate(_FLAT)}",
        "tags": [route.pattern.strip("/").partition("/")[0]],
        "summary": route.summary,
        "x-role": route.role.value,
        "parameters": [*_of_the_path(route), *map(_parameter, route.query), *_of_the_head(route)],
        "responses": {
            str(route.success): _answer(route),
            **{
                str(one): {"$ref": f"#/components/responses/{one}"} for one in sorted(statuses(route) - {route.success})
            },
        },
    }
    if route.method != "GET":
        told["requestBody"] = {"content": {JSON: {"schema": _body(route.body)}}}
    return told


def _of_the_path(route: Route) -> Iterator[dict[str, Any]]:
    for part in route.parts:
        if part.startswith("{"):
            name = part[1:-1]
            schema = {"type": "integer", "minimum": 1} if name in NUMBERED else {"type": "string", "minLength": 1}
            yield {"name": name, "in": "path", "required": True, "schema": schema}


def _of_the_head(route: Route) -> Iterator[Schema]:
    for name in ("RequestId",) if route.method == "GET" else HEADERS:
        yield {"$ref": f"#/components/parameters/{name}"}


def _parameter(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "in": "query",
        "description": field.text,
        "required": field.required,
        "schema": _valued(field),
    }


def _body(fields: Sequence[Field]) -> Schema:
    return {
        "type": "object",
        "properties": {
            field.name: {"description": field.text, **(_valued(field) if field.required else maybe(_valued(field)))}
            for field in fields
        },
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def _valued(field: Field) -> Schema:
    """The schema of a field, with its default where it has one."""
    return field.kind.schema if field.default in (None, "", {}) else {**field.kind.schema, "default": field.default}


def _answer(route: Route) -> dict[str, Any]:
    content = {form: {"schema": route.answer if form == JSON else TEXT} for form in route.forms}
    return {"description": route.summary, "content": content}


def _refusal(text: str) -> dict[str, Any]:
    return {"description": text, "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}}


_FLAT: Final = str.maketrans({"/": "_", "{": "", "}": "", ".": "_", "-": "_"})
