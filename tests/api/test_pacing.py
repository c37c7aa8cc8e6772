"""Buckets that fill up with time."""

from __future__ import annotations

import pytest

from polysync.api.pacing import Pace, Paces


class Hand:
    """A clock that somebody turns."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        """What it shows."""
        return self.at


def test_so_many_at_once_and_then_so_many_a_second() -> None:
    now = Hand()
    paces = Paces(Pace(3, 0.5), now)
    assert [paces.take("a") for _ in range(5)] == [0, 0, 0, 2, 2]
    assert paces.take("b") == 0
    now.at += 1
    assert paces.wait("a") == pytest.approx(1)
    now.at += 1
    assert (paces.wait("a"), paces.take("a"), paces.take("a")) == (0, 0, 2)
    now.at += 3600
    assert [paces.take("a") for _ in range(4)] == [0, 0, 0, 2]  # never more than at once


def test_looking_takes_nothing_and_remembers_nobody() -> None:
    paces = Paces(Pace(1, 1), Hand())
    assert (paces.wait("a"), len(paces)) == (0, 0)
    paces.take("a")
    assert [paces.wait("a") for _ in range(3)] == [1, 1, 1]


def test_who_was_heard_of_longest_ago_is_forgotten_first() -> None:
    paces = Paces(Pace(1, 0.001), Hand(), most=2)
    for name in ("a", "b", "a", "c"):
        paces.take(name)
    assert len(paces) == 2
    assert paces.wait("b") == 0
    assert paces.wait("a") > 0
