"""The heap of the C library: few arenas while the daemon runs, and what is free given back to the system.

A process with many threads gets a heap for each of them, and none gives back what lies below its newest block: after
a crowd of slow readers the daemon would keep for ever what it needed for a moment.  Where the C library has no such
calls, nothing is done.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

LOOK: Final = 30.0  # seconds
ROOM: Final = 8 << 20  # bytes that may come and go
ARENAS: Final = 2  # the loop and the writers; more threads than these seldom allocate at once
_M_ARENA_MAX: Final = -8


class Heap:
    """The heap of this process."""

    def __init__(self, library: Any = None) -> None:
        self._library = ctypes.CDLL(None) if library is None else library

    def settle(self) -> bool:
        """Keep to few arenas; whether the C library can."""
        mallopt = getattr(self._library, "mallopt", None)
        return mallopt is not None and bool(mallopt(_M_ARENA_MAX, ARENAS))

    def give_back(self) -> bool:
        """Give free pages back to the system, which takes some milliseconds; whether there were any."""
        trim = getattr(self._library, "malloc_trim", None)
        return trim is not None and bool(trim(0))


def resident() -> int:
    """How much memory this process holds, in bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Roof:
    """Has the heap given back when this process has grown by a quarter over what it could not do without."""

    def __init__(self, heap: Heap, size: Callable[[], int] = resident) -> None:
        self._heap = heap
        self._size = size
        self._floor = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            await self.look()

    async def look(self) -> None:
        """Give back what is free, if it may be much."""
        now = self._size()
        if now > self._floor * 5 // 4 + ROOM:
            await asyncio.to_thread(self._heap.give_back)
            self._floor = self._size()
        else:
            self._floor = min(self._floor, now)
