"""In which order waiting runs are looked at: priority, which grows while they wait, then time, then id.

Of two runs with the same priority the one that waits longer has aged at least as much, so within one
priority first come is first served whatever the time is.  A lane per priority, kept sorted, is merged
with the others when somebody walks; nothing is ever sorted anew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import merge
from typing import Final, NamedTuple

AGING: Final = timedelta(minutes=1)  # of waiting, for one step of priority
MOST_AGING: Final = 20


class Candidate(NamedTuple):
    """A run in its lane; the fields are in the order in which they are compared."""

    available_at: datetime
    run_id: int
    priority: int

    def key(self, now: datetime) -> tuple[int, datetime, int]:
        """What it is sorted by at `now`."""
        return order_key(self.priority, self.available_at, self.run_id, now)


def order_key(priority: int, available_at: datetime, run_id: int, now: datetime) -> tuple[int, datetime, int]:
    """What candidates are sorted by, lowest first: the one to look at before all others."""
    aged = min(MOST_AGING, max(0, (now - available_at) // AGING))
    return -(priority + aged), available_at, run_id


class Line:
    """The runs that wait to start."""

    __slots__ = ("_lanes", "_places")

    def __init__(self) -> None:
        self._lanes: dict[int, list[Candidate]] = {}
        self._places: dict[int, Candidate] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, run_id: int, priority: int, available_at: datetime) -> None:
        """Put a run in its place; one that stands here already moves to the new one."""
        self.remove(run_id)
        place = self._places[run_id] = Candidate(available_at, run_id, priority)
        lane = self._lanes.setdefault(priority, [])
        if not lane or lane[-1] < place:  # where it stands nearly always
            lane.append(place)
        else:
            insort(lane, place)

    def remove(self, run_id: int) -> None:
        """Take a run out, if it stands here."""
        place = self._places.pop(run_id, None)
        if place is None:
            return
        lane = self._lanes[place.priority]
        del lane[bisect_left(lane, place)]
        if not lane:
            del self._lanes[place.priority]

    def holds(self, run_id: int) -> bool:
        """Whether a run stands here: one whose jitter or delay is not over does not."""
        return run_id in self._places

    def go_back(self, now: datetime) -> None:
        """Let nobody wait for a time that lies ahead again because the clock was set back."""
        for place in [place for place in self._places.values() if place.available_at > now]:
            self.add(place.run_id, place.priority, now)

    def walk(self, now: datetime) -> Iterator[int]:
        """The runs in the line, best first; whoever leaves it before their turn is not seen.

        Whoever stands here may start, also where the clock was set back before its time.
        """
        lanes = [_along(lane) for lane in self._lanes.values()]
        if len(lanes) == 1:
            return (place.run_id for place in lanes[0])
        return (place.run_id for place in merge(*lanes, key=lambda place: place.key(now)))


def _along(lane: list[Candidate]) -> Iterator[Candidate]:
    """A lane from its beginning, while others leave it and come; copying it would cost each exit the whole line."""
    at = 0
    while at < len(lane):
        place = lane[at]
        yield place
        at = at + 1 if at < len(lane) and lane[at] is place else bisect_right(lane, place)


@dataclass(slots=True)
class Round:
    """One walk along the line, which may take several calls."""

    candidates: Iterator[int]
    ahead: dict[str, int] = field(default_factory=dict)  # how many, of those seen so far, wait for each shared limit
    full: set[str] = field(default_factory=set)  # tasks that run as often as they may
