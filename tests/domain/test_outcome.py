"""What an exit means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.outcome import ENDS, INTENDED, OWN_VERDICTS, Exit, Verdict, classify, final_state
from polysync.domain.run import Move, Reason, State, after, check_reason
from polysync.domain.task import Task
from polysync.domain.values import Codes, Outcome


def task(**keys: Any) -> Task:
    return Task(name="t", run="true", **keys)


def codes(*members: int) -> Codes:
    return Codes(tuple((code, code) for code in members))


@pytest.mark.parametrize(
    ("ended", "verdict"),
    [
        (Exit(code=0), Verdict(Outcome.SUCCEEDED)),
        (Exit(code=1), Verdict(Outcome.FAILED, Reason.EXIT_CODE)),
        (Exit(code=75), Verdict(Outcome.INTERMEDIATE, Reason.INTERMEDIATE)),
        (Exit(code=137, signal="KILL"), Verdict(Outcome.FAILED, Reason.SIGNAL)),
        (Exit(signal="SEGV"), Verdict(Outcome.FAILED, Reason.SIGNAL)),
        (Exit(error="connection refused"), Verdict(Outcome.FAILED, Reason.REPORTED)),
        (Exit(), Verdict(Outcome.CRASHED, Reason.LOST)),
    ],
)
def test_outcome_follows_the_exit_code_by_default(ended: Exit, verdict: Verdict) -> None:
    assert classify(ended, task()) == verdict


@pytest.mark.parametrize(
    ("keys", "code", "outcome"),
    [
        ({"success_codes": codes(0, 3)}, 3, Outcome.SUCCEEDED),
        ({"success_codes": codes(3)}, 0, Outcome.FAILED),
        ({"skip_codes": codes(4)}, 4, Outcome.SKIPPED),
        ({"skip_codes": codes(0)}, 0, Outcome.SKIPPED),
        ({"fatal_codes": codes(2)}, 2, Outcome.FATAL),
        ({"fatal_codes": codes(75)}, 75, Outcome.FATAL),
        ({"success_codes": codes(0, 75)}, 75, Outcome.SUCCEEDED),
        ({"intermediate_codes": codes(9)}, 9, Outcome.INTERMEDIATE),
        ({"intermediate_codes": codes(9)}, 75, Outcome.FAILED),
    ],
)
def test_outcome_follows_the_code_lists_of_the_task(keys: dict[str, Codes], code: int, outcome: Outcome) -> None:
    assert classify(Exit(code=code), task(**keys)).outcome is outcome


def test_outcome_of_a_signal_can_be_declared_a_success() -> None:
    assert classify(Exit(code=143, signal="TERM"), task(success_codes=codes(0, 143))) == Verdict(Outcome.SUCCEEDED)


@pytest.mark.parametrize(
    ("ended", "verdict"),
    [
        (Exit(code=0, status=Outcome.FATAL), Verdict(Outcome.FATAL, Reason.FATAL)),
        (Exit(code=1, status=Outcome.SKIPPED), Verdict(Outcome.SKIPPED, Reason.SKIP_CODE)),
        (Exit(code=1, status=Outcome.INTERMEDIATE), Verdict(Outcome.INTERMEDIATE, Reason.INTERMEDIATE)),
        (Exit(status=Outcome.SUCCEEDED), Verdict(Outcome.SUCCEEDED)),
        (Exit(status=Outcome.TIMEOUT), Verdict(Outcome.TIMEOUT, Reason.TIMEOUT)),
        (Exit(status=Outcome.CANCELLED), Verdict(Outcome.CANCELLED, Reason.STOPPED)),
        (Exit(status=Outcome.FAILED), Verdict(Outcome.FAILED, Reason.REPORTED)),
        (Exit(code=0, status=Outcome.FAILED), Verdict(Outcome.FAILED, Reason.REPORTED)),
        (Exit(code=2, status=Outcome.FAILED), Verdict(Outcome.FAILED, Reason.EXIT_CODE)),
        (Exit(code=139, signal="SEGV", status=Outcome.FAILED), Verdict(Outcome.FAILED, Reason.SIGNAL)),
    ],
)
def test_outcome_reported_by_the_work_beats_its_exit_code(ended: Exit, verdict: Verdict) -> None:
    assert classify(ended, task()) == verdict


@pytest.mark.parametrize("reason", sorted(OWN_VERDICTS))
def test_outcome_takes_the_adapters_own_verdict_first(reason: Reason) -> None:
    ended = Exit(code=0, status=Outcome.SUCCEEDED, reason=reason)
    assert classify(ended, task()) == Verdict(OWN_VERDICTS[reason], reason)


def test_outcome_looks_further_where_the_adapters_reason_is_no_verdict() -> None:
    assert classify(Exit(code=0, reason=Reason.EXIT_CODE), task()) == Verdict(Outcome.SUCCEEDED)


EXITS = st.builds(
    Exit,
    code=st.none() | st.integers(0, 255),
    signal=st.none() | st.sampled_from(["TERM", "KILL"]),
    status=st.none() | st.sampled_from(Outcome),
    error=st.sampled_from(["", "boom"]),
    reason=st.none() | st.sampled_from(Reason),
)


@given(EXITS, st.sampled_from(sorted(INTENDED)))
def test_outcome_after_a_request_to_stop_is_what_was_intended(ended: Exit, stopping: Reason) -> None:
    verdict = classify(ended, task(), stopping=stopping)
    if ended.status is Outcome.SUCCEEDED:
        assert verdict == classify(ended, task())
    else:
        assert verdict == Verdict(INTENDED[stopping], stopping)


@given(EXITS, st.none() | st.sampled_from(sorted(INTENDED)))
def test_outcome_always_leads_to_a_legal_end(ended: Exit, stopping: Reason | None) -> None:
    move, reason = final_state(*classify(ended, task(), stopping=stopping))
    check_reason(after(State.RUNNING, move), reason)


@given(EXITS)
def test_outcome_is_success_only_where_something_says_so(ended: Exit) -> None:
    if classify(ended, task()).outcome is Outcome.SUCCEEDED:
        assert ended.code == 0 or ended.status is Outcome.SUCCEEDED


@pytest.mark.parametrize("outcome", Outcome)
def test_final_state_has_a_reason_even_where_the_verdict_has_none(outcome: Outcome) -> None:
    move, reason = final_state(outcome, None)
    assert (move, reason) == ENDS[outcome]
    check_reason(after(State.RUNNING, move), reason)


def test_final_state_keeps_the_reason_of_the_verdict() -> None:
    assert final_state(Outcome.FAILED, Reason.LOG_FULL) == (Move.FAIL, Reason.LOG_FULL)
    assert final_state(Outcome.TIMEOUT, Reason.STALE) == (Move.TIME_OUT, Reason.STALE)
