"""While a burst is decided, what was told is looked at seldom; a person is never kept waiting."""

from __future__ import annotations

from datetime import timedelta

from polysync.daemon.haste import BLIND, Haste
from polysync.daemon.inbox import BATCH

BEGIN = timedelta(hours=1)


def test_without_a_burst_everything_is_looked_at() -> None:
    haste = Haste()
    assert not haste.blind(BEGIN, bursting=False, asked=0, waiting=5)
    assert not haste.blind(BEGIN, bursting=False, asked=0, waiting=0)


def test_in_a_burst_ends_wait_and_requests_do_not() -> None:
    haste = Haste()
    haste.blind(BEGIN, bursting=False, asked=0, waiting=0)
    assert haste.blind(BEGIN, bursting=True, asked=0, waiting=50)
    assert not haste.blind(BEGIN, bursting=True, asked=1, waiting=51)
    assert haste.blind(BEGIN, bursting=True, asked=0, waiting=50)


def test_a_burst_that_goes_on_lets_everything_in_now_and_then() -> None:
    haste = Haste()
    haste.blind(BEGIN, bursting=False, asked=0, waiting=0)
    assert haste.blind(BEGIN + BLIND / 2, bursting=True, asked=0, waiting=3 * BATCH)
    looks = [not haste.blind(BEGIN + BLIND, bursting=True, asked=0, waiting=3 * BATCH - n) for n in range(5)]
    assert looks == [True, True, True, False, False]
    assert not haste.blind(BEGIN + 2 * BLIND, bursting=True, asked=0, waiting=1)
