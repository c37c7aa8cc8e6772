"""Did the wall clock jump? One comparison of two readings of the three clocks.

Boot time is the ruler: it never steps and never sleeps.  Where monotonic time fell behind it the host
slept; where wall time disagrees with it the clock was set.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from polysync.domain.quantity import format_span
from polysync.domain.values import Reading

TOLERANCE: Final = timedelta(seconds=2)  # clock discipline slews by less between two looks
CORRECTION: Final = timedelta(hours=3)  # further back than this, the clock had been wrong before


class Change(StrEnum):
    """What happened to the clock between two looks at it."""

    SUSPENDED = "suspended"
    STEPPED_FORWARD = "stepped_forward"
    STEPPED_BACK = "stepped_back"
    CORRECTED = "corrected"  # so far back that the time before must have been wrong
    RETURNED = "returned"  # the daemon was not there


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A gap in time, or a step of the clock."""

    kind: Change
    by: timedelta
    gap_from: datetime  # slots after this were not seen passing

    def __str__(self) -> str:
        length = format_span(timedelta(seconds=round(abs(self.by).total_seconds())))
        match self.kind:
            case Change.SUSPENDED:
                return f"suspended {length}"
            case Change.RETURNED:
                return f"down {length}"
            case Change.STEPPED_FORWARD:
                return f"clock +{length}"
            case _:  # stepped back, or corrected
                return f"clock -{length}"


def notice(before: Reading, now: Reading) -> ClockChange | None:
    """The jump between two readings, or None where time simply passed."""
    if now is before:
        return None
    passed = now.boot - before.boot
    slept = passed - (now.monotonic - before.monotonic)
    stepped = (now.wall - before.wall) - passed
    if stepped < -CORRECTION:
        return ClockChange(Change.CORRECTED, stepped, now.wall)
    if slept > TOLERANCE:
        return ClockChange(Change.SUSPENDED, slept, min(now.wall, now.wall - slept - stepped))
    if stepped < -TOLERANCE:
        return ClockChange(Change.STEPPED_BACK, stepped, now.wall)
    if stepped > TOLERANCE:
        return ClockChange(Change.STEPPED_FORWARD, stepped, now.wall - stepped)
    return None
