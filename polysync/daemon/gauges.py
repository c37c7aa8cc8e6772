"""How well the loop keeps up: what `status` shows of the daemon itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from polysync.domain.effects import Record, RunCreated
from polysync.domain.timekeeping import CORRECTION
from polysync.domain.values import Trigger

ZERO = timedelta(0)


@dataclass(slots=True)
class Gauges:
    """What was measured since the daemon is there."""

    beats: int = 0
    commits: int = 0
    rebuilds: int = 0  # times that a failed commit cost the engine its memory
    lag: timedelta = ZERO  # the longest that the loop was held
    lateness: timedelta = ZERO  # the longest from a slot to the decision about it
    trouble: str = ""  # what is wrong with the storage at this moment
    log_trouble: str = ""  # the same, for output
    stuck: tuple[str, ...] = ()  # the parts that do not answer the watchdog
    held_until: datetime | None = None  # the clock stands before the last stored look at it, and this ends that

    @property
    def clock_held(self) -> bool:
        """Whether nothing fires because the clock cannot be right."""
        return self.held_until is not None

    def clock(self, seen: datetime | None, now: datetime) -> None:
        """Whether the clock can be right at a (new) beginning; `seen` is the last stored look at it."""
        behind = seen is not None and now < seen - CORRECTION
        self.held_until = seen - CORRECTION if seen is not None and behind else None

    def looked(self, now: datetime, *, confirmed: bool) -> None:
        """A look at the clock, or the word of a person that it is right."""
        if self.held_until is not None and (confirmed or now >= self.held_until):
            self.held_until = None

    def turned(self, took: timedelta) -> None:
        """The loop was held for so long, by us or by others."""
        self.lag = max(self.lag, took)

    def decided(self, records: Iterable[Record], now: datetime) -> None:
        """Note how late slots were that start on time; one that is caught up was late before the loop saw it."""
        for record in records:
            if type(record) is not RunCreated:
                continue
            run = record.run
            if run.trigger is Trigger.CRON and run.scheduled_for is not None and run.end_reason is None:
                self.lateness = max(self.lateness, now - run.scheduled_for)
