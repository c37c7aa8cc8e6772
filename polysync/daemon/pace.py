"""Many small steps instead of one large one, none of them so long that anybody has to wait for it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

from polysync.clock import Clock

LONG: Final = timedelta(milliseconds=8)  # a step that took longer is made smaller the next time
REST: Final = 0.050  # seconds that we rest at most: otherwise as long as the step took
T = TypeVar("T")
Do = Callable[[Callable[[sqlite3.Connection], Any]], Awaitable[Any]]  # has a unit of work carried out by a writer


class Pace:
    """How much one step does, learnt from how long steps take a writer; the waiting for it says nothing of them."""

    def __init__(self, clock: Clock, least: int, most: int) -> None:
        self._clock = clock
        self._least = least
        self._most = most
        self.size = least

    async def step(self, do: Do, unit: Callable[[sqlite3.Connection, int], T]) -> T:
        """Have so much done at once, then leave the time to others for as long as that took."""
        size, took = self.size, timedelta(0)

        def timed(connection: sqlite3.Connection) -> T:
            nonlocal took
            began = self._clock.read().monotonic
            done = unit(connection, size)
            took = self._clock.read().monotonic - began
            return done

        done: T = await do(timed)
        if took > LONG:
            self.size = max(self._least, size // 2)
        elif took < LONG / 4:
            self.size = min(self._most, size * 2)
        await asyncio.sleep(min(took.total_seconds(), REST))
        return done
