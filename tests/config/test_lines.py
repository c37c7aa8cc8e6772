"""Every key and value of a valid text is located where it stands."""

from __future__ import annotations

import tomllib
from typing import Any

import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from polysync.config.lines import KeyPath, Place, locate

KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\x7f"), max_size=6)
SCALARS = st.one_of(
    st.integers(-(2**40), 2**40),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.datetimes(),
    st.dates(),
    st.text(st.characters(codec="utf-8"), max_size=12),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5)


def paths(data: Any, path: KeyPath = ()) -> list[tuple[KeyPath, Any]]:
    found: list[tuple[KeyPath, Any]] = [(path, data)] if path else []
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for part, item in items:
        found += paths(item, (*path, part))
    return found


def as_key(text: str) -> str:
    return next(iter(tomllib.loads(f"{text} = 1")))


@given(DOCUMENTS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_locate_finds_every_key_and_value_of_any_document(data: dict[str, Any], multiline: bool) -> None:
    text = tomli_w.dumps(data, multiline_strings=multiline)
    positions = locate(text)
    for path, value in paths(tomllib.loads(text)):
        assert path in positions.keys, path
        if not isinstance(value, dict | list) or path in positions.values:
            span = positions.values[path]
            assert tomllib.loads(f"v = {text[span.start : span.end]}")["v"] == value
        if isinstance(path[-1], str):
            rest = text[positions.keys[path] :]
            token = rest[: _key_length(rest)]
            assert as_key(token) == path[-1]


def _key_length(rest: str) -> int:
    if rest[0] == '"':
        end = 1
        while rest[end] != '"':
            end += 2 if rest[end] == "\\" else 1
        return end + 1
    return next((n for n, char in enumerate(rest) if char in " =.]"), len(rest))


def test_locate_knows_every_way_to_write_a_table() -> None:
    text = (
        "a.b = 1 # one\n"
        '[x."y z"]\r\n'
        "  deep . 'er' = { one = 1, two.three = [ 1, # note ]\n 22 ] }\r\n"
        "[[l]]\nn = '''\nx\n'''\n[l.sub]\nk = 1979-05-27 07:32:00\n"
        '[[l]]\nn = """a\\"""""\n[l.sub]\nk = 2\n'
    )
    positions = locate(text)
    assert positions.key(("a",)) == Place(1, 1)
    assert positions.key(("a", "b")) == Place(1, 3)
    assert positions.key(("x", "y z")) == Place(2, 4)
    assert positions.key(("x", "y z", "deep", "er")) == Place(3, 10)
    assert positions.value(("x", "y z", "deep", "er", "two", "three", 1)) == Place(4, 2)
    assert positions.key(("l", 0)) == Place(5, 3)
    assert positions.key(("l", 0, "sub", "k")) == Place(10, 1)
    assert positions.value(("l", 0, "sub", "k")) == Place(10, 5)
    assert positions.key(("l", 1)) == Place(11, 3)
    assert positions.value(("l", 1, "n")) == Place(12, 5)
    assert positions.key(("l", 1, "sub", "k")) == Place(14, 1)


def test_locate_points_into_a_string_at_the_faulty_character() -> None:
    positions = locate('a = "0 61 * * *"\nb = """\nxy\n"""\nc = "\\t61"\nd = 5\n')
    assert positions.value(("a",), 2) == Place(1, 8)
    assert positions.value(("b",), 1) == Place(3, 2)
    assert positions.value(("c",), 1) == Place(3 + 2, 5)
    assert positions.value(("d",), 3) == Place(6, 5)


def test_a_missing_key_is_placed_at_its_nearest_table() -> None:
    positions = locate("[tasks.a]\nrun = 'x'\n")
    assert positions.key(("tasks", "a", "command")) == Place(1, 8)
    assert positions.value(("tasks", "a", "command", 0)) == Place(1, 8)
    assert positions.key(("services",)) == Place(1, 1)
