"""Whether an attempt that went wrong is followed by another one, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from polysync.domain.outcome import Verdict
from polysync.domain.run import Reason
from polysync.domain.task import WEEK, RetryOverride, Task
from polysync.domain.values import Backoff, Jitter, Outcome, Restart, RetryPreset

UNLIMITED: Final = -1
MICROSECOND: Final = timedelta(microseconds=1)
LONGEST_WAIT: Final = WEEK  # a retry further away than this is a schedule
RETRIED: Final = frozenset({Outcome.FAILED, Outcome.TIMEOUT, Outcome.CRASHED, Outcome.INTERMEDIATE})
# A person said no, or the time or the log of all attempts together is used up: another attempt could not end better.
NEVER: Final = frozenset({Reason.DENIED, Reason.APPROVAL_EXPIRED, Reason.MAX_DURATION, Reason.LOG_FULL})
BY_OUTCOME: Final[Mapping[Outcome, int]] = {Outcome.TIMEOUT: 5, Outcome.INTERMEDIATE: 10, Outcome.FAILED: 5}
_HASH_BITS: Final = 64
_DOUBLINGS: Final = 64  # a microsecond doubled so often is beyond every cap


@dataclass(frozen=True, slots=True)
class Policy:
    """How often an attempt is repeated, and after which delays."""

    attempts: int  # extra attempts; -1: no limit
    delay: timedelta
    backoff: Backoff
    max_delay: timedelta
    jitter: Jitter


@dataclass(frozen=True, slots=True)
class Tally:
    """The extra attempts that a run has used, in all and by the outcome that each followed."""

    total: int = 0
    by_outcome: Mapping[Outcome, int] = field(default_factory=dict)

    def plus(self, outcome: Outcome) -> Tally:
        """The tally after one more extra attempt because of `outcome`."""
        return Tally(self.total + 1, {**self.by_outcome, outcome: self.by_outcome.get(outcome, 0) + 1})


class Why(StrEnum):
    """Why there is no further attempt."""

    FINAL = "final"  # such an end is never retried
    NEVER_ON = "never_on"  # `retry_never_on` matched
    EXHAUSTED = "exhausted"  # no attempts are left; with `dead_letter` the run is dead


@dataclass(frozen=True, slots=True)
class Retry:
    """Another attempt is due after `delay`; it is the `k`th extra one of its kind."""

    delay: timedelta
    k: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """There is no further attempt."""

    why: Why


def policy_for(task: Task, outcome: Outcome) -> Policy:
    """The policy of `task` after `outcome`: its own keys, over them the preset, over it `retry_on.<outcome>`."""
    policy = _general(task)
    if task.retry_preset is RetryPreset.BY_OUTCOME and outcome in BY_OUTCOME:
        policy = replace(
            policy,
            attempts=BY_OUTCOME[outcome],
            delay=timedelta(seconds=15),
            backoff=Backoff.EXPONENTIAL,
            max_delay=timedelta(hours=1),
        )
    override = _override(task, outcome)
    if override is not None:
        policy = _over(policy, override)
    return policy if task.retry_enabled else replace(policy, attempts=0)


def decide(
    task: Task,
    verdict: Verdict,
    error: str,
    exit_code: int | None,
    tally: Tally,
    run_key: int | str,
    retry_after: timedelta | None = None,
) -> Retry | GiveUp:
    """Whether and when a run is tried again after `verdict`, having used `tally` of its extra attempts."""
    if verdict.outcome not in RETRIED or verdict.reason in NEVER:
        return GiveUp(Why.FINAL)
    if _never_on(task, error, exit_code):
        return GiveUp(Why.NEVER_ON)
    policy = policy_for(task, verdict.outcome)
    own = _has_table(task, verdict.outcome)
    used = tally.by_outcome.get(verdict.outcome, 0) if own else tally.total
    bound = _larger(policy.attempts, _general(task).attempts if task.retry_enabled else 0)
    if not (_left(policy.attempts, used) and _left(bound, tally.total)):
        return GiveUp(Why.EXHAUSTED)
    if retry_after is not None:
        return Retry(min(max(retry_after, timedelta(0)), LONGEST_WAIT), used + 1)
    return Retry(delay_before(policy, used + 1, run_key), used + 1)


def delay_before(policy: Policy, k: int, run_key: int | str) -> timedelta:
    """The delay before extra attempt `k` of the run `run_key`: grown, then capped, then spread."""
    grown = policy.delay // MICROSECOND
    if policy.backoff is Backoff.LINEAR:
        grown *= k
    elif policy.backoff is Backoff.EXPONENTIAL:
        grown <<= min(k - 1, _DOUBLINGS)
    capped = min(grown, policy.max_delay // MICROSECOND)
    if policy.jitter is Jitter.FULL:
        capped = _spread(capped, k, run_key)
    elif policy.jitter is Jitter.EQUAL:
        capped = capped // 2 + _spread(capped - capped // 2, k, run_key)
    return timedelta(microseconds=capped)


def _general(task: Task) -> Policy:
    attempts = UNLIMITED if task.restart is Restart.ON_FAILURE else task.retry_attempts
    return Policy(attempts, task.retry_delay, task.retry_backoff, task.retry_max_delay, task.retry_jitter)


def _override(task: Task, outcome: Outcome) -> RetryOverride | None:
    tables = {
        Outcome.FAILED: task.retry_on.failed,
        Outcome.TIMEOUT: task.retry_on.timeout,
        Outcome.CRASHED: task.retry_on.crashed,
        Outcome.INTERMEDIATE: task.retry_on.intermediate,
    }
    return tables.get(outcome)


def _has_table(task: Task, outcome: Outcome) -> bool:
    preset = task.retry_preset is RetryPreset.BY_OUTCOME and outcome in BY_OUTCOME
    return preset or _override(task, outcome) is not None


def _over(policy: Policy, own: RetryOverride) -> Policy:
    return Policy(
        policy.attempts if own.retry_attempts is None else own.retry_attempts,
        policy.delay if own.retry_delay is None else own.retry_delay,
        policy.backoff if own.retry_backoff is None else own.retry_backoff,
        policy.max_delay if own.retry_max_delay is None else own.retry_max_delay,
        policy.jitter if own.retry_jitter is None else own.retry_jitter,
    )


def _never_on(task: Task, error: str, exit_code: int | None) -> bool:
    said = error.casefold()
    never = task.retry_never_on
    return exit_code in never.codes or any(text.casefold() in said for text in never.texts)


def _larger(one: int, other: int) -> int:
    return UNLIMITED if UNLIMITED in {one, other} else max(one, other)


def _left(limit: int, used: int) -> bool:
    return limit == UNLIMITED or used < limit


def _spread(span: int, k: int, run_key: int | str) -> int:
    digest = sha256(f"{run_key}:{k}".encode()).digest()
    return span * int.from_bytes(digest[: _HASH_BITS // 8]) >> _HASH_BITS
