"""Everything that the engine will be told, in order: requests, which may be refused, and facts, which may not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from polysync.domain.effects import Answer
from polysync.domain.inputs import Input
from polysync.ports import Asker, PortError, Request

BATCH: Final = 100  # inputs of one beat: some 100 µs each, so that the loop is never held for more than 20 ms
BOUND: Final = 10_000  # requests and reports waiting
FULL: Final = "more is asked than can be carried out just now"


@dataclass(slots=True, eq=False)
class Asked:
    """A request on its way to its answer."""

    request: Request
    asker: Asker
    answer: asyncio.Future[Answer]


@dataclass(slots=True, eq=False)
class Denied:
    """Something that was refused before it became a request, or is no decision: for the audit alone."""

    asker: Asker
    verb: str
    subject: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    outcome: str = "denied"
    stored: asyncio.Future[None] | None = None  # of somebody who waits until it is
    silent: bool = False  # no row: somebody only waits until everything before it is stored


Told = Input | Asked | Denied


class Inbox:
    """A queue with one reader, the driver.

    Requests beyond the bound are refused, and reports wait while it is `full`.  Other facts are always
    taken: there are at most two for each attempt, and what runs is bounded already.
    """

    def __init__(self, bound: int = BOUND) -> None:
        self._bound = bound
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Told] = deque()
        self._reader: asyncio.Future[None] | None = None
        self.asked = 0  # requests among what waits

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether what can wait should wait."""
        return len(self._waiting) >= self._bound

    def tell(self, told: Told) -> None:
        """Put a fact; from the loop only."""
        self._waiting.append(told)
        self.wake()

    def tell_from_thread(self, told: Told) -> None:
        """Put a fact, from any thread."""
        self._loop.call_soon_threadsafe(self.tell, told)

    def ask(self, request: Request, asker: Asker) -> asyncio.Future[Answer]:
        """Put a request, whose answer comes once it is durable."""
        if self.full:
            raise PortError(FULL, retry_after=timedelta(seconds=1))
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self.asked += 1
        self.tell(Asked(request, asker, answer))
        return answer

    def deny(self, denied: Denied) -> None:
        """Put a refusal down for the audit; those beyond the bound are not kept."""
        if not self.full:
            self.tell(denied)

    def note(self, denied: Denied) -> asyncio.Future[None]:
        """Put something down for the audit, and say when it is durable."""
        if self.full:
            raise PortError(FULL, retry_after=timedelta(seconds=1))
        denied.stored = self._loop.create_future()
        self.tell(denied)
        return denied.stored

    def wake(self) -> None:
        """Let the reader look at the world although nobody told it anything."""
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def take(self, timeout: timedelta) -> list[Told]:  # noqa: ASYNC109 - no deadline: nothing told is an answer
        """What was told so far, in order and not too much of it; empty once `timeout` has passed."""
        seconds = timeout.total_seconds()
        if not self._waiting and seconds > 0:
            self._reader = self._loop.create_future()
            alarm = self._loop.call_later(seconds, self.wake)
            try:
                await self._reader
            finally:
                alarm.cancel()
                self._reader = None
        batch = list(islice(self._waiting, BATCH))
        for told in batch:
            self._waiting.popleft()
            self.asked -= type(told) is Asked
        return batch
