"""Signals as the daemon takes them: the first one asks it to end, the second one insists, hang-up reloads.

No other signal that somebody might send for no good reason ends it.
"""

from __future__ import annotations

import asyncio
import operator
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from polysync.domain.values import OnShutdown

ENDING: Final = (signal.SIGTERM, signal.SIGINT)
MEANINGLESS: Final = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)  # which would end us, were they not taken
# What a signal calls must hold no Python: the next signal would interrupt that, and a storm of them nest for ever.
NOTHING: Final = operator.is_
MANY: Final = 1 << 16  # signals of one look: more do not fit into a pipe


class Wishes:
    """What was asked for by signal; each wish can be awaited."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.now = asyncio.Event()  # end without waiting for anything
        self.reload = asyncio.Event()
        self.how: OnShutdown | None = None  # as configured, unless somebody says so
        self._patience: asyncio.Timeout | None = None

    def shut(self, how: OnShutdown) -> None:
        """End, and let what runs go on, or not; whoever asked before has said it."""
        if not self.end.is_set():
            self.how = how
            self.finish()

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
    """Take the signals while the block runs; the loop reads them, so that nothing is interrupted half way.

    With `last` they mean nothing any more afterwards: a process that ends well must not be ended by one at its
    very end.  asyncio's own handlers will not do: taking them away lets signals through for a moment.
    """
    loop = asyncio.get_running_loop()
    wanted: dict[int, Callable[[], object]] = dict.fromkeys(ENDING, wishes.finish)
    wanted |= {signal.SIGHUP: wishes.reload.set, **dict.fromkeys(MEANINGLESS, _ignore)}
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    loop.add_reader(reading, _hear, reading, wanted)
    descriptor = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    before = {number: signal.signal(number, NOTHING) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if last else handler)
        signal.set_wakeup_fd(descriptor)
        loop.remove_reader(reading)
        os.close(reading)
        os.close(writing)


def _hear(reading: int, wanted: Mapping[int, Callable[[], object]]) -> None:
    for number in os.read(reading, MANY):
        if number in wanted:
            wanted[number]()


def _ignore() -> None:
    """Nothing is meant by it."""
