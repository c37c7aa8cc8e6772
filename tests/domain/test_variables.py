"""What is filled in at dispatch, and what stays as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from polysync.config.substitute import RUN_WORDS
from polysync.domain.errors import ValueProblem
from polysync.domain.rows import Run
from polysync.domain.run import State
from polysync.domain.task import JobParameter
from polysync.domain.values import Parameter, ParamType, Trigger
from polysync.domain.variables import WORDS, Variables, fill_parameters, mentions, slot_of, templated

CREATED = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
SLOT = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)  # the first instant after the gap in Bratislava: 03:00 local
ZONE = "Europe/Bratislava"


def run_of(**values: Any) -> Run:
    made = {"available_at": CREATED, "scheduled_for": SLOT, "correlation_id": "c0ffee", **values}
    return Run(7, "uid", "backup", State.STARTING, Trigger.CRON, created_at=CREATED, **made)


def about(hidden: tuple[str, ...] = (), **parameters: Any) -> Variables:
    return Variables(run_of(parameters=parameters), 2, ZONE, parameters, hidden)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("$HOME {x} $", "$HOME {x} $"),
        ("${run:id}/${run:attempt}", "7/2"),
        ("${run:task}@${run:correlation_id}", "backup@c0ffee"),
        ("${run:scheduled_for}", "2026-03-29T01:00:00Z"),
        ("${run:scheduled_for:%Y-%m-%d}", "2026-03-29"),
        ("${run:scheduled_for:%H:%M %z}", "03:00 +0200"),
        ("${run:scheduled_for:%F %T 100%% %s}", "2026-03-29 03:00:00 100% 1774746000"),
        ("$${run:id}", "${run:id}"),
        ("$${HOME} ${param:n}", "${HOME} 5"),
        ("${param:who}", "a ${run:id}"),
        ("${param:many}", '["x",1]'),
    ],
)
def test_text_is_filled_in(text: str, filled: str) -> None:
    assert about(n=5, who="a ${run:id}", many=["x", 1]).fill(text) == filled


def test_words_are_those_that_the_configuration_accepts() -> None:
    assert set(WORDS) == set(RUN_WORDS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${param:gone}", "gone has no value"),
        ("${param:key}", "key is secret"),
        ("${run:nothing}", "stands for nothing"),
        ("${env:HOME}", "stands for nothing"),
        ("${run:scheduled_for:%Q}", "%Q is not a part of a date"),
        ("${run:scheduled_for:50%}", "% is not a part of a date"),
    ],
)
def test_what_has_no_value_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueProblem, match=said):
        about(("key",), key="k").fill(text)


def test_a_run_without_a_slot_takes_its_logical_date_and_then_its_creation() -> None:
    logical = datetime(2025, 1, 1, tzinfo=UTC)
    assert slot_of(run_of(scheduled_for=None, logical_at=logical)) == logical
    assert slot_of(run_of(scheduled_for=None)) == CREATED


def test_a_date_before_the_year_1000_has_four_digits() -> None:
    early = Variables(run_of(scheduled_for=datetime(33, 4, 3, 12, tzinfo=UTC)), 1, "UTC")
    assert early.fill("${run:scheduled_for:%Y}") == "0033"


def test_deep_values_are_filled_in() -> None:
    value = {"a": ["${run:id}", 5, ("x",)], "b": None}
    assert about().fill_all(value) == {"a": ["7", 5, ["x"]], "b": None}
    assert mentions(value)
    assert not mentions({"a": ["b", 5]})


def filled(parameters: dict[str, Parameter], schema: dict[str, JobParameter] | None = None, **run: Any) -> Any:
    values = {name: own.value for name, own in parameters.items() if own.vault is None}
    values.update(run.pop("values", {}))
    made = run_of(parameters=values, **run)
    names = templated(parameters)
    return fill_parameters(names, parameters, schema or {}, Variables(made, 1, ZONE, values))


def test_parameters_are_filled_in_after_those_they_name() -> None:
    given = {
        "a": Parameter(value="<${param:b}>"),
        "b": Parameter(value="${run:id}-${param:c}"),
        "c": Parameter(value=3),
        "d": Parameter(value={"x": ["${param:a}", "$${param:a}"], "n": 1}),
    }
    assert filled(given) == {"a": "<7-3>", "b": "7-3", "c": 3, "d": {"x": ["<7-3>", "${param:a}"], "n": 1}}


def test_a_filled_parameter_has_its_type() -> None:
    given = {"rows": Parameter(value="${run:id}", type=ParamType.INT)}
    assert filled(given) == {"rows": 7}
    with pytest.raises(ValueProblem, match="the parameter rows: must be a whole number"):
        filled({"rows": Parameter(value="${run:task}", type=ParamType.INT)})


def test_a_filled_parameter_is_one_of_the_choices() -> None:
    given = {"day": Parameter(value="${run:scheduled_for:%a}")}
    assert filled(given, {"day": JobParameter(choices=("Sun",))}) == {"day": "Sun"}
    with pytest.raises(ValueProblem, match="the parameter day: not one of the choices"):
        filled(given, {"day": JobParameter(choices=("Mon",))})


def test_a_circle_of_parameters_is_refused() -> None:
    with pytest.raises(ValueProblem, match="a → b → a name each other in a circle"):
        filled({"a": Parameter(value="${param:b}"), "b": Parameter(value="${param:a}")})


def test_what_comes_from_elsewhere_is_text() -> None:
    wicked = "${run:id}"
    asked = {"a": Parameter(value="${run:task}")}
    assert filled(asked, overrides={"a": wicked}, values={"a": wicked}) == {"a": wicked}
    passed = {"a": Parameter(upstream="load", output="rows", default="${run:task}", has_default=True)}
    assert filled(passed, values={"a": wicked}) == {"a": wicked}
    assert filled(passed, values={"a": "${run:task}"}) == {"a": "backup"}
    secret = {"a": Parameter(vault="vault://v/a", default="${run:id}")}
    assert filled(secret) == {}
    assert filled({"a": Parameter(state="k", default="${run:id}")}, values={"a": "$${x}"}) == {"a": "$${x}"}
