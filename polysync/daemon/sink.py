"""Where an attempt's words go: bytes into the log book and to followers, reports into the inbox.

Nothing that goes wrong with the log book fails a run: the spool keeps what is not stored yet, and the
writer waits until there is room again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from polysync.clock import Clock
from polysync.daemon.feed import Feed
from polysync.daemon.gauges import Gauges
from polysync.daemon.inbox import Inbox
from polysync.domain.errors import PolysyncError
from polysync.domain.inputs import AttemptReported
from polysync.domain.rows import Message
from polysync.ports import PortError

PACE: Final = 0.1  # seconds between two reports of one attempt
FIRST_RETRY: Final = timedelta(milliseconds=200)
LAST_RETRY: Final = timedelta(seconds=10)


class LogsBroken(PolysyncError):
    """The log database cannot be trusted any more: the daemon must end."""


class Shelf(Protocol):
    """Where output is stored."""

    async def append(self, run_id: int, attempt: int, stream: str, offset: int, data: bytes, at: datetime) -> int:
        """Store output; what comes back is its stored end."""

    async def ends(self, run_id: int) -> Mapping[tuple[int, str], int]:
        """Where the stored output of each attempt and stream ends."""


class RunSink:
    """The sink of one attempt."""

    def __init__(  # noqa: PLR0913 - each is another seam
        self,
        run_id: int,
        attempt: int,
        *,
        logs: Shelf,
        feed: Feed,
        inbox: Inbox,
        clock: Clock,
        gauges: Gauges,
        fresh: bool = False,
    ) -> None:
        self._run_id = run_id
        self._attempt = attempt
        self._logs = logs
        self._feed = feed
        self._inbox = inbox
        self._clock = clock
        self._gauges = gauges
        self._ends: dict[str, int] | None = {} if fresh else None
        self._report: AttemptReported | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def log_bytes(self) -> int:
        """How much is stored so far."""
        return sum((self._ends or {}).values())

    async def stored(self, stream: str) -> int:
        """How many bytes of a stream are stored already."""
        if self._ends is None:
            number = self._attempt
            found = await self._trying(lambda: self._logs.ends(self._run_id))
            self._ends = {name: end for (attempt, name), end in found.items() if attempt == number}
        return self._ends.get(stream, 0)

    def seen(self, stream: str, offset: int, chunk: bytes) -> None:
        """Show followers what is not stored yet."""
        self._feed.seen(self._run_id, self._attempt, stream, offset, chunk)

    async def write(self, stream: str, offset: int, chunk: bytes) -> None:
        """Store output; returning means that it is durable."""
        await self.stored(stream)
        self._feed.seen(self._run_id, self._attempt, stream, offset, chunk)
        at = self._clock.read().wall
        end = await self._trying(lambda: self._logs.append(self._run_id, self._attempt, stream, offset, chunk, at))
        if self._ends is not None:
            self._ends[stream] = end
        self._feed.stored(self._run_id, self._attempt, stream, end)

    async def report(
        self,
        *,
        progress: tuple[int, str] | None = None,
        outputs: Mapping[str, Any] | None = None,
        messages: Sequence[Message] = (),
    ) -> None:
        """Note what the work reports; several reports in a short time are told as one."""
        before = self._report or AttemptReported(self._run_id, self._attempt)
        self._report = AttemptReported(
            self._run_id,
            self._attempt,
            progress=progress or before.progress,
            outputs={**before.outputs, **(outputs or {})},
            messages=tuple(messages) or before.messages,
        )
        if self._timer is None:  # the first of a burst is told at once, the others with the next one
            self._tell()

    def finish(self) -> None:
        """Tell what is still to be told: the end follows."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._report is not None:
            self._inbox.tell(self._report)
            self._report = None

    def _tell(self) -> None:
        self._timer = None
        if self._report is None:
            return
        if not self._inbox.full:
            self._inbox.tell(self._report)
            self._report = None
        self._timer = asyncio.get_running_loop().call_later(PACE, self._tell)

    async def _trying(self, action: Callable[[], Any]) -> Any:
        """Do it, as often as it takes: a full disk or a busy file passes."""
        delay = FIRST_RETRY
        while True:
            try:
                done = await action()
            except PortError as error:
                if error.permanent:
                    raise LogsBroken(str(error)) from error
                self._gauges.log_trouble = str(error)
            else:
                self._gauges.log_trouble = ""
                return done
            await asyncio.sleep(delay.total_seconds())
            delay = min(2 * delay, LAST_RETRY)
