"""The values that definitions are made of, and the errors that speak of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.errors import DoubleFiring, PolysyncError, Problem, Severity, ValueProblem
from polysync.domain.values import JOB_PATTERN, NAME_PATTERN, Codes, Quorum


@pytest.mark.parametrize("name", ["a", "etl-2", "A.b:c_d", "2fast", "x" * 100])
def test_values_name_is_accepted(name: str) -> None:
    assert re.fullmatch(NAME_PATTERN, name)
    assert re.fullmatch(JOB_PATTERN, name + "@2")


@pytest.mark.parametrize("name", ["", "12", "-a", ".a", "a b", "a/b", "é", "x" * 101, "a\n", "a@2"])
def test_values_name_is_refused(name: str) -> None:
    assert not re.fullmatch(NAME_PATTERN, name)


@pytest.mark.parametrize("name", ["a@0", "a@", "a@x", "12@1@1", "a@1234567890"])
def test_values_job_version_is_refused(name: str) -> None:
    assert not re.fullmatch(JOB_PATTERN, name)


@pytest.mark.parametrize(
    ("quorum", "edges", "need"),
    [
        (Quorum(), 3, 3),
        (Quorum(1), 3, 1),
        (Quorum(2), 3, 2),
        (Quorum(5), 3, 3),
        (Quorum(60, percent=True), 3, 2),
        (Quorum(60, percent=True), 5, 3),
        (Quorum(1, percent=True), 5, 1),
        (Quorum(100, percent=True), 5, 5),
    ],
)
def test_values_quorum_is_a_number_of_edges(quorum: Quorum, edges: int, need: int) -> None:
    assert quorum.of(edges) == need


@given(st.integers(1, 100), st.integers(1, 50))
def test_values_quorum_in_percent_grows_and_stays_in_bounds(percent: int, edges: int) -> None:
    need = Quorum(percent, percent=True).of(edges)
    assert 1 <= need <= edges
    assert need * 100 >= percent * edges
    assert need <= Quorum(percent, percent=True).of(edges + 1)


def test_values_codes_hold_single_codes_and_ranges() -> None:
    codes = Codes(((3, 3), (10, 19)))
    assert [code for code in range(30) if code in codes] == [3, *range(10, 20)]
    assert None not in codes
    assert "3" not in codes


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("p.toml", 12, 8, "unknown key", "did you mean x?", "tasks.a.y"),
         "p.toml:12:8: tasks.a.y: unknown key; did you mean x?"),
        (Problem("p.toml", 0, 0, "cannot read it"), "p.toml: cannot read it"),
        (Problem("p.toml", 1, 1, "dead", severity=Severity.WARNING), "p.toml:1:1: warning: dead"),
    ],
)  # fmt: skip
def test_errors_problem_names_place_key_and_remedy(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_errors_say_their_own_docstring_by_default() -> None:
    assert str(DoubleFiring()) == DoubleFiring.__doc__
    assert str(PolysyncError("no room")) == "no room"
    problem = ValueProblem("no", "try yes", 3)
    assert (str(problem), problem.hint, problem.offset) == ("no", "try yes", 3)
