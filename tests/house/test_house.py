"""The house as it stands keeps every rule."""

from __future__ import annotations

from functools import cache

import pytest

from tests.house.rules import RULES, Rule
from tests.house.sources import Source, read_all
from tests.house.wheels import check_wheels, core_wheels


@cache
def house() -> list[Source]:
    return read_all()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_house_keeps_rule(rule: Rule) -> None:
    complaints = rule(house())

    assert not complaints, "\n".join(["", *complaints])


def test_house_is_not_empty() -> None:
    assert {"pyproject.toml", "polysync/domain/run.py"} <= {source.path for source in house()}


def test_core_has_no_compiled_wheel() -> None:
    wheels = core_wheels()

    assert {"click", "croniter", "httpx2", "textual"} <= wheels.keys()
    assert check_wheels(wheels) == []
