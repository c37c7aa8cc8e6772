"""What falls due later: two heaps, because some waits follow the wall clock and some must not.

"At 14:00" follows the wall clock wherever it is set to.  "In five minutes" follows monotonic time, so
that setting the clock neither cuts a timeout short nor stretches a retry delay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from polysync.domain.values import Reading

FEW: Final = 256  # timers that are never worth a sweep


class Due(StrEnum):
    """What falls due."""

    RETRY = "retry"
    READY = "ready"  # the jitter of a queued run is over
    START_AFTER = "start_after"
    EXPIRY = "expiry"
    QUEUE_TIMEOUT = "queue_timeout"
    DECISION = "decision"
    TIMEOUT = "timeout"
    MAX_DURATION = "max_duration"
    STALE = "stale"
    LONG = "long"  # warn_after
    LATE = "late"  # must_start_by
    UNPAUSE = "unpause"
    DISPATCH = "dispatch"  # a rate limit has room again
    RESTART = "restart"  # of a service: the next life of an instance
    SETTLED = "settled"  # of a service: a life did not fall over at once
    HEALTHY = "healthy"  # of a service: a life reached healthy_after


class Timer(NamedTuple):
    """One thing that falls due, for a run (and its attempt) or a task; stale ones are ignored when they ring.

    `max_duration` counts per review, not per attempt: there `attempt` is the number of reviews.  The restart of a
    service names the life that is over, and the instance in place of the attempt.
    """

    kind: Due
    run_id: int = 0
    attempt: int = 0
    task: str = ""


@dataclass(slots=True)
class Timers:
    """The two heaps; the count keeps equal times in the order of their setting."""

    wall: list[tuple[datetime, int, Timer]] = field(default_factory=list)
    monotonic: list[tuple[timedelta, int, Timer]] = field(default_factory=list)
    count: int = 0
    swept: int = 0  # how many were left at the last sweep

    def at(self, when: datetime, timer: Timer) -> None:
        """Ring when the wall clock shows `when`."""
        self.count += 1
        heappush(self.wall, (when, self.count, timer))

    def after(self, delay: timedelta, timer: Timer, now: Reading) -> None:
        """Ring after `delay` of time in which the host was awake."""
        self.count += 1
        heappush(self.monotonic, (now.monotonic + delay, self.count, timer))

    def crowded(self) -> bool:
        """Whether so many were set since the last sweep that looking for stale ones costs next to nothing each."""
        return len(self.wall) + len(self.monotonic) > 2 * self.swept + FEW

    def sweep(self, keep: Callable[[Timer], bool]) -> None:
        """Forget the timers that nobody waits for any more; each timeout of a run that ended long before is one."""
        self.wall = [entry for entry in self.wall if keep(entry[2])]
        self.monotonic = [entry for entry in self.monotonic if keep(entry[2])]
        heapify(self.wall)
        heapify(self.monotonic)
        self.swept = len(self.wall) + len(self.monotonic)

    def pop(self, now: Reading) -> Timer | None:
        """The next timer that has fallen due, or None."""
        if self.wall and self.wall[0][0] <= now.wall:
            return heappop(self.wall)[2]
        if self.monotonic and self.monotonic[0][0] <= now.monotonic:
            return heappop(self.monotonic)[2]
        return None

    def next_in(self, now: Reading) -> timedelta | None:
        """How long until the next one rings, if the clock is not touched."""
        waits = []
        if self.wall:
            waits.append(self.wall[0][0] - now.wall)
        if self.monotonic:
            waits.append(self.monotonic[0][0] - now.monotonic)
        return min(waits, default=None)
