"""Exclusive named locks."""

from __future__ import annotations

from polysync.domain.locks import missing


def test_locks_held_by_another_run_are_missing() -> None:
    assert missing(["a", "b", "c", "b"], {"b": 2, "a": 1, "x": 9}, 1) == ("b",)


def test_locks_that_are_free_or_own_are_not_missing() -> None:
    assert missing(["a", "b"], {"a": 1}, 1) == ()
