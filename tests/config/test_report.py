"""Problems as text and as data, and the guesses in them."""

from __future__ import annotations

import pytest

from polysync.config.report import as_data, render, summary
from polysync.config.suggest import Pool, closest, one_of
from polysync.config.wording import dotted, kind_of, quoted
from polysync.domain.errors import Problem, Severity
from tests.config.reading import told


def test_a_problem_shows_its_line_with_a_caret() -> None:
    loaded = told("[tasks.t]\nrun = 'x'\ntimout = 5\n[storage]\n")
    assert render(loaded.problems, loaded.documents) == (
        "polysync.toml:3:1: tasks.t.timout: unknown key; did you mean timeout?\n  3 | timout = 5\n    | ^\n1 error"
    )


def test_a_long_or_hostile_line_is_shown_in_part_and_made_harmless() -> None:
    problem = Problem("p", 1, 150, "wrong")
    shown = render([problem], {"p": "\x1b[31m" + "a" * 144 + "B" + "c" * 100}).split("\n")
    assert shown[1] == "  1 | " + "a" * 40 + "B" + "c" * 59
    assert shown[2].index("^") == shown[1].index("B")
    assert "\x1b" not in render([Problem("p", 1, 1, "wrong")], {"p": "\x1b[31m"})
    assert render([Problem("p", 0, 0, "wrong")], {}) == "p: wrong\n1 error"
    assert render([], {}) == ""


def test_problems_are_counted_in_words() -> None:
    error, warning = Problem("p", 1, 1, "e"), Problem("p", 1, 1, "w", severity=Severity.WARNING)
    assert summary([error, error, warning]) == "2 errors, 1 warning"
    assert summary([]) == ""


def test_a_problem_is_json_data() -> None:
    assert as_data([Problem("p", 1, 2, "m", "h", "k")]) == [
        {"path": "p", "line": 1, "column": 2, "key": "k", "message": "m", "hint": "h", "severity": "error"}
    ]


@pytest.mark.parametrize(
    ("word", "names", "guess"),
    [
        ("retry_attemps", ["retry_attempts", "retry_delay"], "retry_attempts"),
        ("Retry-Delay", ["retry_delay"], "retry_delay"),
        ("tset", ["test", "rest"], "test"),
        ("xyz", ["abc"], None),
        ("", ["a"], None),
        ("x" * 200, ["x" * 199], None),
        ("runn", ["cron", "run"], "run"),
    ],
)
def test_the_nearest_name_is_guessed(word: str, names: list[str], guess: str | None) -> None:
    assert closest(word, names) == guess


def test_a_large_pool_knows_one_slip() -> None:
    pool = Pool(f"task-{n}" for n in range(1000))
    assert pool.closest("tsk-77") == "task-77"
    assert pool.closest("task--77") == "task-77"
    assert pool.hint("entirely else") == ""


def test_keys_and_values_read_as_in_toml() -> None:
    assert dotted(("jobs", "a@2", "x y", 0, "tags")) == 'jobs."a@2"."x y"[0].tags'
    assert quoted('a"\n\x1b\U000e0001' + "b" * 100) == '"a\\"\\n\\u001B\\U000E0001' + "b" * 55 + '…"'
    assert one_of(["a"]) == '"a"'
    assert one_of(["a", "b", "c"]) == '"a", "b" or "c"'
    assert kind_of(object()) == "something else"
