"""Retention as a table, and what must hold for every history: the stricter rule wins, and what is needed stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.retention import (
    USUAL,
    Limits,
    Past,
    Rule,
    Trust,
    Why,
    limits,
    oldest_kept,
    rule_for,
    stays,
    surplus,
    too_large,
    too_little_room,
    verdict,
)
from polysync.domain.settings import Configuration, Service
from polysync.domain.task import NEVER, Task
from polysync.testing import SimClock

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NOBODY: frozenset[int] = frozenset()
MB = 1 << 20

pasts = st.builds(
    Past,
    id=st.integers(1, 60),
    ended_at=st.integers(0, 60).map(lambda days: NOON - days * DAY),
    tried=st.booleans(),
    dead=st.booleans(),
    ahead=st.booleans(),
)
histories = st.lists(pasts, unique_by=lambda run: run.id, max_size=60).map(
    lambda runs: sorted(runs, key=lambda run: run.id)
)
rules = st.builds(
    Rule,
    st.none() | st.integers(1, 20),
    st.just(NEVER) | st.integers(0, 40).map(lambda days: days * DAY + timedelta(hours=1)),
)


def beyond(runs: list[Past], keep: int | None) -> int | None:
    """The newest of the counted runs that are too many, as the store looks it up."""
    counted = [run.id for run in reversed(runs) if run.tried and not run.dead]
    return None if keep is None or len(counted) <= keep else counted[keep]


def gone(runs: list[Past], rule: Rule, needed: frozenset[int] = NOBODY) -> dict[int, Why]:
    limit = limits(rule, NOON, beyond(runs, rule.keep_runs))
    found = {run.id: verdict(run, limit, needed) for run in runs}
    return {number: why for number, why in found.items() if why is not None}


def test_the_rule_is_that_of_the_configuration_for_tasks_and_services() -> None:
    holds = Configuration(
        tasks={"a": Task(name="a", keep_runs=3, keep_for=DAY)}, services={"s": Service(name="s", keep_runs=7)}
    )
    assert rule_for("a", holds) == Rule(3, DAY)
    assert rule_for("s", holds) == Rule(7, USUAL.keep_for)
    assert rule_for("gone", holds) is None
    assert Rule(None, 30 * DAY) == USUAL


def test_only_a_rule_without_any_limit_keeps_all() -> None:
    assert Rule(None, NEVER).keeps_all
    assert not Rule(5, NEVER).keeps_all
    assert not USUAL.keeps_all


def test_no_age_is_older_than_for_ever() -> None:
    assert oldest_kept(Rule(None, NEVER), NOON) is None
    assert oldest_kept(Rule(None, timedelta(days=900_000)), NOON) is None
    assert oldest_kept(Rule(None, DAY), NOON) == NOON - DAY
    assert limits(Rule(1, NEVER), NOON, None) == Limits(0, None)


def test_what_is_dead_ahead_of_its_anchor_or_needed_stays() -> None:
    old = Past(1, NOON - 90 * DAY, tried=True)
    assert not stays(old, NOBODY)
    assert stays(old, frozenset({1}))
    assert stays(Past(1, old.ended_at, tried=True, dead=True), NOBODY)
    assert stays(Past(1, old.ended_at, tried=True, ahead=True), NOBODY)


def test_a_run_goes_for_the_number_first_and_then_for_its_age() -> None:
    old = Past(1, NOON - 90 * DAY, tried=True)
    assert verdict(old, Limits(1, NOON), NOBODY) is Why.COUNT
    assert verdict(old, Limits(0, NOON), NOBODY) is Why.AGE
    assert verdict(old, Limits(0, None), NOBODY) is None
    assert verdict(old, Limits(9, NOON), frozenset({1})) is None
    assert verdict(Past(1, NOON, tried=False), Limits(9, NOON), NOBODY) is None  # not counted, and not too old


@given(histories, rules, st.frozensets(st.integers(1, 60), max_size=5))
def test_both_rules_hold_afterwards_and_nothing_else_went(runs: list[Past], rule: Rule, needed: frozenset[int]) -> None:
    went = gone(runs, rule, needed)
    left = [run for run in runs if run.id not in went]
    free = [run for run in left if not stays(run, needed)]
    if rule.keep_runs is not None:
        assert sum(run.tried for run in free) <= rule.keep_runs
    assert all(rule.keep_for >= NEVER or run.ended_at >= NOON - rule.keep_for for run in free)
    assert not any(stays(run, needed) for run in runs if run.id in went)
    counted = [run.id for run in runs if run.tried and not run.dead]
    newest = set(counted[-rule.keep_runs :] if rule.keep_runs else counted)
    for number, why in went.items():
        if why is Why.COUNT:
            assert number not in newest


@given(histories, rules, rules)
def test_a_stricter_rule_lets_go_of_no_less(runs: list[Past], one: Rule, other: Rule) -> None:
    counts = [keep for keep in (one.keep_runs, other.keep_runs) if keep is not None]
    both = Rule(min(counts) if counts else None, min(one.keep_for, other.keep_for))
    assert gone(runs, both).keys() == gone(runs, one).keys() | gone(runs, other).keys()


@given(histories, rules)
def test_what_was_left_stays_when_asked_again(runs: list[Past], rule: Rule) -> None:
    went = gone(runs, rule)
    assert gone([run for run in runs if run.id not in went], rule) == {}


def test_a_clock_that_steps_ahead_is_not_believed_for_a_day() -> None:
    clock = SimClock(NOON)
    trust = Trust(clock.read())
    assert trust.now(clock.advance(DAY)) == NOON + DAY
    assert trust.now(clock.suspend(90 * DAY)) == NOON + 91 * DAY  # the host slept: that is time
    assert trust.now(clock.step(-DAY)) == NOON + 90 * DAY
    clock.step(3650 * DAY)
    assert trust.now(clock.advance(DAY)) == NOON + 91 * DAY
    assert trust.now(clock.advance(DAY / 2)) == NOON + 91.5 * DAY
    assert trust.now(clock.advance(DAY / 2)) == NOON + 3742 * DAY  # then it may be right
    clock.step(3650 * DAY)
    assert trust.now(clock.read()) == NOON + 3742 * DAY
    assert trust.now(clock.step(-3650 * DAY)) == NOON + 3742 * DAY
    assert trust.doubted is None


def test_only_what_is_too_large_goes() -> None:
    assert too_large(7, 5) == 2
    assert too_large(5, 5) == 0


def test_output_goes_for_space_only_where_that_helps() -> None:
    assert too_little_room(90 * MB, 100 * MB, used=500 * MB) == 20 * MB  # as much as ends the want
    assert too_little_room(90 * MB, 100 * MB, used=20 * MB) == 20 * MB
    assert too_little_room(90 * MB, 100 * MB, used=19 * MB) == 0
    assert too_little_room(100 * MB, 100 * MB, used=500 * MB) == 0


def test_free_pages_go_back_unless_they_are_few_or_wanted_again() -> None:
    assert surplus(1000, 500, 65536) == 475
    assert surplus(1000, 90, 65536) == 0  # a tenth of what is used: the next hours need them
    assert surplus(20, 15, 65536) == 0  # less than a megabyte
    assert surplus(20, 15, 65536, low=True) == 15
    assert surplus(40, 39, 65536) == 39
