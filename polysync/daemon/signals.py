"""Signals as the daemon takes them: the first one asks it to end, the second one insists, hang-up reloads."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

ENDING: Final = (signal.SIGTERM, signal.SIGINT)


class Wishes:
    """What was asked for by signal; each wish can be awaited."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.now = asyncio.Event()  # end without waiting for anything
        self.reload = asyncio.Event()
        self._patience: asyncio.Timeout | None = None

    def finish(self) -> None:
        """End; asked again: at once."""
        (self.now if self.end.is_set() else self.end).set()
        if self._patience is not None:
            self._patience.reschedule(0)

    @asynccontextmanager
    async def until_the_end(self) -> AsyncIterator[None]:
        """What is awaited in this block is cut short when somebody asks for the end, who looks at `end` afterwards."""
        try:
            async with asyncio.timeout(0 if self.end.is_set() else None) as self._patience:
                yield
        except TimeoutError:
            if not self.end.is_set():
                raise  # not ours
        finally:
            self._patience = None


@contextmanager
def listening(wishes: Wishes) -> Iterator[None]:
    """Take the signals while the block runs; the loop calls, so that nothing is interrupted half way."""
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, wishes.finish)
    loop.add_signal_handler(signal.SIGHUP, wishes.reload.set)
    try:
        yield
    finally:
        for number in (*ENDING, signal.SIGHUP):
            loop.remove_signal_handler(number)
