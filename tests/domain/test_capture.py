"""How much of the output of a run is kept: each policy, a short disk, and what waits in a spool."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.capture import (
    AHEAD,
    FLOOR,
    PARTS,
    PIECE,
    QUOTA,
    SMALLEST,
    STEP,
    WORTH,
    Limit,
    Loss,
    Portion,
    Stretch,
    allowed,
    excess,
    piece,
    portion,
    told,
)
from polysync.domain.values import LogFull

OLD, NEW, KILL = LogFull.DROP_OLD, LogFull.DROP_NEW, LogFull.KILL_TASK
MB = 1 << 20
NOTHING = Stretch(0, 0)
sizes = st.integers(0, 1 << 34)


@pytest.mark.parametrize("policy", list(LogFull))
def test_all_is_kept_up_to_the_very_limit(policy: LogFull) -> None:
    assert portion(Limit(100, policy), 60, 40) == Portion(40)


def test_the_newest_is_dropped_from_the_limit_on() -> None:
    for policy in (NEW, KILL):
        assert portion(Limit(100, policy), 60, 41) == Portion(40)
        assert portion(Limit(100, policy), 100, 5) == Portion(0)
        assert portion(Limit(100, policy), 120, 5) == Portion(0)


def test_the_oldest_goes_in_steps() -> None:
    assert portion(Limit(1600, OLD), 1600, 1) == Portion(1, 101)
    assert portion(Limit(1 << 30, OLD), 1 << 30, 1) == Portion(1, 1 + STEP)


def test_while_the_disk_is_short_output_takes_the_place_of_its_own() -> None:
    assert portion(Limit(100 * MB, NEW), 30, 5, ceiling=30) == Portion(0)
    assert portion(Limit(100 * MB, KILL), 30, 5, ceiling=40) == Portion(5)
    assert portion(Limit(100 * MB, OLD), 30 * MB, 5, ceiling=30 * MB) == Portion(5, 5 + 30 * MB // PARTS)
    assert portion(Limit(100 * MB, OLD), 0, 5, ceiling=0) == Portion(5)
    assert allowed(Limit(100 * MB, OLD), 0) == FLOOR
    assert allowed(Limit(100, OLD), 0) == 100
    assert allowed(Limit(100, NEW), 70) == 70


@given(st.sampled_from(list(LogFull)), st.integers(1024, 1 << 34), sizes, sizes, st.none() | sizes)
def test_never_more_is_kept_than_is_allowed(policy: LogFull, size: int, kept: int, coming: int, at: int | None) -> None:
    limit = Limit(size, policy)
    share = portion(limit, kept, coming, ceiling=at)
    assert 0 <= share.keep <= coming
    most = allowed(limit, at)
    if policy is OLD:
        assert share.keep == coming
        assert kept + coming - share.drop <= most
    else:
        assert share.drop == 0
        assert share.keep == max(0, min(coming, most - kept))


def test_pieces_are_small_beside_the_limit() -> None:
    assert piece(Limit(1 << 30)) == PIECE
    assert piece(Limit(MB)) == MB // PARTS
    assert piece(Limit(1024)) == SMALLEST


def test_what_waits_is_passed_over_only_beyond_what_would_be_kept_anyway() -> None:
    assert excess(Limit(100 * MB, OLD), 0, 200 * MB) == NOTHING
    assert excess(Limit(100 * MB, OLD), 50 * MB, 201 * MB) == Stretch(0, 101 * MB)
    assert excess(Limit(1024, OLD), 0, AHEAD) == NOTHING
    assert excess(Limit(1024, OLD), 0, AHEAD + 1) == Stretch(0, AHEAD + 1 - 1024)
    assert excess(Limit(1 << 40, OLD), 0, QUOTA) == NOTHING
    assert excess(Limit(1 << 40, OLD), 0, QUOTA + 2) == Stretch(0, QUOTA // 2 + 2)


def test_nothing_is_read_any_more_of_a_full_log() -> None:
    for policy in (NEW, KILL):
        limit = Limit(100 * MB, policy)
        assert excess(limit, 100 * MB, WORTH) == NOTHING
        assert excess(limit, 100 * MB, WORTH + 1) == Stretch(0, WORTH + 1)
        assert excess(limit, 40 * MB, 60 * MB + AHEAD) == NOTHING
        assert excess(limit, 40 * MB, 60 * MB + AHEAD + 1) == Stretch(60 * MB, AHEAD + 1)
        assert excess(limit, 40 * MB, 2 * MB, ceiling=40 * MB) == Stretch(0, 2 * MB)


def test_a_spool_within_the_limit_is_bounded_too_unless_its_task_is_to_end() -> None:
    assert excess(Limit(1 << 40, NEW), 0, QUOTA + 1) == Stretch(QUOTA, 1)
    assert excess(Limit(1 << 40, KILL), 0, QUOTA + 1) == NOTHING
    assert excess(Limit(1 << 40, NEW), 0, 3 * MB, quota=2 * MB) == Stretch(2 * MB, MB)


@given(st.sampled_from(list(LogFull)), st.integers(1024, 1 << 34), sizes, sizes)
def test_what_is_passed_over_lies_within_what_waits(policy: LogFull, size: int, kept: int, waiting: int) -> None:
    begin, length = excess(Limit(size, policy), kept, waiting)
    assert length == 0 or begin + length <= waiting
    left = waiting - length
    if policy is OLD:
        assert left >= min(waiting, size, QUOTA // 2)
    else:
        assert left >= min(waiting, max(0, size - kept), QUOTA)


def test_people_are_told_why() -> None:
    for loss in Loss:
        assert "{" not in told(loss, Limit(100 * MB))
    assert "100mb" in told(Loss.OLD, Limit(100 * MB))
