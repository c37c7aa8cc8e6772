"""A loop whose time passes only when nobody has anything to do: hours take no time, and every run is the same."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from polysync.testing import SimClock

Result = TypeVar("Result")


class Stuck(Exception):
    """Everybody waits, and nothing will ever happen."""


class _Patient(selectors.SelectSelector):
    def __init__(self, clock: SimClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found and timeout is None:
            raise Stuck
        if not found and timeout:
            self._clock.advance(timedelta(microseconds=math.ceil(timeout * 1e6)))
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on a simulated clock."""

    def __init__(self, clock: SimClock) -> None:
        self.clock = clock
        super().__init__(_Patient(clock))

    def time(self) -> float:
        """The simulated monotonic time."""
        return self.clock.read().monotonic.total_seconds()


def play(clock: SimClock, story: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run a story in virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(story())


async def passing(seconds: float = 0) -> None:
    """Let time pass, and everybody do what falls into it."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_later(seconds, future.set_result, None)
    await future


async def within(seconds: float, awaited: Awaitable[Result]) -> Result:
    """The result, which must come before the deadline."""
    async with asyncio.timeout(seconds):
        return await awaited
