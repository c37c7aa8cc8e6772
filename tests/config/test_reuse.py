"""A new configuration is made of the objects of the old one, and of those only where both say the same."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from polysync.config.decode import decode
from polysync.config.diff import plan, plan_of, restart_only
from polysync.config.reuse import is_same, reuse
from polysync.domain.settings import Configuration, Daemon
from polysync.domain.task import Task
from tests.simulation.story import NOON

TEXT = """
[vaults.v]
type = "env"
[platforms.lake]
type = "slurm"
labels = { region = "eu" }
[calendars.c]
dates = ["12-25"]
[jobs.j]
type = "script"
[jobs.j.parameters]
n = { type = "int", default = 1 }
[services.s]
run = "serve"
env = { A = "1" }
[tasks.a]
run = "true"
cron = "0 3 * * *"
env = { A = "${env:A}", B = "b" }
parameters = { n = 1 }
retry_on = { failed = { retry_attempts = 3 } }
skip_on = ["c"]
[tasks.b]
job = "j"
depends_on = ["a"]
[[notifier]]
id = "ops"
type = "command"
command = ["logger"]
"""


def made(text: str = TEXT, **env: str) -> Configuration:
    loaded = decode(text, env={"A": "one", **env})
    assert loaded.config is not None, [str(problem) for problem in loaded.problems]
    return loaded.config


@pytest.mark.parametrize("filled", [True, False])
def test_the_same_text_gives_the_old_one_itself(*, filled: bool) -> None:
    old = made()
    assert reuse(old, made(), filled=filled) is old


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('run = "true"', 'run = "false"'),
        ("n = 1 }\nretry", "n = true }\nretry"),
        ("n = 1 }\nretry", "n = 1.0 }\nretry"),
        ("retry_attempts = 3", "retry_attempts = 4"),
        ('"${env:A}"', '"one"'),
        ('"${env:A}"', '"${env:OTHER}"'),
    ],
)
def test_one_edit_makes_one_object_anew(before: str, after: str) -> None:
    old, new = made(), made(TEXT.replace(before, after, 1), OTHER="one")
    found = reuse(old, new)
    assert found.tasks["a"] is new.tasks["a"]
    assert found.tasks["b"] is old.tasks["b"]
    for section in ("vaults", "platforms", "calendars", "jobs", "services", "notifier", "daemon"):
        assert getattr(found, section) is getattr(old, section), section
    assert [(one.table, repr(one.old) != repr(one.new)) for one in plan(old, found, NOON).changed] in (
        [("tasks.a", True)],
        [],  # a value that only stands for something else in other words
    )


def test_another_value_of_a_variable_is_another_definition() -> None:
    old = made()
    new = reuse(old, made(A="two"))
    assert new.tasks["a"] is not old.tasks["a"]
    assert dict(new.tasks["a"].env) == {"A": "two", "B": "b"}


def test_another_order_is_another_configuration_of_the_same_tasks() -> None:
    old = made()
    new = replace(old, tasks=dict(reversed(list(old.tasks.items()))))
    found = reuse(old, new)
    assert list(found.tasks) == ["b", "a"]
    assert found.tasks["a"] is old.tasks["a"]


def test_values_of_different_kinds_are_not_the_same() -> None:
    assert not is_same(Task(name="a", settings={"x": 1}), Task(name="a", settings={"x": True}))
    assert not is_same("1", 1)
    assert is_same((1, "a"), (1, "a"))
    assert not is_same((1,), (True,))


def test_one_and_true_are_a_change_that_is_told() -> None:
    one, two = (Configuration(tasks={"a": Task(name="a", settings={"x": value})}) for value in (1, True))
    assert [(change.key, change.old, change.new) for change in plan(one, two, NOON).changed] == [
        ("settings.x", 1, True)
    ]


def test_a_plan_comes_back_from_its_data() -> None:
    old, new = made(), made(TEXT.replace("0 3", "0 4").replace("tasks.b", "tasks.c") + '[daemon]\ndata_dir = "x"\n')
    found = plan(old, new, NOON)
    assert not found.empty
    assert found.moved
    assert plan_of(found.to_data()) == found
    assert restart_only(old, new) == ("daemon.data_dir",)
    assert restart_only(old, replace(old, daemon=Daemon(max_running=3))) == ()


def test_what_comes_from_nowhere_is_looked_into_too() -> None:
    class Odd:
        """A kind of value that nobody declared."""

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Odd)

        def __hash__(self) -> int:
            return 1

        def __repr__(self) -> str:
            return "odd"

    held: dict[str, Any] = {"env": {"A": Odd()}}
    again: dict[str, Any] = {"env": {"A": Odd()}}
    assert is_same(Task(name="a", **held), Task(name="a", **again))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 0.0}, {"a": -0.0}),
        ({"a": [1, {"b": (0,)}]}, {"a": [1, {"b": (False,)}]}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ],
)
def test_values_that_are_equal_only_to_python_are_not_the_same(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert old == new
    assert not is_same(Task(name="t", settings=old), Task(name="t", settings=new))
    assert is_same(Task(name="t", settings=old), Task(name="t", settings=deepcopy(old)))
