"""What follows when a person decides about a run."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from polysync.domain.task import Approval


class Decision(StrEnum):
    """What a person says about a run that waits for approval."""

    APPROVE = "approve"
    DENY = "deny"
    REQUEST_CHANGES = "request_changes"


class Step(StrEnum):
    """What follows from it."""

    QUEUE = "queue"  # approved before the start
    SUCCEED = "succeed"  # approved after the end: the frozen result counts
    RERUN = "rerun"  # changes were requested: another attempt, outside the retry budget
    DENY = "deny"  # never retried
    REFUSE = "refuse"  # the decision itself is not possible here


# By the name of what is asked about: `before` the start, or `after` the end.
STEPS: Final[Mapping[tuple[str, Decision], Step]] = {
    ("before", Decision.APPROVE): Step.QUEUE,
    ("before", Decision.DENY): Step.DENY,
    ("before", Decision.REQUEST_CHANGES): Step.REFUSE,  # there is nothing yet that could be changed
    ("after", Decision.APPROVE): Step.SUCCEED,
    ("after", Decision.DENY): Step.DENY,
    ("after", Decision.REQUEST_CHANGES): Step.RERUN,
}


def next_step(approval: Approval | None, asked_about: str, decision: Decision, cycles: int) -> Step:
    """What follows from `decision`, after changes were requested `cycles` times before."""
    step = STEPS[asked_about, decision]
    limit = approval.request_changes if approval is not None else 0
    return Step.REFUSE if step is Step.RERUN and cycles >= limit else step
