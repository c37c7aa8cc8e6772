"""What each parameter is for a run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.errors import ValueProblem
from polysync.domain.params import (
    DEEPEST,
    Resolved,
    check_choices,
    check_overrides,
    coerce,
    env_names,
    kind_of,
    parse_overrides,
    read_text,
    resolve,
    text_of,
)
from polysync.domain.task import JobParameter
from polysync.domain.values import Direction, Parameter, ParamType

SCHEMA = {
    "day": JobParameter(type=ParamType.STRING, default="mon", choices=("mon", "tue")),
    "rows": JobParameter(type=ParamType.INT, required=True),
    "ratio": JobParameter(type=ParamType.FLOAT),
    "key": JobParameter(type=ParamType.SECRET, default="vault://ops/key"),
    "mark": JobParameter(sensitive=True, default="x"),
    "made": JobParameter(direction=Direction.OUT, default="never sent"),
}


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "kind", "made"),
    [
        ("a", ParamType.STRING, "a"),
        ("a", ParamType.SECRET, "a"),
        (5, ParamType.INT, 5),
        (5, ParamType.FLOAT, 5.0),
        (5.5, ParamType.FLOAT, 5.5),
        (False, ParamType.BOOL, False),
        ([1, "a"], ParamType.LIST, [1, "a"]),
        ((1, "a"), ParamType.LIST, [1, "a"]),
        ({"a": [1, None, 2.5]}, ParamType.JSON, {"a": [1, None, 2.5]}),
        (None, ParamType.JSON, None),
        (nested(DEEPEST), ParamType.LIST, nested(DEEPEST)),
    ],
)
def test_params_coerce_accepts_its_type(value: Any, kind: ParamType, made: Any) -> None:
    found = coerce(value, kind)
    assert found == made
    assert type(found) is type(made)


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        (5, ParamType.STRING, "must be a string"),
        (None, ParamType.SECRET, "must be a string"),
        ("5", ParamType.INT, "must be a whole number"),
        (True, ParamType.INT, "must be a whole number"),
        (5.0, ParamType.INT, "must be a whole number"),
        (True, ParamType.FLOAT, "must be a number"),
        ("x", ParamType.FLOAT, "must be a number"),
        (1, ParamType.BOOL, "must be true or false"),
        ("a", ParamType.LIST, "must be a list"),
        (float("nan"), ParamType.FLOAT, "not a finite number"),
        (float("inf"), ParamType.JSON, "not a finite number"),
        (10**400, ParamType.FLOAT, "too large"),
        ("a\0b", ParamType.STRING, "NUL"),
        ({"a\0": 1}, ParamType.JSON, "NUL"),
        (datetime(2026, 1, 1, tzinfo=UTC), ParamType.JSON, "not a JSON value"),
        ([datetime(2026, 1, 1, tzinfo=UTC)], ParamType.LIST, "not a JSON value"),
        (nested(DEEPEST + 1), ParamType.LIST, "nested deeper"),
    ],
)
def test_params_coerce_refuses_everything_else(value: Any, kind: ParamType, said: str) -> None:
    with pytest.raises(ValueProblem, match=said):
        coerce(value, kind)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("5", ParamType.STRING, "5"),
        ("5", None, "5"),
        ("-5", ParamType.INT, -5),
        ("2.5e1", ParamType.FLOAT, 25.0),
        ("3", ParamType.FLOAT, 3.0),
        ("True", ParamType.BOOL, True),
        ("off", ParamType.BOOL, False),
        ('{"a": 1}', ParamType.JSON, {"a": 1}),
        ('"a"', ParamType.JSON, "a"),
        ("a, b", ParamType.LIST, ["a", "b"]),
        ("", ParamType.LIST, []),
        (' ["a,b", 1]', ParamType.LIST, ["a,b", 1]),
    ],
)
def test_params_are_read_from_text(text: str, kind: ParamType | None, value: Any) -> None:
    assert read_text(text, kind) == value


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("5.0", ParamType.INT, "must be a whole number"),
        ("1_000", ParamType.INT, "must be a whole number"),
        ("9" * 5000, ParamType.INT, "must be a whole number"),
        ("", ParamType.INT, "must be a whole number"),
        ("nan", ParamType.FLOAT, "must be a number"),
        ("1e999", ParamType.FLOAT, "not a finite number"),
        ("maybe", ParamType.BOOL, "must be true or false"),
        ("{", ParamType.JSON, "not valid JSON"),
        ("[" * 100_000, ParamType.JSON, "not valid JSON"),
        ("NaN", ParamType.JSON, "not a finite number"),
        ("[1", ParamType.LIST, "not valid JSON"),
        ("a\0", ParamType.STRING, "NUL"),
    ],
)
def test_params_in_text_of_another_type_are_refused(text: str, kind: ParamType, said: str) -> None:
    with pytest.raises(ValueProblem, match=said):
        read_text(text, kind)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        (None, ""),
        (True, "true"),
        (5, "5"),
        (2.5, "2.5"),
        (["é", 1], '["é",1]'),
        ({"a": None}, '{"a":null}'),
    ],
)
def test_params_have_a_text_for_the_environment(value: Any, text: str) -> None:
    assert text_of(value) == text


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(min_codepoint=1)), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(PLAIN.filter(lambda value: value is not None))
def test_params_of_any_json_value_survive_the_environment(value: Any) -> None:
    assert read_text(text_of(value), ParamType.JSON) == value


def test_params_choices_hold_for_a_value_and_for_each_item_of_a_list() -> None:
    check_choices("anything", ())
    check_choices("a", ("a", "b"))
    check_choices(["a", "b"], ("a", "b"))
    with pytest.raises(ValueProblem) as caught:
        check_choices(["a", "c"], ("a", "b", 1))
    assert caught.value.hint == "choose from a, b, 1"
    with pytest.raises(ValueProblem, match="not one of the choices"):
        check_choices(True, (1, 2))


def test_params_have_environment_names() -> None:
    assert env_names(["day", "my-key.x", "é"]) == {"day": "PARAM_DAY", "my-key.x": "PARAM_MY_KEY_X", "é": "PARAM__"}
    with pytest.raises(ValueProblem, match="a-b and A_B are both PARAM_A_B"):
        env_names(["a-b", "A_B"])


@pytest.mark.parametrize(
    ("given_as", "entry", "kind"),
    [
        (Parameter(value="5", type=ParamType.INT), JobParameter(type=ParamType.FLOAT), ParamType.INT),
        (Parameter(value="5"), JobParameter(type=ParamType.FLOAT), ParamType.FLOAT),
        (None, JobParameter(), ParamType.STRING),
        (None, None, None),
        (Parameter(value=True), None, ParamType.BOOL),
        (Parameter(value=[1]), None, ParamType.LIST),
        (Parameter(vault="vault://a/b"), None, ParamType.SECRET),
        (Parameter(upstream="a", output="b"), None, None),
    ],
)
def test_params_have_the_type_of_task_job_or_literal(
    given_as: Parameter | None, entry: JobParameter | None, kind: ParamType | None
) -> None:
    assert kind_of(given_as, entry) is kind


def test_params_of_a_request_are_typed_by_the_schema() -> None:
    pairs = ["rows=7", "day=tue", "ratio=1", "note=a=b"]
    assert parse_overrides(pairs, {"note": Parameter(value="")}, SCHEMA) == {
        "rows": 7,
        "day": "tue",
        "ratio": 1.0,
        "note": "a=b",
    }
    assert check_overrides({"rows": 7, "ratio": "0.5"}, {}, SCHEMA) == {"rows": 7, "ratio": 0.5}


def test_params_are_taken_as_they_come_where_none_is_declared() -> None:
    assert check_overrides({"a": "1", "b": 2, "c": [None]}, {}, {}) == {"a": "1", "b": 2, "c": [None]}


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["rows"], "not a parameter"),
        (["=7"], "not a parameter"),
        (["rows=1", "rows=2"], "parameter rows is given twice"),
        (["row=1"], "unknown parameter row"),
        (["made=1"], "parameter made is an output"),
        (["rows=many"], "parameter rows: must be a whole number"),
        (["day=wed"], "parameter day: not one of the choices"),
    ],
)
def test_params_of_a_request_that_cannot_be_are_refused(pairs: list[str], said: str) -> None:
    with pytest.raises(ValueProblem, match=said):
        parse_overrides(pairs, {}, SCHEMA)


def test_params_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(ValueProblem) as caught:
        check_overrides({"key": ["hunter2"]}, {}, SCHEMA)
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_params_come_from_request_then_task_then_job() -> None:
    own = {"rows": Parameter(value=3), "ratio": Parameter(value=0.5)}
    found = resolve(own, SCHEMA, overrides={"ratio": 2}, outputs={})
    assert found == Resolved(
        values={"day": "mon", "rows": 3, "ratio": 2.0, "mark": "x"},
        sensitive=frozenset({"key", "mark"}),
        vaults={"key": "vault://ops/key"},
    )


def test_params_that_a_job_requires_are_missing_without_a_value() -> None:
    assert resolve({}, SCHEMA, overrides={}, outputs={}).missing == ("rows",)
    assert resolve({}, SCHEMA, overrides={"rows": "1"}, outputs={}).missing == ()


def test_params_take_the_outputs_of_upstream_runs() -> None:
    own = {
        "n": Parameter(upstream="a", output="rows", type=ParamType.INT),
        "s": Parameter(upstream="a", output="rows", type=ParamType.STRING),
        "any": Parameter(upstream="a", output="list"),
        "null": Parameter(upstream="a", output="null"),
        "late": Parameter(upstream="b", output="x", default=9, has_default=True),
        "gone": Parameter(upstream="b", output="x"),
        "unfit": Parameter(upstream="a", output="list", type=ParamType.INT),
    }
    outputs = {"a": {"rows": "42", "list": [1], "null": None}}
    found = resolve(own, {}, overrides={}, outputs=outputs)
    assert found.values == {"n": 42, "s": "42", "any": [1], "null": None, "late": 9}
    assert found.missing == ("gone", "unfit")
    number = resolve({"s": own["s"]}, {}, overrides={}, outputs={"a": {"rows": 42}})
    assert number.values == {"s": "42"}


def test_params_from_vault_and_state_are_named_and_not_opened() -> None:
    own = {
        "token": Parameter(vault="vault://ops/token"),
        "mark": Parameter(state="watermark", default=0, has_default=True),
        "other": Parameter(state="other"),
        "hidden": Parameter(value="h", sensitive=True),
    }
    assert resolve(own, {}, overrides={}, outputs={}) == Resolved(
        values={"mark": 0, "hidden": "h"},
        sensitive=frozenset({"token", "hidden"}),
        vaults={"token": "vault://ops/token"},
        states={"mark": "watermark", "other": "other"},
    )


def test_params_given_with_the_request_open_no_vault() -> None:
    found = resolve({"a": Parameter(value="x")}, {}, overrides={"a": "vault://ops/token"}, outputs={})
    assert found.values == {"a": "vault://ops/token"}
    assert found.vaults == {}
