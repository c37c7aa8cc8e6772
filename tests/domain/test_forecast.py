"""Forecasts: overlaps, queues, chains and the load by the hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.forecast import Due, Expected, Forecast, forecast
from polysync.domain.values import Overlap

START = datetime(2026, 3, 27, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def at(minutes: float) -> datetime:
    return START + minutes * MINUTE


def looked(tasks: Sequence[Expected], due: Sequence[Due], hours: float = 6) -> Forecast:
    return forecast(tasks, due, START, START + hours * HOUR)


def test_forecast_counts_what_is_left_out() -> None:
    tally = looked([Expected("a", MINUTE)], [Due(at(0), "a"), Due(at(5), "a", fires=False)]).tallies["a"]
    assert (tally.due, tally.started, tally.left_out, tally.busy) == (2, 1, 1, MINUTE)


def test_forecast_queues_what_overlaps() -> None:
    tally = looked([Expected("a", 10 * MINUTE)], [Due(at(m), "a") for m in (0, 5, 6)]).tallies["a"]
    assert (tally.started, tally.waited, tally.longest_wait) == (3, 2, 14 * MINUTE)


def test_forecast_drops_what_the_queue_cannot_hold() -> None:
    tally = looked([Expected("a", 10 * MINUTE, queue_max=1)], [Due(at(m), "a") for m in (0, 1, 2)]).tallies["a"]
    assert (tally.started, tally.crowded_out) == (2, 1)


def test_forecast_skips_what_overlaps() -> None:
    task = Expected("a", 10 * MINUTE, on_overlap=Overlap.SKIP)
    tally = looked([task], [Due(at(m), "a") for m in (0, 5, 10)]).tallies["a"]
    assert (tally.started, tally.overlapped) == (2, 1)  # at minute 10 the first has ended


def test_forecast_stops_the_oldest_for_a_newer_run() -> None:
    task = Expected("a", 10 * MINUTE, max_concurrent=2, on_overlap=Overlap.TERMINATE)
    result = looked([task], [Due(at(m), "a") for m in (0, 5, 6)])
    tally = result.tallies["a"]
    assert (tally.started, tally.stopped, result.peak) == (3, 1, 2)
    assert tally.busy == 6 * MINUTE + 10 * MINUTE + 10 * MINUTE


@pytest.mark.parametrize(("need", "started"), [(1, 2), (2, 1)])
def test_forecast_starts_what_follows_from_success(need: int, started: int) -> None:
    tasks = [
        Expected("a", MINUTE),
        Expected("b", 2 * MINUTE),
        Expected("c", MINUTE, upstream=("a", "b", "not looked at"), need=need),
    ]
    result = looked(tasks, [Due(at(0), "a"), Due(at(0), "b")])
    assert result.tallies["c"].started == started


def test_forecast_ends_at_its_end() -> None:
    tasks = [Expected("a", 2 * HOUR), Expected("b", MINUTE, upstream=("a",), need=1)]
    result = looked(tasks, [Due(at(0), "a"), Due(at(30), "a")], hours=1)
    tally = result.tallies["a"]
    assert (tally.busy, tally.started, tally.waited, tally.longest_wait) == (HOUR, 1, 1, 30 * MINUTE)
    assert result.tallies["b"].due == 0


def test_forecast_starts_nothing_at_the_very_end() -> None:
    tasks = [Expected("a", HOUR), Expected("b", MINUTE, upstream=("a",), need=1)]
    result = looked(tasks, [Due(at(0), "a"), Due(at(1), "a")], hours=1)
    assert (result.tallies["a"].started, result.tallies["b"].due) == (1, 0)


def test_forecast_spreads_the_load_over_the_hours() -> None:
    result = looked([Expected("a", 90 * MINUTE)], [Due(at(30), "a")], hours=3)
    assert [load for _, load in result.load()] == [0.5, 1.0, 0.0]


def test_forecast_names_the_busiest_minutes() -> None:
    tasks = [Expected(name, MINUTE, max_concurrent=9) for name in "abc"]
    due = [Due(at(0), "a"), Due(at(5), "a"), Due(at(5), "b"), Due(at(7), "c"), Due(at(7.1), "c"), Due(at(7.2), "c")]
    found = looked(tasks, due).busiest(5)
    assert [(moment, dict(names)) for moment, names in found] == [(at(5), {"a": 1, "b": 1}), (at(7), {"c": 3})]


def test_forecast_of_nothing_is_empty() -> None:
    result = looked([], [])
    assert (result.peak, result.peak_at, result.busiest(3)) == (0, None, [])


@given(
    st.lists(st.integers(0, 300), max_size=30),
    st.integers(1, 120),
    st.integers(1, 3),
    st.sampled_from(Overlap),
    st.integers(1, 4),
)
def test_forecast_accounts_for_every_slot(
    minutes: list[int], lasting: int, most: int, overlap: Overlap, queue: int
) -> None:
    task = Expected("a", lasting * MINUTE, most, overlap, queue)
    result = looked([task], [Due(at(m), "a") for m in sorted(minutes)])
    tally = result.tallies["a"]
    waiting = tally.due - tally.started - tally.overlapped - tally.crowded_out
    assert 0 <= waiting <= (queue if overlap is Overlap.QUEUE else 0)
    assert result.peak <= most
    assert sum(load for _, load in result.load()) == pytest.approx(tally.busy / HOUR)
