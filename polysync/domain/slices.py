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
GROWTH: Final = 2  # times as many slots in one call once a burst has shown that it is one: fewer commits for all of it
LOOKS: Final = 16  # per firing, how many waiting runs, or passing slots, are looked at


@dataclass(slots=True)
class Budget:
    """What one call may still do of each kind; kinds do not share, so that none starves another."""

    size: int
    width: int = 0  # slots of this call
    slots: int = 0
    timers: int = 0
    joins: int = 0
    starts: int = 0
    looks: int = 0

    def __post_init__(self) -> None:
        self.refill()

    @property
    def step(self) -> int:
        """What a step through a gap takes of `slots`: it may look at many of them, however wide the call is."""
        return self.width // self.size

    def refill(self) -> None:
        """Begin another call; the first of a burst is short, so that what it starts need not wait."""
        burst = self.width > 0 >= self.slots
        self.slots = self.width = min(2 * self.width, GROWTH * self.size) if burst else self.size
        self.timers = self.joins = self.starts = self.size
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
