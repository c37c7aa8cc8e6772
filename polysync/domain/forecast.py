"""A look at coming days: which runs would start, wait or be skipped, if every run took as long as assumed.

Every run is taken to succeed.  What the daemon would decide for other reasons (limits shared by several tasks,
approvals, a missed deadline) is not foreseen here.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Final

from polysync.domain.values import Overlap

HOUR: Final = timedelta(hours=1)
NOTHING: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Expected:
    """What is assumed of one task."""

    name: str
    lasting: timedelta
    max_concurrent: int = 1
    on_overlap: Overlap = Overlap.QUEUE
    queue_max: int = 100
    upstream: tuple[str, ...] = ()  # the tasks whose success starts it
    need: int = 0  # how many of them must have succeeded


@dataclass(frozen=True, slots=True)
class Due:
    """One coming slot; one that does not fire is only counted."""

    at: datetime
    name: str
    fires: bool = True


@dataclass(slots=True)
class Tally:
    """What would become of one task."""

    due: int = 0
    started: int = 0
    left_out: int = 0
    overlapped: int = 0  # skipped because it was still running
    crowded_out: int = 0  # skipped because the queue was full
    stopped: int = 0  # ended for the sake of a newer run
    waited: int = 0
    longest_wait: timedelta = NOTHING
    busy: timedelta = NOTHING


@dataclass(slots=True)
class Forecast:
    """What would happen in a stretch of time."""

    start: datetime
    until: datetime
    tallies: dict[str, Tally]
    hours: Counter[datetime] = field(default_factory=Counter)  # microseconds of running, by the hour in UTC
    minutes: dict[datetime, Counter[str]] = field(default_factory=dict)  # starts, by the minute
    peak: int = 0
    peak_at: datetime | None = None

    def busiest(self, count: int) -> list[tuple[datetime, Counter[str]]]:
        """The minutes with the most starts, several tasks before one; a single start is nothing special."""
        crowded = [(at, names) for at, names in self.minutes.items() if names.total() > 1]
        return sorted(crowded, key=lambda pair: (-len(pair[1]), -pair[1].total(), pair[0]))[:count]

    def load(self) -> Iterator[tuple[datetime, float]]:
        """How many runs there are at once, on average, in each hour."""
        hour = self.start.replace(minute=0, second=0, microsecond=0)
        while hour < self.until:
            yield hour, self.hours[hour] * timedelta(microseconds=1) / HOUR
            hour += HOUR


@dataclass(slots=True)
class _Running:
    began: datetime
    ends: datetime
    over: bool = False


@dataclass(slots=True)
class _Line:
    """One task while the time passes."""

    expected: Expected
    tally: Tally
    running: deque[_Running] = field(default_factory=deque)
    waiting: deque[datetime] = field(default_factory=deque)
    met: set[str] = field(default_factory=set)


def forecast(tasks: Iterable[Expected], due: Iterable[Due], start: datetime, until: datetime) -> Forecast:
    """What the slots in `due`, which come in the order of time, would lead to."""
    lines = {task.name: _Line(task, Tally()) for task in tasks}
    seen = _Sweep(lines, Forecast(start, until, {name: line.tally for name, line in lines.items()}), _below(lines))
    for slot in due:
        seen.pass_until(slot.at)
        line = lines[slot.name]
        line.tally.due += 1
        if slot.fires:
            seen.arrive(line, slot.at)
        else:
            line.tally.left_out += 1
    seen.pass_until(until)
    seen.close()
    return seen.result


def _below(lines: Mapping[str, _Line]) -> dict[str, list[str]]:
    below: dict[str, list[str]] = {name: [] for name in lines}
    for line in lines.values():
        for upstream in line.expected.upstream:
            if upstream in below:
                below[upstream].append(line.expected.name)
    return below


@dataclass(slots=True)
class _Sweep:
    """The time as it passes."""

    lines: Mapping[str, _Line]
    result: Forecast
    below: Mapping[str, list[str]]
    ends: list[tuple[datetime, int, str, _Running]] = field(default_factory=list)
    count: int = 0  # runs so far, which also orders ends at one instant
    running: int = 0

    def pass_until(self, moment: datetime) -> None:
        """Let everything end that ends up to `moment`, and start what follows from it."""
        while self.ends and self.ends[0][0] <= moment:
            at, _, name, run = heappop(self.ends)
            if run.over:
                continue
            line = self.lines[name]
            line.running.remove(run)
            self.stop(line, run, at)
            if line.waiting and at < self.result.until:
                self.start(line, line.waiting.popleft(), at)
            for target in self.below[name]:
                self.succeed(self.lines[target], name, at)

    def succeed(self, line: _Line, upstream: str, at: datetime) -> None:
        """Note that a task upstream succeeded; that may be enough."""
        line.met.add(upstream)
        if len(line.met) >= line.expected.need and at < self.result.until:
            line.met.clear()
            line.tally.due += 1
            self.arrive(line, at)

    def arrive(self, line: _Line, at: datetime) -> None:
        """A run is due: it starts, waits or is skipped."""
        expected, tally = line.expected, line.tally
        if len(line.running) < expected.max_concurrent:
            self.start(line, at, at)
        elif expected.on_overlap is Overlap.SKIP:
            tally.overlapped += 1
        elif expected.on_overlap is Overlap.TERMINATE:
            oldest = line.running.popleft()
            tally.stopped += 1
            self.stop(line, oldest, at)
            self.start(line, at, at)
        elif len(line.waiting) < expected.queue_max:
            line.waiting.append(at)
        else:
            tally.crowded_out += 1

    def start(self, line: _Line, due: datetime, at: datetime) -> None:
        """A run starts that was due some time ago, or now."""
        tally, result = line.tally, self.result
        tally.started += 1
        if at > due:
            tally.waited += 1
            tally.longest_wait = max(tally.longest_wait, at - due)
        run = _Running(at, at + line.expected.lasting)
        line.running.append(run)
        self.count += 1
        heappush(self.ends, (run.ends, self.count, line.expected.name, run))
        minute = at.replace(second=0, microsecond=0)
        result.minutes.setdefault(minute, Counter())[line.expected.name] += 1
        self.running += 1
        if self.running > result.peak:
            result.peak, result.peak_at = self.running, at

    def stop(self, line: _Line, run: _Running, at: datetime) -> None:
        """A run is over."""
        run.over = True
        self.running -= 1
        end = min(at, self.result.until)
        line.tally.busy += end - run.began
        hour = run.began.replace(minute=0, second=0, microsecond=0)
        while hour < end:
            share = min(end, hour + HOUR) - max(run.began, hour)
            self.result.hours[hour] += share // timedelta(microseconds=1)
            hour += HOUR

    def close(self) -> None:
        """The end of what is looked at: whatever runs then counts up to here, whatever waits has waited so long."""
        for line in self.lines.values():
            for run in list(line.running):
                self.stop(line, run, self.result.until)
            for due in line.waiting:
                line.tally.waited += 1
                line.tally.longest_wait = max(line.tally.longest_wait, self.result.until - due)
