"""Where an attempt's words go: bytes into the log book and to followers, reports into the inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from polysync.clock import Clock
from polysync.daemon.capture import Capture, LogsBroken, Shelf
from polysync.daemon.feed import Feed
from polysync.daemon.gauges import Gauges
from polysync.daemon.inbox import Inbox
from polysync.daemon.lane import Lane
from polysync.domain.capture import WORTH, Limit, Loss
from polysync.domain.cover import masked_report
from polysync.domain.inputs import AttemptReported
from polysync.domain.masking import Masks
from polysync.domain.outcome import Usage
from polysync.domain.rows import Message

PACE: Final = 0.1  # seconds between two reports of one attempt
NOTHING_MASKED: Final = Masks()
USUAL: Final = Limit()

__all__ = ["LogsBroken", "RunSink", "Shelf"]


class RunSink:
    """The sink of one attempt; without masks its output is withheld, because nobody knows what it must not show."""

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
        masks: Masks | None = NOTHING_MASKED,
        limit: Limit = USUAL,
        low: Callable[[], bool] = bool,
    ) -> None:
        self._run_id = run_id
        self._attempt = attempt
        self._feed = feed
        self._inbox = inbox
        self._masks = masks
        self._capture = Capture(
            run_id, attempt, shelf=logs, inbox=inbox, clock=clock, gauges=gauges, fresh=fresh, limit=limit, low=low
        )
        self._lanes: dict[str, Lane] = {}
        self._fresh = fresh
        self._report: AttemptReported | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def log_bytes(self) -> int:
        """How much was put out so far."""
        return self._capture.put_out

    def usage(self, told: Usage | None) -> Usage:
        """What an attempt used by the word of its adapter, and what became of its output."""
        before = dict(self._capture.dropped_before)
        used = Usage(log_bytes=self.log_bytes) if told is None else told
        return replace(used, log_dropped=self._capture.dropped, dropped_before=before)

    async def stored(self, stream: str) -> int:
        """How many bytes of a stream are stored already."""
        await self._lane(stream)
        await self._capture.load()
        return (await self._capture.ends()).get(stream, 0)

    def seen(self, stream: str, offset: int, chunk: bytes) -> None:
        """Show followers what is not stored yet."""
        lane = self._made(stream, 0) if self._fresh else self._lanes.get(stream)
        if lane is not None and offset <= lane.taken:
            self._take(lane, stream, offset, chunk)

    async def write(self, stream: str, offset: int, chunk: bytes) -> int:
        """Store output, masked; what comes back is the stored end."""
        lane = await self._lane(stream)
        if self._masks is None:
            return await self._pass_over(lane, stream, offset + len(chunk), Loss.WITHHELD)
        self._take(lane, stream, offset, chunk)
        return await self._store(lane, stream)

    async def leave_out(self, stream: str, offset: int, length: int) -> int:
        """Pass over output that is not told; what comes back is the stored end."""
        lane = await self._lane(stream)
        await self._store(lane, stream)
        loss = Loss.WITHHELD if self._masks is None else self._capture.passed()
        return await self._pass_over(lane, stream, offset + length, loss)

    def excess(self, stream: str, waiting: int) -> tuple[int, int]:
        """Which part of the `waiting` bytes after the stored end need not be told."""
        del stream  # the limit holds for both together
        if self._masks is None:
            return 0, waiting if waiting >= WORTH else 0
        return self._capture.excess(waiting)

    async def report(
        self,
        *,
        progress: tuple[int, str] | None = None,
        outputs: Mapping[str, Any] | None = None,
        messages: Sequence[Message] = (),
        secrets: Sequence[str] = (),
    ) -> None:
        """Note what the work reports; several reports in a short time are told as one."""
        if secrets and self._masks is not None:
            self._masks = self._masks.add(secrets)
            for lane in self._lanes.values():
                lane.wear(self._masks)
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

    async def finish(self) -> None:
        """Nothing more comes: store what was held back, and tell what is still to be told."""
        for stream, lane in self._lanes.items():
            lane.flush()
            await self._store(lane, stream)
        await self._capture.settle()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._report is not None:
            self._inbox.tell(masked_report(self._report, self._masks))
            self._report = None

    async def _lane(self, stream: str) -> Lane:
        lane = self._lanes.get(stream)
        return lane or self._made(stream, (await self._capture.ends()).get(stream, 0))

    def _made(self, stream: str, begin: int) -> Lane:
        return self._lanes.setdefault(stream, Lane(begin, self._masks or NOTHING_MASKED))

    def _take(self, lane: Lane, stream: str, offset: int, chunk: bytes) -> None:
        if self._masks is None:
            return
        ready = lane.take(offset, chunk)
        if ready:
            self._feed.seen(self._run_id, self._attempt, stream, lane.ready_upto - len(ready), ready)

    async def _store(self, lane: Lane, stream: str) -> int:
        """Store all that is ready."""
        offset = lane.offset
        data = lane.hand_over()
        if not data:
            return (await self._capture.ends()).get(stream, 0)
        return await self._told(stream, self._capture.put(stream, offset, data))

    async def _pass_over(self, lane: Lane, stream: str, upto: int, loss: Loss) -> int:
        offset = lane.offset
        length = lane.pass_over(upto)
        if not length:
            return (await self._capture.ends()).get(stream, 0)
        return await self._told(stream, self._capture.leave_out(stream, offset, length, loss))

    async def _told(self, stream: str, storing: Awaitable[int]) -> int:
        try:
            end = await storing
        except BaseException:  # also where the caller does not wait: what is stored must be asked for anew
            self._lanes.clear()
            self._capture.forget()
            self._fresh = False
            raise
        self._feed.stored(self._run_id, self._attempt, stream, end)
        return end

    def _tell(self) -> None:
        self._timer = None
        if self._report is None:
            return
        if not self._inbox.full:
            self._inbox.tell(masked_report(self._report, self._masks))
            self._report = None
        self._timer = asyncio.get_running_loop().call_later(PACE, self._tell)
