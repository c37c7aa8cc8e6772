"""Shared limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.contention import (
    Admit,
    Exceed,
    RateState,
    Wait,
    counter,
    exceed,
    rate_of,
    rebased,
    room,
    take,
)
from polysync.domain.errors import ValueProblem
from polysync.domain.settings import Profile
from polysync.domain.values import Algorithm, OnExceed, ProfileType, Scope

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


def concurrency(most: int | None = 2, **keys: Any) -> Profile:
    return Profile(name="few", type=ProfileType.CONCURRENCY, max=most, **keys)


def rate(limit: int | None = 10, window: timedelta | None = 60 * SECOND, **keys: Any) -> Profile:
    return Profile(name="slow", type=ProfileType.RATE, limit=limit, window=window, **keys)


def starts(profile: Profile, looks: list[datetime]) -> list[datetime]:
    """Those of `looks` at which a start was possible and taken."""
    state, taken = None, []
    for now in looks:
        if room(profile, 0, state, now) == Admit():
            state = take(profile, state, now)
            taken.append(now)
    return taken


@pytest.mark.parametrize(
    ("scope", "platform", "key"),
    [
        (Scope.GLOBAL, "lake", ("few", "")),
        (Scope.PLATFORM, "lake", ("few", "lake")),
        (Scope.PLATFORM, None, ("few", "")),
    ],
)
def test_contention_counts_per_platform_or_over_everything(
    scope: Scope, platform: str | None, key: tuple[str, str]
) -> None:
    assert counter(concurrency(scope=scope), platform) == key


@pytest.mark.parametrize(("used", "found"), [(0, Admit()), (1, Admit()), (2, Wait()), (3, Wait())])
def test_contention_admits_so_many_at_once(used: int, found: Admit | Wait) -> None:
    assert room(concurrency(2), used, None, NOW) == found


@pytest.mark.parametrize("profile", [concurrency(1, enabled=False), rate(1, enabled=False)])
def test_contention_that_is_disabled_limits_nothing(profile: Profile) -> None:
    assert room(profile, 99, RateState(-5, NOW, 1), NOW) == Admit()


def test_contention_of_a_token_bucket_starts_full_and_refills_evenly() -> None:
    looks = [NOW + k * SECOND for k in range(120)]
    taken = starts(rate(10), looks)
    assert taken[:10] == [NOW + k * SECOND for k in range(10)]
    assert len(taken) == 10 + 20 - 1  # what comes in during the 119 seconds that follow
    assert starts(rate(10), [NOW] * 30) == [NOW] * 10


def test_contention_burst_is_what_a_token_bucket_holds() -> None:
    assert len(starts(rate(10, burst=3), [NOW] * 30)) == 3
    assert len(starts(rate(10, burst=25), [NOW] * 30)) == 25


def test_contention_of_a_leaky_bucket_spaces_starts_evenly() -> None:
    looks = [NOW + k * SECOND for k in range(61)]
    expected = [NOW + k * 6 * SECOND for k in range(11)]
    assert starts(rate(10, algorithm=Algorithm.LEAKY), looks) == expected
    assert starts(rate(10, burst=20, algorithm=Algorithm.LEAKY), looks) == expected


def test_contention_says_when_a_token_will_be_there() -> None:
    profile = rate(7, 10 * SECOND, burst=1)
    state = take(profile, None, NOW)
    found = room(profile, 0, state, NOW)
    assert isinstance(found, Wait)
    assert found.until is not None
    assert room(profile, 0, state, found.until) == Admit()
    assert room(profile, 0, state, found.until - MICROSECOND) == found


def test_contention_owes_a_start_that_was_taken_without_room() -> None:
    profile = rate(1, SECOND)
    state = take(profile, take(profile, None, NOW), NOW)
    assert room(profile, 0, state, NOW) == Wait(NOW + 2 * SECOND)


def test_contention_keeps_its_tokens_when_the_window_is_changed() -> None:
    emptied = take(rate(1, SECOND, burst=4), None, NOW)
    assert room(rate(1, 3600 * SECOND, burst=3), 0, emptied, NOW) == Admit()
    three = take(rate(1, 3600 * SECOND, burst=4), emptied, NOW)
    assert three == RateState(2 * 3600 * 10**6, NOW, 3600 * 10**6)


def test_contention_gives_nothing_for_a_clock_that_goes_back() -> None:
    profile = rate(1, SECOND)
    state = take(profile, None, NOW)
    back = NOW - 100 * SECOND
    assert room(profile, 0, state, back) == Wait(back + SECOND)
    assert take(profile, state, back) == RateState(-1_000_000, back, 1_000_000)


def test_contention_flows_on_after_the_clock_was_set_back() -> None:
    profile = rate(1, SECOND)
    state = take(profile, None, NOW)
    back = NOW - 100 * SECOND
    assert room(profile, 0, state, back + SECOND) != Admit()
    assert room(profile, 0, rebased(state, back), back + SECOND) == Admit()
    assert rebased(state, NOW + SECOND) == state


@pytest.mark.parametrize(
    ("keys", "waiting", "until", "becomes"),
    [
        ({}, 10**6, None, Exceed.QUEUE),
        ({"queue_size": 2}, 1, None, Exceed.QUEUE),
        ({"queue_size": 2}, 2, None, Exceed.REJECT),
        ({"queue_size": 0}, 0, None, Exceed.REJECT),
        ({"on_exceed": OnExceed.REJECT}, 0, NOW, Exceed.REJECT),
        ({"on_exceed": OnExceed.DEFER}, 0, NOW, Exceed.DEFER),
        ({"on_exceed": OnExceed.DEFER}, 0, None, Exceed.QUEUE),
        ({"on_exceed": OnExceed.DEFER, "queue_size": 1}, 1, NOW, Exceed.REJECT),
    ],
)
def test_contention_exceeded_follows_the_profile(
    keys: dict[str, Any], waiting: int, until: datetime | None, becomes: Exceed
) -> None:
    assert exceed(concurrency(1, **keys), waiting, until) is becomes


def test_contention_without_its_numbers_is_refused() -> None:
    with pytest.raises(ValueProblem, match="few has no max"):
        room(concurrency(None), 0, None, NOW)
    with pytest.raises(ValueProblem, match="slow needs limit and window"):
        rate_of(rate(None))
    with pytest.raises(ValueProblem, match="slow needs limit and window"):
        rate_of(rate(1, None))


PROFILES = st.builds(
    rate,
    st.integers(1, 50),
    st.integers(1, 10_000_000).map(lambda span: span * MICROSECOND),
    burst=st.none() | st.integers(1, 20),
    algorithm=st.sampled_from(Algorithm),
)
STEPS = st.lists(st.integers(0, 3_000_000), min_size=1, max_size=60)


@given(PROFILES, STEPS)
def test_contention_never_exceeds_its_rate_in_any_span(profile: Profile, steps: list[int]) -> None:
    looks, now = [], NOW
    for step in steps:
        now += step * MICROSECOND
        looks += [now] * 3
    taken = starts(profile, looks)
    rated = rate_of(profile)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            flowed = (taken[last] - taken[first]) // MICROSECOND * rated.limit
            assert (last - first + 1) * rated.parts <= rated.capacity + flowed


@given(PROFILES, STEPS, STEPS)
def test_contention_does_not_depend_on_how_time_is_cut(profile: Profile, takes: list[int], cuts: list[int]) -> None:
    instants = sorted(NOW + at * MICROSECOND for at in takes)
    seldom = often = None
    for at in instants:
        seldom = take(profile, seldom, at)
        for cut in sorted(cuts):
            if often is not None and often.at < NOW + cut * MICROSECOND < at:
                paid = take(profile, often, NOW + cut * MICROSECOND)
                often = RateState(paid.level + rate_of(profile).parts, paid.at, paid.parts)
        often = take(profile, often, at)
    assert seldom == often


@given(PROFILES, st.lists(st.integers(-3_000_000, 3_000_000), max_size=40))
def test_contention_never_holds_more_than_its_capacity(profile: Profile, steps: list[int]) -> None:
    state, now = None, NOW
    for step in steps:
        now += step * MICROSECOND
        state = take(profile, state, now)
        assert state.level <= rate_of(profile).capacity - rate_of(profile).parts
