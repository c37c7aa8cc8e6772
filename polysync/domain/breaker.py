"""The last line against a schedule that runs away: more starts than its smallest step allows.

Slots are strictly increasing by construction, so this trips only where that construction has a bug.
A clock change may bring one start closer to its neighbours than the step, hence the allowance.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

ALLOWANCE: Final = 3  # starts within one step: the regular one, one at each edge of a clock change


class Pulse(StrEnum):
    """Whether a start is possible under its schedule."""

    POSSIBLE = "possible"
    IMPOSSIBLE = "impossible"


class Recent:
    """The newest starts of one task, as many as decide whether the next is possible."""

    __slots__ = ("_starts", "_step")

    def __init__(self, step: timedelta) -> None:
        self._step = step
        self._starts: tuple[datetime, ...] = ()  # a tenth of a deque, and every task has one

    def feel(self, at: datetime) -> Pulse:
        """Take note of a start, and judge it."""
        starts = self._starts
        full = len(starts) == ALLOWANCE
        backwards = bool(starts) and at <= starts[-1]
        crowded = full and at - starts[0] < self._step
        self._starts = (*starts[-ALLOWANCE + 1 :], at)
        return Pulse.IMPOSSIBLE if backwards or crowded else Pulse.POSSIBLE
