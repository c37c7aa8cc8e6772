"""How much memory an attempt needed at its peak, looked at rarely and for all attempts together.

A control group counts by itself.  Elsewhere the processes of a session are looked at: soon after the start for
each attempt by itself, because most are short, and then for all of them in one walk through /proc every half
minute, because a walk costs the same for one attempt as for two hundred.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from resource import RUSAGE_SELF, getrusage
from typing import Final

from polysync.adapters.local.identity import stat_of
from polysync.adapters.local.quick import Cost, read_small

LOOKS: Final = (0.2, 0.8, 4.0)  # seconds from the start, and from one look to the next
ROUND: Final = 30.0  # seconds between walks through all processes
_OWN: Final = [0]  # our own peak, as it was last asked for
LONGEST: Final = 8192  # of a file in /proc
DEEPEST: Final = 64  # children of children that a first look follows


class Meter:
    """Remembers the largest process of each session that it was told about."""

    def __init__(self, looks: tuple[float, ...] = LOOKS, every: float = ROUND) -> None:
        self._looks = looks
        self._every = every
        self._peaks: dict[int, int] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._settled: set[int] = set()  # sessions that are old enough for the walk
        self._walk: asyncio.TimerHandle | None = None

    def begin(self, session: int) -> None:
        """Start to look at a session."""
        self._peaks[session] = 0
        self._next(session, 0)

    def end(self, session: int) -> int | None:
        """Stop looking, and tell the peak in bytes, where anything was seen."""
        timer = self._timers.pop(session, None)
        if timer is not None:
            timer.cancel()
        self._settled.discard(session)
        if not self._settled and self._walk is not None:
            self._walk.cancel()
            self._walk = None
        return self._peaks.pop(session, 0) or None

    def close(self) -> None:
        """Stop looking at anything."""
        for session in list(self._peaks):
            self.end(session)

    def _next(self, session: int, number: int) -> None:
        loop = asyncio.get_running_loop()
        if number < len(self._looks):
            self._timers[session] = loop.call_later(self._looks[number], self._look, session, number)
            return
        self._timers.pop(session, None)
        self._settled.add(session)
        if self._walk is None:
            self._walk = loop.call_later(self._every, self._walk_all)

    def _look(self, session: int, number: int) -> None:
        self._note({session: max((peak_of(pid) for pid in family(session)), default=0)})
        self._next(session, number + 1)

    def _walk_all(self) -> None:
        loop = asyncio.get_running_loop()
        self._walk = loop.call_later(self._every, self._walk_all)
        walk = loop.run_in_executor(None, peaks_by_session, frozenset(self._settled))
        walk.add_done_callback(self._walked)

    def _walked(self, walk: asyncio.Future[dict[int, int]]) -> None:
        if not walk.cancelled() and walk.exception() is None:  # a host without a free descriptor is looked at later
            self._note(walk.result())

    def _note(self, peaks: Mapping[int, int]) -> None:
        for session, peak in peaks.items():
            if session in self._peaks:
                self._peaks[session] = max(self._peaks[session], peak)


def peak(samples: Iterable[int | None], waited: Cost | None = None) -> int | None:
    """The peak of an attempt in bytes, by what was seen and by what the kernel says of a child.

    A child begins with the peak of the process that started it, so the kernel's figure counts only above our own.
    """
    known = [sample for sample in samples if sample]
    if waited is not None and waited.max_rss > _OWN[0]:  # which only grows, and is seldom worth the question
        _OWN[0] = getrusage(RUSAGE_SELF).ru_maxrss * 1024
        if waited.max_rss > _OWN[0]:
            known.append(waited.max_rss)
    return max(known, default=None)


def family(pid: int) -> list[int]:
    """A process and its descendants, as far as the kernel lists them."""
    found = [pid]
    for member in found:
        try:
            children = read_small(f"/proc/{member}/task/{member}/children", LONGEST)
        except OSError:
            continue
        found += [int(child) for child in children.split()]
        if len(found) > DEEPEST:
            break
    return found


def peaks_by_session(sessions: frozenset[int]) -> dict[int, int]:
    """The largest peak among the processes of each of these sessions."""
    peaks: dict[int, int] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - a Path for each process costs more than the look at it
        stat = stat_of(int(entry)) if entry.isdigit() else None
        if stat is not None and stat.session in sessions:
            peaks[stat.session] = max(peaks.get(stat.session, 0), peak_of(stat.pid))
    return peaks


def peak_of(pid: int) -> int:
    """The most memory that a process ever had resident, in bytes; 0 where it is gone."""
    try:
        _, found, rest = read_small(f"/proc/{pid}/status", LONGEST).partition(b"VmHWM:")
    except OSError:
        return 0
    return int(rest.split(None, 1)[0]) * 1024 if found else 0
