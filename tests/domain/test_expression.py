"""Conditions over outputs, state and parameters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.errors import ValueProblem
from polysync.domain.expression import DEEPEST, LONGEST, compile_expression

OUTPUTS: dict[str, Any] = {
    "rows": 42,
    "ratio": 0.5,
    "text": "42",
    "ok": "true",
    "yes": True,
    "name": "eu-west",
    "my key": 7,
    "list": ["a", 2, "3"],
    "table": {"a": 1},
    "none": None,
    "long": "9" * 100,
}
PARAMETERS: dict[str, Any] = {"day": "mon", "limit": 10}


def holds(text: str) -> bool:
    return compile_expression(text).holds(OUTPUTS, "succeeded", PARAMETERS)


@pytest.mark.parametrize(
    "text",
    [
        "outputs.rows > 0",
        "outputs.rows == 42.0",
        "outputs.rows >= parameters.limit",
        "outputs.ratio < 1 and outputs.ratio > -1",
        "0 < outputs.rows",
        "outputs.rows <= 42",
        "outputs.rows != 41",
        "state == 'succeeded'",
        'state in ["succeeded", "skipped"]',
        "state not in ['failed']",
        "not state == 'failed'",
        "not not true",
        "parameters.day == 'mon' or outputs.gone > 3",
        "outputs['my key'] == 7",
        'outputs["rows"] == 42',
        "outputs.name in 'the eu-west one'",
        "'eu' in outputs.name",
        "'a' in outputs.table",
        "2 in outputs.list",
        "3 in outputs.list",
        "outputs.list == ['a', 2, '3']",
        "(outputs.rows == 1 or outputs.rows == 42) and true",
        "true or false and false",
        "outputs.none == null and outputs.gone == null",
        "outputs.name < 'f'",
        r"'\n\t\\\"' != '\''",
        "1e3 == 1000",
        "outputs.yes",
        "outputs.rows",
        "[] == []",
        "outputs.yes == true",
    ],
)
def test_expression_holds(text: str) -> None:
    assert holds(text)
    assert not holds(f"not ({text})")


@pytest.mark.parametrize(
    "text",
    [
        "outputs.gone",
        "outputs.gone > 0",
        "outputs.gone < 0",
        "outputs.name > 1",
        "outputs.name == 1",
        "outputs.yes == 1",
        "outputs.yes > 0",
        "0 < outputs.yes",
        "1 in outputs.rows",
        "1 in outputs.table",
        "1 in outputs.name",
        "'z' in outputs.list",
        "null < 1",
        "outputs.list < outputs.list",
        "outputs.table >= outputs.table",
        "outputs.long == 9",
        "false",
        "''",
        "true and false or false",
    ],
)
def test_expression_does_not_hold(text: str) -> None:
    assert not holds(text)
    assert holds(f"not ({text})")


@pytest.mark.parametrize(
    "text", ["outputs.text == 42", "outputs.text > 41.5", "40 < outputs.text", "outputs.ok == true"]
)
def test_expression_reads_text_as_what_it_is_compared_with(text: str) -> None:
    assert holds(text)


def test_expression_compares_text_with_text_as_text() -> None:
    assert holds("outputs.text < '5'")
    assert not holds("outputs.ok == 'True'")


def test_expression_knows_what_it_looks_at() -> None:
    looked = compile_expression("outputs.a == parameters['b c'] or outputs.a == state").names
    assert looked == {("outputs", "a"), ("parameters", "b c")}


@pytest.mark.parametrize(
    ("text", "offset", "said"),
    [
        ("", 0, "a value is missing"),
        ("   ", 3, "a value is missing"),
        ("outputs.rows = 1", 13, "cannot read"),
        ("outputs.rows && 1", 13, "cannot read"),
        ("a | b", 2, "cannot read"),
        ("!state", 0, "cannot read"),
        ("state == 'x", 9, "cannot read"),
        ('state == "x', 9, "cannot read"),
        ("state == 5x", 9, "cannot read"),
        ("state == $", 9, "cannot read"),
        ("rows > 0", 0, "unknown name"),
        ("import", 0, "unknown name"),
        ("outputs", 7, "which of the outputs"),
        ("outputs > 1", 8, "which of the outputs"),
        ("outputs.", 8, "a name is missing"),
        ("outputs.'a'", 8, "a name is missing"),
        ("outputs[1]", 8, "a name in quotes is missing"),
        ("outputs['a'", 11, "expected ]"),
        ("outputs.a.b", 9, "names have no further parts"),
        ("outputs.a['b']", 9, "names have no further parts"),
        ("outputs.a(1)", 9, "there are no calls"),
        ("state.upper", 5, "names have no further parts"),
        ("state()", 5, "there are no calls"),
        ("1 < 2 < 3", 6, "compare two values at a time"),
        ("1 < 2 in [true]", 6, "compare two values at a time"),
        ("(1", 2, "expected )"),
        ("[1 2]", 3, "expected ,"),
        ("[1,", 3, "a value is missing"),
        ("[1,]", 3, "a value is missing"),
        ("1 not 2", 6, "expected in"),
        ("state and", 9, "a value is missing"),
        ("and state", 0, "a value is missing"),
        ("1 == not 2", 5, "a value is missing"),
        ("true true", 5, "not expected here"),
        ("outputs.rows -1", 13, "not expected here"),
        (r"state == 'a\q'", 11, "unknown escape"),
        ("(" * (DEEPEST + 1), DEEPEST + 1, "deeper than"),
        ("not " * (DEEPEST + 1), 4 * (DEEPEST + 1), "deeper than"),
        ("[" * (DEEPEST + 1), DEEPEST + 1, "deeper than"),
        ("1" * (LONGEST + 1), LONGEST, "longer than"),
    ],
)
def test_expression_says_where_it_is_wrong(text: str, offset: int, said: str) -> None:
    with pytest.raises(ValueProblem) as caught:
        compile_expression(text)
    assert said in caught.value.message
    assert caught.value.offset == offset


PIECES = st.sampled_from(
    "outputs parameters state . [ ] ( ) , == != < <= > >= in not and or true null 1 -2.5 'a' \"b\" x = \\ é".split()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


def read(text: str) -> bool | int:
    """What `text` says of some run, or the place at which it is refused."""
    try:
        return compile_expression(text).holds(OUTPUTS, "failed", {})
    except ValueProblem as problem:
        return problem.offset


@given(st.lists(PIECES, max_size=14), st.booleans())
def test_expression_is_understood_or_refused_with_a_place(pieces: list[str], spaced: bool) -> None:
    text = (" " if spaced else "").join(pieces)
    found = read(text)
    assert isinstance(found, bool) or 0 <= found <= len(text)


@given(VALUES, VALUES, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "not in"]))
def test_expression_never_fails_on_any_values(one: Any, other: Any, sign: str) -> None:
    compiled = compile_expression(f"outputs.one {sign} outputs.other")
    assert compiled.holds({"one": one, "other": other}, "failed", {}) in {True, False}


@given(st.integers(-50, 50), st.integers(-50, 50))
def test_expression_orders_numbers_as_arithmetic_does(one: int, other: int) -> None:
    def says(sign: str) -> bool:
        return compile_expression(f"{one} {sign} outputs.x").holds({"x": other}, "", {})

    assert [says(sign) for sign in ("<", "<=", "==", "!=", ">=", ">")] == [
        one < other,
        one <= other,
        one == other,
        one != other,
        one >= other,
        one > other,
    ]
