"""What follows when a person decides."""

from __future__ import annotations

import pytest

from polysync.domain.approvals import Decision, Step, next_step
from polysync.domain.task import Approval

APPROVAL = Approval(before=True, after=True, request_changes=2)


@pytest.mark.parametrize(
    ("asked_about", "decision", "step"),
    [
        ("before", Decision.APPROVE, Step.QUEUE),
        ("before", Decision.DENY, Step.DENY),
        ("before", Decision.REQUEST_CHANGES, Step.REFUSE),
        ("after", Decision.APPROVE, Step.SUCCEED),
        ("after", Decision.DENY, Step.DENY),
        ("after", Decision.REQUEST_CHANGES, Step.RERUN),
    ],
)
def test_approvals_lead_to_one_step(asked_about: str, decision: Decision, step: Step) -> None:
    assert next_step(APPROVAL, asked_about, decision, 0) is step


@pytest.mark.parametrize(("cycles", "step"), [(0, Step.RERUN), (1, Step.RERUN), (2, Step.REFUSE), (3, Step.REFUSE)])
def test_approvals_allow_changes_up_to_their_limit(cycles: int, step: Step) -> None:
    assert next_step(APPROVAL, "after", Decision.REQUEST_CHANGES, cycles) is step


def test_approvals_that_are_configured_no_more_allow_no_changes() -> None:
    assert next_step(None, "after", Decision.REQUEST_CHANGES, 0) is Step.REFUSE
    assert next_step(None, "after", Decision.APPROVE, 0) is Step.SUCCEED
