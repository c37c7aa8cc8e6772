"""Whether a cron expression is one of ours, and whether somebody else reads it as we do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from polysync.domain.cron import Cron, parse
from polysync.domain.cronfield import is_spread
from polysync.domain.errors import ValueProblem

Opinion = Callable[[str], Sequence[datetime]]  # the times of an expression after START, as wall time without a zone

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_STEP: Final = timedelta(seconds=1)


def check(expression: str, name: str) -> None:
    """Raise ValueProblem where the configuration would refuse this expression."""
    try:
        parse(expression, name)
    except ValueProblem as problem:
        raise ValueProblem(f"{problem.message}{'; ' + problem.hint if problem.hint else ''}") from None


def _readings(cron: Cron, count: int) -> Iterator[datetime]:
    at: datetime | None = START
    for _ in range(count):
        at = cron.from_reading(at) if at is not None else None
        if at is None:
            return
        yield at
        at += _STEP


def disagreement(expression: str, name: str, opinion: Opinion) -> str:
    """How the other reading of `expression` differs from ours; empty where it does not, or cannot be asked."""
    cron = parse(expression, name)
    if not isinstance(cron, Cron) or is_spread(expression):
        return ""
    try:
        theirs = list(opinion(expression))
    except ValueError:
        return "croniter does not accept it, so check it with polysync next"
    ours = [at.replace(tzinfo=None) for at in _readings(cron, len(theirs))]
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            return f"croniter reads it otherwise: {other:%Y-%m-%d %H:%M} where this is {one:%Y-%m-%d %H:%M}"
    return ""
