"""A bell for many who wait: a few wake at a time, with pauses between, so that a crowd never holds up the loop."""

from __future__ import annotations

import asyncio
from typing import Final

SLICE: Final = 8  # woken at one turn of the loop
PAUSE: Final = 0.002  # seconds between two of them: for what falls due, and for the threads that share our interpreter


class Bell:
    """Who waits for news, and when the next of them are woken."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._round: list[asyncio.Future[None]] = []  # who is still to be woken, the last one first
        self._next: asyncio.Handle | None = None  # the next turn of this round, or the end of the pause after it
        self._again = False  # there was news since this round began

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self) -> None:
        """Wait for the next news."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = None
        try:
            await waiter
        finally:
            self._waiting.pop(waiter, None)

    def ring(self) -> None:
        """There is news; whoever waits is woken soon."""
        self._again = True
        self._begin()

    def _begin(self) -> None:
        """Begin a round if there is anybody to wake, and the last one is over."""
        if self._next is None and self._again and self._waiting:
            self._again = False
            self._round = list(reversed(self._waiting))
            self._turn()

    def _turn(self) -> None:
        many = self._next is not None or len(self._round) > SLICE
        self._next = None
        if not self._round:
            self._begin()
            return
        for _ in range(min(SLICE, len(self._round))):
            waiter = self._round.pop()
            if not waiter.done():
                waiter.set_result(None)
        if many:  # few are served at once, always
            self._next = asyncio.get_running_loop().call_later(PAUSE, self._turn)
