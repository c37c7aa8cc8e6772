"""Which runs go: too many of a task, too old, or too large for the disk; and which stay whatever is said.

A run goes as a whole: its row, its attempts, its history and its output.  The anchor of its task stays, so that
no slot fires again because its run is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from polysync.domain.settings import Configuration
from polysync.domain.task import NEVER, Kept, Task
from polysync.domain.timekeeping import CORRECTION
from polysync.domain.values import Reading

ROOM: Final = (11, 10)  # times the minimum of free space: as the watch on the disk has it, which must be satisfied
SLACK: Final = 20  # one page in so many may stay free in a file: it will be needed again soon
DOUBT: Final = timedelta(days=1)
WORTH: Final = 1 << 20  # bytes: fewer are not worth the moving


class Why(StrEnum):
    """What a run had to go for."""

    COUNT = "count"  # keep_runs
    AGE = "age"  # keep_for
    SIZE = "size"  # [storage] max_size
    SPACE = "space"  # [storage] min_free_space


@dataclass(frozen=True, slots=True)
class Rule:
    """How many finished runs of a task are kept, and for how long; the stricter of both wins."""

    keep_runs: int | None
    keep_for: timedelta

    @property
    def keeps_all(self) -> bool:
        """Whether nothing ever goes by it."""
        return self.keep_runs is None and self.keep_for >= NEVER


@dataclass(frozen=True, slots=True)
class Past:
    """What retention looks at of a run that has ended."""

    id: int
    ended_at: datetime
    tried: bool  # it had an attempt: only such runs are counted
    dead: bool = False
    ahead: bool = False  # its slot lies behind the anchor of its task: only this row keeps it from firing again


@dataclass(slots=True)
class Trust:
    """What time it is for those who remove what is old: a clock that steps ahead is not believed for a day."""

    sure: Reading  # this much was believed
    doubted: timedelta | None = None  # in boot time: since then the wall clock is ahead

    def now(self, reading: Reading) -> datetime:
        """The time to go by: where the wall clock stepped ahead, what has passed since it was believed."""
        expected = self.sure.wall + (reading.boot - self.sure.boot)
        if reading.wall - expected <= CORRECTION:
            self.sure, self.doubted = reading, None
            return reading.wall
        if self.doubted is None:
            self.doubted = reading.boot
        if reading.boot - self.doubted < DOUBT:
            return expected
        self.sure, self.doubted = reading, None
        return reading.wall


@dataclass(frozen=True, slots=True)
class Limits:
    """A rule for one task at one moment."""

    beyond: int  # those that are counted are too many up to this id; 0: they are not
    before: datetime | None  # what ended before this is too old


def rule_of(kept: Kept) -> Rule:
    """What a task or a service says."""
    return Rule(kept.keep_runs, kept.keep_for)


USUAL: Final = rule_of(Task(name=""))


def rule_for(name: str, configuration: Configuration) -> Rule | None:
    """The rule of a task or a service by its name; None where the configuration has it no more."""
    kept: Kept | None = configuration.tasks.get(name) or configuration.services.get(name)
    return None if kept is None else rule_of(kept)


def limits(rule: Rule, now: datetime, beyond: int | None) -> Limits:
    """The limits at `now`; `beyond` is the newest of the counted runs that are too many, if any are."""
    return Limits(beyond or 0, oldest_kept(rule, now))


def oldest_kept(rule: Rule, now: datetime) -> datetime | None:
    """What ended before this is too old; None where nothing ever is."""
    try:
        return None if rule.keep_for >= NEVER else now - rule.keep_for
    except OverflowError:
        return None  # so long ago that nothing can be older


def stays(run: Past, needed: frozenset[int]) -> bool:
    """Whether a run stays whatever is said: dead, or something that is open still goes by it."""
    return run.dead or run.ahead or run.id in needed


def verdict(run: Past, limit: Limits, needed: frozenset[int]) -> Why | None:
    """What a run has to go for; None: it stays."""
    if stays(run, needed):
        return None
    if run.tried and run.id <= limit.beyond:
        return Why.COUNT
    return Why.AGE if limit.before is not None and run.ended_at < limit.before else None


def too_large(used: int, most: int) -> int:
    """How many bytes of stored output must go for `max_size`."""
    return max(0, used - most)


def too_little_room(free: int, least: int, used: int) -> int:
    """How many bytes of stored output must go for `min_free_space`: none where all of it together would not help."""
    lacking = least * ROOM[0] // ROOM[1] - free
    return lacking if free < least and lacking <= used else 0


def surplus(pages: int, free: int, size: int, *, low: bool = False) -> int:
    """How many free pages (of `size` bytes) of a file with so many pages are given back to the disk."""
    if low:
        return free
    slack = (pages - free) // SLACK
    return free - slack if free * size > WORTH and free > 2 * slack else 0
