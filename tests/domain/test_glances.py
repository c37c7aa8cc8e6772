"""Many runs in a few numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.glances import Ending, Statistics, statistics
from polysync.domain.run import State

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def ran(state: State, seconds: float) -> Ending:
    return Ending(state, NOON, NOON + seconds * SECOND)


def test_no_runs_have_no_numbers() -> None:
    assert statistics([]) == Statistics({}, None, None, None, None)


def test_what_did_not_run_counts_for_neither_success_nor_length() -> None:
    found = statistics(
        [
            ran(State.SUCCEEDED, 2),
            ran(State.FAILED, 4),
            ran(State.CANCELLED, 600),
            Ending(State.SKIPPED, None, NOON, slots=7),
            Ending(State.RUNNING, NOON, None),
            Ending(State.CRASHED, None, NOON),
        ]
    )

    assert found.counts == {
        State.RUNNING: 1,
        State.SUCCEEDED: 1,
        State.FAILED: 1,
        State.CRASHED: 1,
        State.CANCELLED: 1,
        State.SKIPPED: 7,
    }
    assert found.success_rate == pytest.approx(1 / 3)
    assert (found.median, found.slow, found.longest) == (2 * SECOND, 4 * SECOND, 4 * SECOND)


@given(st.lists(st.integers(0, 1000), min_size=1))
def test_ranks_are_lengths_that_so_many_do_not_pass(lengths: list[int]) -> None:
    found = statistics(ran(State.SUCCEEDED, length) for length in lengths)

    for percent, rank in ((50, found.median), (95, found.slow)):
        assert rank is not None
        assert rank // SECOND in lengths
        assert sum(length * SECOND <= rank for length in lengths) * 100 >= percent * len(lengths)
        assert sum(length * SECOND < rank for length in lengths) * 100 < percent * len(lengths)
    assert found.longest == max(lengths) * SECOND
