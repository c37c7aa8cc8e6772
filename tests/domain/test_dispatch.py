"""In which order waiting runs are looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.dispatch import MOST_AGING, Line, order_key

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WAITING = st.dictionaries(
    st.integers(1, 40),
    st.tuples(st.integers(-3, 25) | st.sampled_from([-100, 100]), st.integers(-5, 1500)),
    max_size=40,
)


def test_dispatch_prefers_priority_then_time_then_id() -> None:
    line = Line()
    line.add(1, 0, NOW)
    line.add(2, 10, NOW)
    line.add(4, 0, NOW - timedelta(seconds=1))
    line.add(3, 0, NOW - timedelta(seconds=1))
    assert list(line.walk(NOW)) == [2, 3, 4, 1]


def test_dispatch_ages_a_waiting_run_by_one_a_minute_up_to_a_limit() -> None:
    def effective(waited: timedelta) -> int:
        return -order_key(0, NOW - waited, 1, NOW)[0]

    assert effective(59 * timedelta(seconds=1)) == 0
    assert effective(3 * MINUTE) == 3
    assert effective(500 * MINUTE) == MOST_AGING
    assert effective(-5 * MINUTE) == 0


def test_dispatch_lets_an_old_run_overtake_a_new_one_of_higher_priority() -> None:
    line = Line()
    line.add(1, 0, NOW - 11 * MINUTE)
    line.add(2, 10, NOW)
    assert list(line.walk(NOW)) == [1, 2]


def test_dispatch_keeps_a_run_in_line_when_the_clock_is_set_back() -> None:
    line = Line()
    line.add(1, 0, NOW)
    assert list(line.walk(NOW - timedelta(hours=2))) == [1]


def test_dispatch_lets_nobody_wait_for_a_time_that_lies_ahead_again() -> None:
    line = Line()
    back = NOW - timedelta(hours=2)
    line.add(1, 0, NOW)
    line.add(2, 0, NOW - MINUTE)
    line.add(3, 0, back - MINUTE)
    line.go_back(back)
    line.add(4, 0, back + timedelta(seconds=1))
    assert list(line.walk(back + MINUTE)) == [3, 1, 2, 4]


def test_dispatch_moves_a_run_that_is_added_again_and_forgets_one_that_left() -> None:
    line = Line()
    line.add(1, 0, NOW)
    line.add(2, 0, NOW)
    line.add(1, 5, NOW)
    assert list(line.walk(NOW)) == [1, 2]
    line.remove(1)
    line.remove(1)
    assert list(line.walk(NOW)) == [2]


def test_dispatch_walk_does_not_see_changes_made_meanwhile() -> None:
    line = Line()
    for run in range(1, 6):
        line.add(run, run % 2, NOW)
    seen = []
    for run in line.walk(NOW):
        line.remove(run)
        seen.append(run)
    assert seen == [1, 3, 5, 2, 4]
    assert list(line.walk(NOW)) == []


@given(WAITING, st.sets(st.integers(1, 40)))
def test_dispatch_walk_is_the_sorted_order(waiting: dict[int, tuple[int, int]], gone: set[int]) -> None:
    line = Line()
    for run, (priority, seconds) in waiting.items():
        line.add(run, priority, NOW - timedelta(seconds=seconds))
    for run in gone:
        line.remove(run)
    left = {run: place for run, place in waiting.items() if run not in gone}

    def key(run: int) -> tuple[int, datetime, int]:
        priority, seconds = left[run]
        return order_key(priority, NOW - timedelta(seconds=seconds), run, NOW)

    assert list(line.walk(NOW)) == sorted(left, key=key)
