"""The OpenAPI document: made of the table of routes, whole, and right by the rules of its own format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from polysync.api import openapi
from polysync.api.refusal import CODES
from polysync.api.routes import ROUTES
from polysync.api.schemas import SHARED
from polysync.api.shapes import dumps
from tests.api.stage import staged

DOCUMENT: dict[str, Any] = json.loads(dumps(openapi.document(ROUTES)))
OPERATIONS = {
    f"{method} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


async def test_everybody_may_read_it(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        got = await stage.ask("GET", "/api/openapi.json")
        assert (got.status, json.loads(got.body)) == (200, DOCUMENT)
        assert (await stage.ask("GET", "/api/openapi.json")).body == got.body


def test_it_is_right_by_the_rules_of_its_format() -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(DOCUMENT)


def test_every_route_is_there() -> None:
    assert len(OPERATIONS) == len(ROUTES)
    for route in ROUTES:
        operation = OPERATIONS[f"{route.method.lower()} /{'/'.join(route.parts)}"]
        assert operation["x-role"] == route.role
        assert operation["summary"] == route.summary != ""
        assert str(route.success) in operation["responses"]
    assert len({operation["operationId"] for operation in OPERATIONS.values()}) == len(ROUTES)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_names_all_that_it_takes(name: str) -> None:
    operation = OPERATIONS[name]
    named = [resolved(one) for one in operation["parameters"]]
    assert [one["name"] for one in named if one["in"] == "path"] == re.findall(r"{(\w+)}", name)
    assert all(one["required"] for one in named if one["in"] == "path")
    assert all(one["description"] for one in named if one["in"] == "query")
    assert ("requestBody" in operation) == (not name.startswith("get "))
    assert ("Idempotency-Key" in {one["name"] for one in named}) == (not name.startswith("get "))
    assert "{" not in name or "404" in operation["responses"]


def test_every_schema_is_one_and_every_reference_leads_somewhere() -> None:
    for schema in schemas(DOCUMENT):
        Draft202012Validator.check_schema(schema)
    for reference in re.findall(r'"\$ref":"([^"]*)"', dumps(DOCUMENT)):
        assert resolved({"$ref": reference}), reference
    assert set(DOCUMENT["components"]["schemas"]) == set(SHARED)


def test_every_refusal_has_its_words() -> None:
    assert set(openapi.REFUSALS) == set(CODES)
    assert set(CODES) >= openapi.ALWAYS


def test_defaults_fit_their_schemas() -> None:
    for operation in OPERATIONS.values():
        for parameter in map(resolved, operation["parameters"]):
            schema = parameter["schema"]
            if "default" in schema:
                Draft202012Validator(schema).validate(schema["default"])


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference leads to."""
    found: Any = DOCUMENT
    if "$ref" not in schema:
        return schema
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    assert isinstance(found, dict)
    return found


def schemas(part: Any) -> Iterator[Any]:
    """Every schema of the document."""
    if isinstance(part, list):
        for one in part:
            yield from schemas(one)
    if isinstance(part, dict):
        for name, one in part.items():
            if name == "schema":
                yield one
            yield from schemas(one)
