"""The last line against a schedule that runs away: more starts than its smallest step allows.

Slots are strictly increasing by construction, so this trips only where that construction has a bug.
A clock change may bring one start closer to its neighbours than the step, hence the allowance.
"""

from __future__ import annotations

from collections import deque
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
        self._starts: deque[datetime] = deque(maxlen=ALLOWANCE)

    def feel(self, at: datetime) -> Pulse:
        """Take note of a start, and judge it."""
        full = len(self._starts) == ALLOWANCE
        backwards = bool(self._starts) and at <= self._starts[-1]
        crowded = full and at - self._starts[0] < self._step
        self._starts.append(at)
        return Pulse.IMPOSSIBLE if backwards or crowded else Pulse.POSSIBLE
