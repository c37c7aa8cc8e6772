"""Whether and when a run is tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.outcome import Verdict
from polysync.domain.retry import LONGEST_WAIT, GiveUp, Policy, Retry, Tally, Why, decide, delay_before, policy_for
from polysync.domain.run import Reason
from polysync.domain.task import RetryOn, RetryOverride, Task
from polysync.domain.values import Backoff, Codes, Jitter, NeverOn, Outcome, Restart, RetryPreset

SECOND = timedelta(seconds=1)
FAILED = Verdict(Outcome.FAILED, Reason.EXIT_CODE)
TIMEOUT = Verdict(Outcome.TIMEOUT, Reason.TIMEOUT)
CRASHED = Verdict(Outcome.CRASHED, Reason.LOST)
INTERMEDIATE = Verdict(Outcome.INTERMEDIATE, Reason.INTERMEDIATE)


def task(**keys: Any) -> Task:
    return Task(name="t", run="true", **keys)


def settle(of: Task, verdict: Verdict, tally: Tally = Tally(), **more: Any) -> Retry | GiveUp:  # noqa: B008 - frozen
    return decide(of, verdict, more.get("error", ""), more.get("code"), tally, 7, more.get("retry_after"))


def chain(of: Task, *verdicts: Verdict) -> list[Retry | GiveUp]:
    """What is decided after each attempt, up to the end of the chain."""
    tally, decisions = Tally(), []
    for verdict in verdicts:
        decisions.append(settle(of, verdict, tally))
        if isinstance(decisions[-1], GiveUp):
            break
        tally = tally.plus(verdict.outcome)
    return decisions


def granted(of: Task, *verdicts: Verdict) -> int:
    return sum(isinstance(decision, Retry) for decision in chain(of, *verdicts))


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(Outcome.SUCCEEDED),
        Verdict(Outcome.SKIPPED, Reason.SKIP_CODE),
        Verdict(Outcome.CANCELLED, Reason.STOPPED),
        Verdict(Outcome.FATAL, Reason.FATAL),
        Verdict(Outcome.FAILED, Reason.DENIED),
        Verdict(Outcome.FAILED, Reason.APPROVAL_EXPIRED),
        Verdict(Outcome.TIMEOUT, Reason.MAX_DURATION),
    ],
)
def test_retry_never_follows_an_end_that_is_final(verdict: Verdict) -> None:
    assert settle(task(retry_attempts=-1), verdict) == GiveUp(Why.FINAL)


@pytest.mark.parametrize("verdict", [FAILED, TIMEOUT, CRASHED, INTERMEDIATE])
def test_retry_takes_the_general_policy(verdict: Verdict) -> None:
    assert settle(task(retry_attempts=1), verdict) == Retry(5 * SECOND, 1)
    assert settle(task(), verdict) == GiveUp(Why.EXHAUSTED)


def test_retry_counts_all_outcomes_together_under_the_general_policy() -> None:
    assert granted(task(retry_attempts=2), FAILED, TIMEOUT, CRASHED, FAILED) == 2


@pytest.mark.parametrize(
    ("error", "code", "why"),
    [
        ("", 3, Why.NEVER_ON),
        ("", 12, Why.NEVER_ON),
        ("Permission DENIED: /x", 1, Why.NEVER_ON),
        ("no route", 1, None),
        ("", None, None),
    ],
)
def test_retry_never_on_matches_codes_and_parts_of_the_error(error: str, code: int | None, why: Why | None) -> None:
    never = NeverOn(Codes(((3, 3), (10, 19))), ("permission denied",))
    decision = settle(task(retry_attempts=1, retry_never_on=never), FAILED, error=error, code=code)
    assert decision == (Retry(5 * SECOND, 1) if why is None else GiveUp(why))


def test_retry_enabled_false_keeps_the_settings_and_grants_nothing() -> None:
    off = task(retry_enabled=False, retry_attempts=3, retry_delay=9 * SECOND, retry_on=RetryOn(failed=RetryOverride()))
    assert settle(off, FAILED) == GiveUp(Why.EXHAUSTED)
    assert policy_for(off, Outcome.FAILED).delay == 9 * SECOND


def test_retry_restart_on_failure_has_no_limit() -> None:
    assert granted(task(restart=Restart.ON_FAILURE), *[FAILED] * 300) == 300


def test_retry_on_an_outcome_lays_its_keys_over_the_tasks() -> None:
    general = task(
        retry_attempts=2,
        retry_on=RetryOn(
            timeout=RetryOverride(
                retry_attempts=4,
                retry_delay=SECOND,
                retry_backoff=Backoff.LINEAR,
                retry_max_delay=3 * SECOND,
                retry_jitter=Jitter.FULL,
            ),
            crashed=RetryOverride(retry_delay=2 * SECOND),
        ),
    )
    assert policy_for(general, Outcome.TIMEOUT) == Policy(4, SECOND, Backoff.LINEAR, 3 * SECOND, Jitter.FULL)
    assert policy_for(general, Outcome.CRASHED) == Policy(
        2, 2 * SECOND, Backoff.CONSTANT, timedelta(hours=1), Jitter.NONE
    )
    assert policy_for(general, Outcome.FAILED) == Policy(
        2, 5 * SECOND, Backoff.CONSTANT, timedelta(hours=1), Jitter.NONE
    )


def test_retry_on_counts_attempts_of_its_outcome_and_bounds_the_total() -> None:
    own = task(retry_attempts=3, retry_on=RetryOn(timeout=RetryOverride(retry_attempts=1)))
    assert granted(own, TIMEOUT, TIMEOUT) == 1
    assert granted(own, FAILED, TIMEOUT, FAILED, FAILED) == 3
    more = task(retry_attempts=1, retry_on=RetryOn(timeout=RetryOverride(retry_attempts=3)))
    assert granted(more, FAILED, TIMEOUT, TIMEOUT, TIMEOUT) == 3
    assert granted(more, TIMEOUT, FAILED) == 1
    endless = task(retry_on=RetryOn(failed=RetryOverride(retry_attempts=-1)))
    assert granted(endless, *[FAILED] * 50) == 50


def test_retry_delay_of_an_outcome_grows_with_its_own_count() -> None:
    own = task(
        retry_attempts=9, retry_on=RetryOn(timeout=RetryOverride(retry_delay=SECOND, retry_backoff=Backoff.EXPONENTIAL))
    )
    assert chain(own, FAILED, TIMEOUT, FAILED, TIMEOUT) == [
        Retry(5 * SECOND, 1),
        Retry(SECOND, 1),
        Retry(5 * SECOND, 3),
        Retry(2 * SECOND, 2),
    ]


@pytest.mark.parametrize(("verdict", "attempts"), [(TIMEOUT, 5), (INTERMEDIATE, 10), (FAILED, 5)])
def test_retry_preset_by_outcome_has_its_own_limits_and_delays(verdict: Verdict, attempts: int) -> None:
    preset = task(retry_preset=RetryPreset.BY_OUTCOME)
    decisions = chain(preset, *[verdict] * 20)
    delays = [decision.delay for decision in decisions if isinstance(decision, Retry)]
    assert delays == [min(15 * SECOND * 2**k, timedelta(hours=1)) for k in range(attempts)]
    assert decisions[-1] == GiveUp(Why.EXHAUSTED)


def test_retry_preset_leaves_crashes_to_the_task_and_yields_to_retry_on() -> None:
    preset = task(
        retry_preset=RetryPreset.BY_OUTCOME,
        retry_attempts=1,
        retry_on=RetryOn(failed=RetryOverride(retry_attempts=2)),
    )
    assert settle(preset, CRASHED) == Retry(5 * SECOND, 1)
    assert policy_for(preset, Outcome.FAILED) == Policy(
        2, 15 * SECOND, Backoff.EXPONENTIAL, timedelta(hours=1), Jitter.NONE
    )


@pytest.mark.parametrize(
    ("asked", "delay"),
    [
        (30 * SECOND, 30 * SECOND),
        (timedelta(0), timedelta(0)),
        (-SECOND, timedelta(0)),
        (timedelta(days=30), LONGEST_WAIT),
    ],
)
def test_retry_after_replaces_the_delay_within_a_week(asked: timedelta, delay: timedelta) -> None:
    assert settle(task(retry_attempts=1), FAILED, retry_after=asked) == Retry(delay, 1)


@pytest.mark.parametrize(
    ("backoff", "seconds"),
    [
        (Backoff.CONSTANT, [4, 4, 4, 4]),
        (Backoff.LINEAR, [4, 8, 10, 10]),
        (Backoff.EXPONENTIAL, [4, 8, 10, 10]),
    ],
)
def test_retry_delay_grows_and_is_capped(backoff: Backoff, seconds: list[int]) -> None:
    policy = Policy(9, 4 * SECOND, backoff, 10 * SECOND, Jitter.NONE)
    assert [delay_before(policy, k, "run") / SECOND for k in range(1, 5)] == seconds


def test_retry_delay_exponential_doubles_without_a_limit_on_k() -> None:
    policy = Policy(-1, timedelta(microseconds=1), Backoff.EXPONENTIAL, LONGEST_WAIT, Jitter.NONE)
    assert delay_before(policy, 11, 1) == timedelta(microseconds=1024)
    assert delay_before(policy, 10**9, 1) == LONGEST_WAIT


POLICIES = st.builds(
    Policy,
    attempts=st.just(3),
    delay=st.timedeltas(timedelta(0), LONGEST_WAIT),
    backoff=st.sampled_from(Backoff),
    max_delay=st.timedeltas(timedelta(0), LONGEST_WAIT),
    jitter=st.sampled_from(Jitter),
)


@given(POLICIES, st.integers(1, 10_000), st.integers(1, 10**9) | st.text(max_size=8))
def test_retry_delay_stays_within_its_bounds(policy: Policy, k: int, run: int | str) -> None:
    plain = Policy(policy.attempts, policy.delay, policy.backoff, policy.max_delay, Jitter.NONE)
    whole, spread = delay_before(plain, k, run), delay_before(policy, k, run)
    low = {Jitter.NONE: whole, Jitter.EQUAL: whole // 2, Jitter.FULL: timedelta(0)}[policy.jitter]
    assert low <= spread <= whole <= policy.max_delay
    assert spread == delay_before(policy, k, run)
    assert whole <= delay_before(plain, k + 1, run)


def test_retry_jitter_spreads_runs_evenly() -> None:
    policy = Policy(1, 100 * SECOND, Backoff.CONSTANT, 100 * SECOND, Jitter.FULL)
    delays = [delay_before(policy, 1, run) / SECOND for run in range(2000)]
    assert 45 < sum(delays) / len(delays) < 55
    assert len({int(delay) // 10 for delay in delays}) == 10


@given(st.integers(-1, 6), st.integers(-1, 6), st.lists(st.sampled_from([FAILED, TIMEOUT, CRASHED]), max_size=20))
def test_retry_never_grants_more_than_its_limits(general: int, own: int, verdicts: list[Verdict]) -> None:
    of = task(retry_attempts=general, retry_on=RetryOn(timeout=RetryOverride(retry_attempts=own)))
    decisions = chain(of, *verdicts)
    retried = [v.outcome for v, decision in zip(verdicts, decisions, strict=False) if isinstance(decision, Retry)]
    if own >= 0:
        assert retried.count(Outcome.TIMEOUT) <= own
    if general >= 0 and own >= 0:
        assert len(retried) <= max(general, own)
