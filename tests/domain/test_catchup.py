"""Which missed slots still run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.catchup import Range, Selection, select
from polysync.domain.run import Reason
from polysync.domain.values import Catchup

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SLOTS = tuple(NOON - k * MINUTE for k in range(10, 0, -1))


def test_catchup_skip_runs_none_and_leaves_one_range() -> None:
    missed = Range(Reason.MISSED, SLOTS[0], SLOTS[-1], 10)
    assert select(SLOTS, Catchup.SKIP, 100, NOON, None) == Selection((), (missed,))


def test_catchup_latest_runs_the_newest() -> None:
    missed = Range(Reason.MISSED, SLOTS[0], SLOTS[-2], 9)
    assert select(SLOTS, Catchup.LATEST, 100, NOON, None) == Selection((SLOTS[-1],), (missed,))


def test_catchup_all_runs_oldest_first_and_keeps_the_newest_when_capped() -> None:
    assert select(SLOTS, Catchup.ALL, 100, NOON, None) == Selection(SLOTS, ())
    missed = Range(Reason.MISSED, SLOTS[0], SLOTS[6], 7)
    assert select(SLOTS, Catchup.ALL, 3, NOON, None) == Selection(SLOTS[7:], (missed,))


@pytest.mark.parametrize(
    ("policy", "run", "dropped"),
    [
        (Catchup.ALL, SLOTS[6:], (Range(Reason.DEADLINE, SLOTS[0], SLOTS[5], 6),)),
        (
            Catchup.LATEST,
            SLOTS[9:],
            (Range(Reason.DEADLINE, SLOTS[0], SLOTS[5], 6), Range(Reason.MISSED, SLOTS[6], SLOTS[8], 3)),
        ),
        (
            Catchup.SKIP,
            (),
            (Range(Reason.DEADLINE, SLOTS[0], SLOTS[5], 6), Range(Reason.MISSED, SLOTS[6], SLOTS[9], 4)),
        ),
    ],
)
def test_catchup_drops_slots_later_than_the_deadline(
    policy: Catchup, run: tuple[datetime, ...], dropped: tuple[Range, ...]
) -> None:
    assert select(SLOTS, policy, 100, NOON, 4 * MINUTE) == Selection(run, dropped)


def test_catchup_of_no_slots_is_nothing() -> None:
    assert select((), Catchup.LATEST, 100, NOON, MINUTE) == Selection((), ())


def test_catchup_holds_no_more_slots_than_it_runs() -> None:
    alive = 0
    most = 0

    class Slot(datetime):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def slots() -> Iterator[datetime]:
        nonlocal alive, most
        for second in range(5000):
            alive += 1
            most = max(most, alive)
            yield Slot(2026, 1, 1, second // 3600, second // 60 % 60, second % 60, tzinfo=UTC)

    selection = select(slots(), Catchup.ALL, 10, NOON, None)
    assert len(selection.run) == 10
    assert selection.dropped[0].count == 4990
    assert most < 20


@given(
    st.lists(st.integers(1, 500), unique=True, max_size=60),
    st.sampled_from(Catchup),
    st.integers(1, 20),
    st.none() | st.integers(1, 500),
)
def test_catchup_accounts_for_every_slot_once(
    ages: list[int], policy: Catchup, most: int, deadline: int | None
) -> None:
    slots = [NOON - age * MINUTE for age in sorted(ages, reverse=True)]
    limit = None if deadline is None else deadline * MINUTE
    selection = select(slots, policy, most, NOON, limit)
    accounted = list(selection.run)
    for dropped in selection.dropped:
        inside = [slot for slot in slots if dropped.first <= slot <= dropped.last]
        assert len(inside) == dropped.count
        accounted += inside
    assert sorted(accounted) == slots
    assert list(selection.run) == sorted(selection.run)
    assert len(selection.run) <= {Catchup.SKIP: 0, Catchup.LATEST: 1, Catchup.ALL: most}[policy]
    assert all(limit is None or NOON - slot <= limit for slot in selection.run)
