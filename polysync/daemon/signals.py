"""Signals as the daemon takes them: the first one asks it to end, the second one insists, hang-up reloads.

No other signal that somebody might send for no good reason ends it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Final

ENDING: Final = (signal.SIGTERM, signal.SIGINT)
MEANINGLESS: Final = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)  # which would end us, were they not taken


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
def listening(wishes: Wishes, *, last: bool = False) -> Iterator[None]:
    """Take the signals while the block runs; the loop calls, so that nothing is interrupted half way.

    With `last` they mean nothing any more afterwards: a process that ends well must not be ended by one at its
    very end.  asyncio's own handlers cannot be had here, because taking them away lets signals through for a moment.
    """
    loop = asyncio.get_running_loop()
    wanted: dict[signal.Signals, Callable[[], object]] = dict.fromkeys(ENDING, wishes.finish)
    wanted |= {signal.SIGHUP: wishes.reload.set, **dict.fromkeys(MEANINGLESS, _ignore)}
    before = {number: signal.signal(number, _caller(loop, wish)) for number, wish in wanted.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if last else handler)


def _caller(loop: asyncio.AbstractEventLoop, wish: Callable[[], object]) -> Callable[[int, FrameType | None], None]:
    def call(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(wish)

    return call


def _ignore() -> None:
    """Nothing is meant by it."""
