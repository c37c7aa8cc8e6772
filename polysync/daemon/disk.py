"""The space that is left in the home: new attempts wait while it is short, and the reserve is given up and taken again.

The driver asks at its beats; nothing here has a task or a timer of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol

from polysync.domain.inputs import SetDiskLow
from polysync.ports import PortError
from polysync.store.room import PLENTY, Leeway

BUSY: Final = timedelta(seconds=5)  # how often to look while something writes, or waits for space
QUIET: Final = timedelta(seconds=30)
KEPT: Final = 8 << 20  # bytes that output leaves to decisions once the reserve is given up
SHARE: Final = 16  # and no more than this part of a small disk
ROOM: Final = 1.1  # times the minimum: space must be back for good, so that the state does not flap


class Reserve(Protocol):
    """Space held back for a full disk."""

    @property
    def held(self) -> bool:
        """Whether there is something to give up."""

    def ensure(self) -> bool:
        """Take the space where there is enough."""

    def release(self) -> bool:
        """Give it up; True where that made room."""


def free_space(path: Path) -> int:
    """How many bytes we may still write on the file system of `path`."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def room_for_output(path: Path) -> Leeway:
    """How much output may take so that decisions still find room."""
    found = os.statvfs(path)
    free, kept = found.f_bavail * found.f_frsize, min(KEPT, found.f_blocks * found.f_frsize // SHARE)
    return Leeway(free - kept, free - kept // 2)


class Disk:
    """Watches the space of one home."""

    def __init__(
        self,
        path: Path,
        minimum: int,
        reserve: Reserve,
        measure: Callable[[Path], int] = free_space,
        for_output: Callable[[Path], Leeway] = room_for_output,
    ) -> None:
        self.low = False
        self.free = measure(path)
        self._path = path
        self._minimum = minimum
        self._reserve = reserve
        self._measure = measure
        self._for_output = for_output
        self._struck = False  # a write failed since the last look
        self._told = False
        self._looked: timedelta | None = None

    @property
    def minimum(self) -> int:
        """How many bytes are to stay free."""
        return self._minimum

    @property
    def reserve_held(self) -> bool:
        """Whether there is space to give up."""
        return self._reserve.held

    def free_now(self) -> int:
        """How many bytes are free at this moment; `free` was looked at a while ago."""
        return self._measure(self._path)

    def configure(self, minimum: int) -> None:
        """Another minimum holds from now on, and is looked at soon."""
        if minimum != self._minimum:
            self._minimum, self._looked = minimum, None

    def give_way(self) -> bool:
        """A write found the disk full: give up the reserve; True where another try is worth it.  For any thread."""
        self._struck = True
        return self._reserve.release()

    def leeway(self) -> Leeway:
        """How much output may take: no more than decisions leave, once the reserve was given up.  For any thread."""
        return PLENTY if self._reserve.held else self._for_output(self._path)

    def output_found_none(self) -> bool:
        """Output found the disk full: that is no reason to give up the reserve.  For any thread."""
        self._struck = True
        return False

    def rest(self, *, active: bool) -> timedelta:
        """How long it may take to the next look."""
        if self._looked is None or (self._struck and not self.low):
            return timedelta(0)
        return BUSY if active or self.low else QUIET

    def look(self, now: timedelta, *, active: bool) -> SetDiskLow | None:
        """Look if it is time to (`now` is monotonic), and say what changed."""
        struck, self._struck = self._struck, False
        due = self._looked is None or now - self._looked >= self.rest(active=active)
        if due or struck:
            self._looked = now
            self._see(struck=struck)
        if self.low is self._told:
            return None
        self._told = self.low
        return SetDiskLow(low=self.low)

    def _see(self, *, struck: bool) -> None:
        self.free = self._measure(self._path)
        if struck or self.free < self._minimum:
            self.low = True
        elif self.free >= self._minimum * ROOM:
            self.low = not self._held_again()

    def _held_again(self) -> bool:
        try:
            return self._reserve.ensure()
        except PortError:
            return False  # the disk has other troubles: no time to start anything new
