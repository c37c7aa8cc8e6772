"""How much is done in one call: a burst must not keep everybody else waiting until it is over.

Nothing is counted in seconds, so that a replay cuts where the first run cut.  What does not fit stays
where it stands, on the agenda, among the timers, in the line, and is due at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from polysync.domain.timekeeping import ClockChange

SLICE: Final = 48  # firings in one call
LOOKS: Final = 16  # per firing, how many waiting runs, or passing slots, are looked at


@dataclass(slots=True)
class Budget:
    """What one call may still do of each kind; kinds do not share, so that none starves another."""

    size: int
    slots: int = 0
    timers: int = 0
    joins: int = 0
    starts: int = 0
    looks: int = 0

    def __post_init__(self) -> None:
        self.refill()

    def refill(self) -> None:
        """Begin another call."""
        self.slots = self.timers = self.joins = self.starts = self.size
        self.looks = self.size * LOOKS


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time in which nobody looked, while some slots in it are not accounted for yet."""

    after: datetime
    until: datetime


@dataclass(slots=True)
class Halfway:
    """A task whose slots did not all fit into the call; each step gives the anchor that holds after it, if another."""

    task: str
    steps: Iterator[datetime | None]
    anchor: datetime | None = None  # still to be written down


def widened(gap: Gap | None, jump: ClockChange, now: datetime) -> Gap:
    """The gap that `jump` leaves, together with one that has not been dealt with."""
    after = min(jump.gap_from, now)
    return Gap(after if gap is None else min(after, gap.after), now)


def turned_back(gap: Gap | None, now: datetime) -> Gap | None:
    """What is left of a gap after the clock was set back to `now`."""
    return None if gap is None or gap.after >= now else Gap(gap.after, min(gap.until, now))
