"""Equality as people mean it."""

from __future__ import annotations

from typing import Any

import pytest

from polysync.domain.equality import same


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (True, True), ("a", "a"), (None, None), ([1], [1])])
def test_equality_holds_between_equal_values(one: Any, other: Any) -> None:
    assert same(one, other)


@pytest.mark.parametrize(("one", "other"), [(1, True), (False, 0), ("1", 1), (None, 0), ([1], [2]), ("a", None)])
def test_equality_does_not_hold_between_kinds(one: Any, other: Any) -> None:
    assert not same(one, other)
