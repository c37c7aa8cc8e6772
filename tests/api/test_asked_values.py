"""What is kept with a run has a size: a list of runs reads all of it."""

from __future__ import annotations

from typing import Any

import pytest

from polysync.api import asked
from polysync.domain.errors import ValueProblem

MOST = asked.LARGEST_TABLE - len('{"a": ""}')


@pytest.mark.parametrize(
    ("read", "value", "problem"),
    [
        (asked.table, {"a": "x" * MOST}, None),
        (asked.table, {"a": "x" * (MOST + 1)}, "larger than 256 KiB"),
        (asked.table, {str(number): "x" * 500 for number in range(600)}, "larger than 256 KiB"),
        (asked.table, {"": 1}, "not a text"),
        (asked.table, {"a\n": 1}, "not a text"),
        (asked.table, [1], "not a table"),
        (asked.tags, {str(number): "x" for number in range(asked.MOST_TAGS)}, None),
        (asked.tags, {str(number): "x" for number in range(asked.MOST_TAGS + 1)}, "more than 64 tags"),
        (asked.tags, {"a": 1}, "not a text"),
    ],
)
def test_tables_and_tags_have_bounds(read: Any, value: Any, problem: str | None) -> None:
    if problem is None:
        assert read(value) == value
        return
    with pytest.raises(ValueProblem, match=problem):
        read(value)
