"""Problems as data, and the guesses in them."""

from __future__ import annotations

import pytest

from polysync.config.report import problem_data
from polysync.config.suggest import Pool, closest, one_of
from polysync.config.wording import dotted, kind_of, quoted
from polysync.domain.errors import Problem


def test_a_problem_is_json_data() -> None:
    data = {"path": "p", "line": 1, "column": 2, "key": "k", "message": "m", "hint": "h", "severity": "error"}
    assert problem_data(Problem("p", 1, 2, "m", "h", "k")) == data


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
