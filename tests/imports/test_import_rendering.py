"""Rendered TOML reads back as what went in, in a form that people can read."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.config.imports.render import Ready, Table, document, script, table, value

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


def back(text: str) -> Any:
    return tomllib.loads(f"k = {text}")["k"]


def unescaped(item: Any) -> Any:
    """What the configuration makes of rendered values: `$${` is a literal `${`."""
    if isinstance(item, str):
        return item.replace("$${", "${")
    if isinstance(item, list):
        return [unescaped(one) for one in item]
    if isinstance(item, dict):
        return {name: one if name == "run" and isinstance(one, str) else unescaped(one) for name, one in item.items()}
    return item


@given(TEXTS)
def test_rendering_of_a_script_reads_back(text: str) -> None:
    assert back(script(text)) == text


@given(st.text(alphabet="'\"\\\n\r\t$a", max_size=12))
def test_rendering_of_an_awkward_script_reads_back(text: str) -> None:
    assert back(script(text)) == text


@given(st.dictionaries(TEXTS, VALUES, max_size=5), TEXTS)
def test_rendering_of_a_table_reads_back(keys: dict[str, Any], comment: str) -> None:
    text = table(Table(("tasks", "a b"), keys, (comment,)))

    assert unescaped(tomllib.loads(text)["tasks"]["a b"]) == unescaped(keys)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("echo hi", '"echo hi"'),
        ('echo "hi"', "'echo \"hi\"'"),
        ("echo \\n", "'echo \\n'"),
        ("echo 'a' \"b\"", '"echo \'a\' \\"b\\""'),
        ("a\nb\n", "'''\na\nb\n'''"),
        ("a\nb'", '"""\na\nb\'"""'),
        ("a\n'''\n", '"""\na\n\'\'\'\n"""'),
        ("a\r\nb", '"""\na\\r\nb"""'),
    ],
)
def test_rendering_of_a_script_is_readable(text: str, written: str) -> None:
    assert script(text) == written


@pytest.mark.parametrize(
    ("item", "written"),
    [
        ("${x}", '"$${x}"'),
        (Ready("${env:X}"), '"${env:X}"'),
        (timedelta(minutes=90), '"1h30m"'),
        ({}, "{}"),
        ({"a b": [1, True], "run": "${x}"}, '{ "a b" = [1, true], run = "${x}" }'),
        (["x" * 60, "y" * 60], f'[\n  "{"x" * 60}",\n  "{"y" * 60}",\n]'),
    ],
)
def test_rendering_of_a_value(item: Any, written: str) -> None:
    assert value(item) == written


def test_rendering_moves_a_wide_table_below() -> None:
    env = {f"NAME_{n}": "some value" for n in range(6)}
    text = table(Table(("tasks", "x"), {"env": env, "run": "true"}))

    assert text.startswith('[tasks.x]\nrun = "true"\n\n[tasks.x.env]\n')


def test_rendering_of_a_document_starts_with_the_schema() -> None:
    text = document(["Hello\x1b[31m."], [Table(("route",), {"notifiers": ["a"]}, array=True)])

    assert text == '#:schema ./polysync.schema.json\n# Hello␛[31m.\n\n[[route]]\nnotifiers = ["a"]\n'
