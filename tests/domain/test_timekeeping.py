"""Jumps of the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.timekeeping import CORRECTION, TOLERANCE, Change, ClockChange, notice
from polysync.domain.values import Reading
from tests.faults import fault

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
ZERO = timedelta(0)
BEFORE = Reading(NOON, HOUR, 2 * HOUR)


def later(passed: timedelta, *, slept: timedelta = ZERO, stepped: timedelta = ZERO) -> Reading:
    """The reading after `passed` of waking time, a sleep and a step of the wall clock."""
    return Reading(BEFORE.wall + passed + slept + stepped, BEFORE.monotonic + passed, BEFORE.boot + passed + slept)


@pytest.mark.parametrize("drift", [ZERO, TOLERANCE, -TOLERANCE])
def test_timekeeping_lets_time_simply_pass(drift: timedelta) -> None:
    assert notice(BEFORE, later(30 * SECOND, stepped=drift)) is None
    assert notice(BEFORE, later(30 * SECOND, slept=max(drift, ZERO))) is None


@fault("F27")
def test_timekeeping_names_a_suspend_and_its_gap() -> None:
    change = notice(BEFORE, later(10 * SECOND, slept=7 * HOUR + 12 * 60 * SECOND))
    assert change is not None
    assert change.kind is Change.SUSPENDED
    assert str(change) == "suspended 7h12m"
    assert change.gap_from == NOON + 10 * SECOND


def test_timekeeping_names_a_step_forward_and_its_gap() -> None:
    change = notice(BEFORE, later(10 * SECOND, stepped=HOUR))
    assert change == ClockChange(Change.STEPPED_FORWARD, HOUR, NOON + 10 * SECOND)
    assert str(change) == "clock +1h"


def test_timekeeping_takes_a_step_during_a_suspend_into_the_gap() -> None:
    change = notice(BEFORE, later(10 * SECOND, slept=HOUR, stepped=60 * SECOND))
    assert change is not None
    assert change.kind is Change.SUSPENDED
    assert change.gap_from == NOON + 10 * SECOND


@fault("F26")
@pytest.mark.parametrize(
    ("back", "kind"),
    [
        (TOLERANCE + SECOND, Change.STEPPED_BACK),
        (CORRECTION, Change.STEPPED_BACK),
        (CORRECTION + SECOND, Change.CORRECTED),
        (1000 * HOUR, Change.CORRECTED),
    ],
)
def test_timekeeping_tells_a_step_back_from_a_correction(back: timedelta, kind: Change) -> None:
    change = notice(BEFORE, later(10 * SECOND, stepped=-back))
    assert change is not None
    assert change.kind is kind
    assert change.gap_from == NOON + 10 * SECOND - back
    assert str(change).startswith("clock -")


def test_timekeeping_says_how_long_the_daemon_was_away() -> None:
    assert str(ClockChange(Change.RETURNED, 90 * SECOND, NOON)) == "down 1m30s"


@given(
    st.timedeltas(ZERO, 30 * SECOND),
    st.timedeltas(ZERO, 48 * HOUR),
    st.timedeltas(-HOUR, 48 * HOUR),
)
def test_timekeeping_gap_lies_between_the_two_looks(passed: timedelta, slept: timedelta, stepped: timedelta) -> None:
    now = later(passed, slept=slept, stepped=stepped)
    change = notice(BEFORE, now)
    if change is None:
        assert abs(stepped) <= TOLERANCE
        assert slept <= TOLERANCE
    else:
        assert change.gap_from <= now.wall
        assert change.gap_from >= min(BEFORE.wall, now.wall) - TOLERANCE
