"""Requests made from an OpenAPI document and nothing else, right ones and wrong ones, and what may come back."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

from jsonschema import Draft202012Validator

Schema = Mapping[str, Any]
DEADLINE: Final = 20.0
WORDS: Final = (
    "backup",
    "web",
    "team=ops",
    "a b",
    "ü",
    "*",
    "",
    "0",
    "null",
    "\x00",
    "x" * 600,
    "%",
    "../..",
    "\u2028",
)
WRONG: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    1 << 70,
    1.5,
    "",
    "nonsense",
    "\x00",
    [],
    [1],
    {},
    {"a": {"b": [None]}},
    "x" * 5000,
)


@dataclass(frozen=True)
class Called:
    """One request."""

    method: str
    target: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """One answer; of a stream only its head."""

    status: int
    type: str
    body: bytes


class Described:
    """A document, and the requests that it allows."""

    def __init__(self, document: Schema) -> None:
        self.document = document
        self._closed = _closed(document["components"])

    def operations(self) -> Iterator[tuple[str, str, Schema]]:
        """Method, path and description of everything that can be asked."""
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def call(self, method: str, path: str, operation: Schema, dice: Random) -> Called:
        """Some request; every value is right four times out of five."""
        query = {}
        for parameter in map(self.resolved, operation["parameters"]):
            value = self.value(parameter["schema"], dice)
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", quote(_text(value), safe=""))
            elif parameter["in"] == "query" and (parameter["required"] or dice.random() < 0.3):
                query[parameter["name"]] = _text(value)
        if dice.random() < 0.03:
            query["odd"] = "1"
        target = f"{path}?{urlencode(query, errors='replace')}" if query else path
        if "requestBody" not in operation:
            return Called(method, target)
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        body = json.dumps(self.value(schema, dice)) if dice.random() < 0.95 else "{"
        return Called(method, target, body.encode(), {"Idempotency-Key": "k"} if dice.random() < 0.1 else {})

    def value(self, schema: Schema, dice: Random) -> Any:
        """A value of that schema, or now and then anything else."""
        if dice.random() < 0.2:
            return dice.choice(WRONG)
        schema = self.resolved(schema)
        if "enum" in schema:
            return dice.choice(schema["enum"])
        kinds = schema.get("type", "string")
        kind = dice.choice(kinds) if isinstance(kinds, list) else kinds
        return self._of(kind, schema, dice)

    def _of(self, kind: str, schema: Schema, dice: Random) -> Any:
        if kind == "object":
            fields = schema.get("properties", {})
            always = schema.get("required", [])
            chosen = [name for name in fields if name in always or dice.random() < 0.4]
            return {name: self.value(fields[name], dice) for name in chosen}
        if kind == "integer":
            low, high = schema.get("minimum", 0), schema.get("maximum", 1 << 63)
            return dice.choice((low, min(low + 1, high), min(low + 2, high), high))
        if kind == "boolean":
            return dice.random() < 0.5
        if schema.get("format") == "date-time":
            return dice.choice(("2026-01-01T00:00:00Z", "0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59Z"))
        if kind == "string":
            return dice.choice((*schema.get("examples", ()), *WORDS))
        return None

    def resolved(self, schema: Schema) -> Schema:
        """What a reference means."""
        if "$ref" not in schema:
            return schema
        found: Any = self.document
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return cast("Schema", found)

    def faults(self, operation: Schema, told: Told, method: str = "GET") -> list[str]:
        """What is not as the document says, every object taken to have no keys but those that it names."""
        responses = operation["responses"]
        if str(told.status) not in responses:
            return [f"an undocumented status: {told.status}"]
        content = self.resolved(responses[str(told.status)])["content"]
        kind = told.type.partition(";")[0]
        schemas = {name.partition(";")[0]: one["schema"] for name, one in content.items()}
        if kind not in schemas:
            return [f"{kind} is not among {', '.join(schemas)}"]
        if kind != "application/json" or method == "HEAD":
            return []
        checker = Draft202012Validator({"allOf": [_closed(schemas[kind])], "components": self._closed})
        return [f"{error.json_path}: {error.message[:300]}" for error in checker.iter_errors(json.loads(told.body))]


def _closed(schema: Any) -> Any:
    """The same schema without room for keys that it does not name."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {name: _closed(one) for name, one in schema.items()}
    if isinstance(found.get("properties"), dict) and "additionalProperties" not in found and "type" in found:
        found["additionalProperties"] = False
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class Line(http.client.HTTPConnection):
    """HTTP over the socket of a home."""

    def __init__(self, path: Path) -> None:
        super().__init__("polysync", timeout=DEADLINE)
        self._path = path

    def connect(self) -> None:
        """Dial."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(str(self._path))


def asked(path: Path, called: Called) -> Told:
    """The answer to one request over a line of its own; of a stream nothing but its head is read."""
    with closing(Line(path)) as line:
        line.request(called.method, called.target, called.body, dict(called.headers))
        answer = line.getresponse()
        kind = answer.headers["Content-Type"]
        return Told(answer.status, kind, answer.read() if answer.headers["Content-Length"] else b"")
