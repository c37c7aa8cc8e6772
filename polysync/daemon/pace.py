"""Many small steps instead of one large one, none of them so long that anybody has to wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from polysync.clock import Clock

LONG: Final = 0.010  # seconds: a step that took longer is made smaller the next time
REST: Final = 0.050  # seconds that we rest at most: otherwise as long as the step took
T = TypeVar("T")


class Pace:
    """How much one step does, learnt from how long steps take, with all the waiting there is."""

    def __init__(self, clock: Clock, first: int, most: int) -> None:
        self._clock = clock
        self._most = most
        self.size = first

    async def step(self, action: Callable[[int], Awaitable[T]]) -> T:
        """Do so much at once, then leave the time to others for as long as that took."""
        before = self._clock.read().monotonic
        done = await action(self.size)
        took = (self._clock.read().monotonic - before).total_seconds()
        if took > LONG:
            self.size = max(1, self.size // 2)
        elif took < LONG / 4:
            self.size = min(self._most, self.size * 2)
        await asyncio.sleep(min(took, REST))
        return done
