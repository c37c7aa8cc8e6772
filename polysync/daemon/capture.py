"""How much of an attempt's output is stored: within the limit of its run, and within what the disk has room for.

Nothing that goes wrong with the log book fails a run.  Trouble that passes is waited for; a disk that stays full is
not: what it has no room for counts as dropped, and is noted as soon as there is room for a note.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from polysync.clock import Clock
from polysync.daemon.gauges import Gauges
from polysync.daemon.inbox import Inbox
from polysync.domain.capture import QUOTA, Limit, Loss, excess, piece, portion, told
from polysync.domain.errors import PolysyncError
from polysync.domain.inputs import LogDropped, LogFull
from polysync.domain.values import LogFull as OnFull
from polysync.ports import PortError
from polysync.store.errors import StorageFull

FIRST_RETRY: Final = timedelta(milliseconds=200)
LAST_RETRY: Final = timedelta(seconds=10)
PATIENCE: Final = timedelta(seconds=3)  # for a full disk: somebody may be clearing it
T = TypeVar("T")


class LogsBroken(PolysyncError):
    """The log database cannot be trusted any more: the daemon must end."""


class Shelf(Protocol):
    """Where output is stored."""

    async def append(
        self, run_id: int, attempt: int, stream: str, offset: int, data: bytes, at: datetime, piece: int
    ) -> int:
        """Store output; what comes back is its stored end."""

    async def leave_out(self, run_id: int, attempt: int, stream: str, offset: int, length: int, at: datetime) -> int:
        """Note that a stretch of output is not kept; what comes back is the stored end."""

    async def drop_oldest(self, run_id: int, wanted: int) -> Mapping[int, int]:
        """Drop the oldest output of a run, at least so many bytes where there are so many: what went, by attempt."""

    def owe(self, run_id: int, attempt: int, stream: str, offset: int, length: int, at: datetime) -> None:
        """Have the end of a stream noted as left out once there is room for it; nothing of it comes any more."""

    async def ends(self, run_id: int) -> Mapping[tuple[int, str], int]:
        """Where the stored output of each attempt and stream ends."""

    async def sizes(self, run_id: int) -> Mapping[int, tuple[int, int]]:
        """How much of each attempt is kept, and how much is left out."""


class Capture:
    """What is kept of the output of one attempt."""

    def __init__(  # noqa: PLR0913 - each is another seam
        self,
        run_id: int,
        attempt: int,
        *,
        shelf: Shelf,
        inbox: Inbox,
        clock: Clock,
        gauges: Gauges,
        fresh: bool,
        limit: Limit,
        low: Callable[[], bool],
        quota: int = QUOTA,
    ) -> None:
        self._run_id = run_id
        self._attempt = attempt
        self._shelf = shelf
        self._inbox = inbox
        self._clock = clock
        self._gauges = gauges
        self._limit = limit
        self._low = low
        self._quota = quota
        self._ends: dict[str, int] | None = {} if fresh else None
        self._kept: int | None = 0 if fresh and attempt == 1 else None  # of all attempts
        self._left_out: dict[int, int] = {}  # by attempt
        self._owed: dict[str, int] = {}  # bytes behind the stored end that are not noted as left out yet
        self._ceiling: int | None = None  # what was kept when the disk became short
        self._starved = False  # the last word of the store was that there is no room
        self._losses: set[Loss] = set()

    @property
    def put_out(self) -> int:
        """How much was put out so far."""
        return sum((self._ends or {}).values()) + sum(self._owed.values())

    @property
    def dropped(self) -> int:
        """How much of that is not kept."""
        return self._left_out.get(self._attempt, 0) + sum(self._owed.values())

    @property
    def dropped_before(self) -> Mapping[int, int]:
        """How much of earlier attempts is not kept."""
        return {attempt: count for attempt, count in self._left_out.items() if attempt != self._attempt}

    async def ends(self) -> Mapping[str, int]:
        """Where the stored output of each stream ends."""
        if self._ends is None:
            found = await self._surely(lambda: self._shelf.ends(self._run_id))
            self._ends = {stream: end for (attempt, stream), end in found.items() if attempt == self._attempt}
        return self._ends

    async def load(self) -> int:
        """How much of the run is kept."""
        await self.ends()
        if self._kept is None:
            sizes = await self._surely(lambda: self._shelf.sizes(self._run_id))
            self._left_out = {attempt: left_out for attempt, (_, left_out) in sizes.items() if left_out}
            self._kept = sum(kept for kept, _ in sizes.values())
            if self.dropped and self._limit.on_full is OnFull.KILL_TASK:
                self._lose(Loss.KILLED)  # the daemon that told so may have died of it
        return self._kept

    async def put(self, stream: str, offset: int, data: bytes) -> int:
        """Keep of `data` what may be kept; what comes back is the stored end."""
        kept = await self.load()
        share = portion(self._limit, kept, len(data), ceiling=self._ceiling_now(kept))
        if not await self._pay(stream):
            return self._owe(stream, len(data))
        end = offset
        if share.drop:
            self._lose(Loss.OLD if self._ceiling is None else Loss.LOW)
            await self._drop(min(share.drop, kept))
        if share.keep:
            stored = await self._append(stream, offset, data[: share.keep])
            if stored is None:
                return self._owe(stream, len(data))
            end = stored
        if share.keep < len(data):
            return await self.leave_out(stream, offset + share.keep, len(data) - share.keep, self._cause())
        if share.drop > kept:  # more came at once than is kept at all
            await self._drop(share.drop - kept)
        return end

    async def leave_out(self, stream: str, offset: int, length: int, loss: Loss) -> int:
        """Note that output is not kept; what comes back is the stored end."""
        await self.load()
        self._lose(loss)
        if not await self._pay(stream) or not await self._note(stream, offset, length):
            return self._owe(stream, length)
        return (await self.ends()).get(stream, 0)

    def excess(self, waiting: int) -> tuple[int, int]:
        """Which part of what waits in a stream need not be told."""
        if self._kept is None:
            return 0, 0
        begin, length = excess(
            self._limit, self._kept, waiting, ceiling=self._ceiling_now(self._kept), quota=self._quota
        )
        if length and self._limit.on_full is OnFull.KILL_TASK:
            self._lose(Loss.KILLED)
        return begin, length

    def passed(self) -> Loss:
        """Why what an adapter leaves out is lost."""
        return Loss.PASSED if self._limit.on_full is OnFull.DROP_OLD else self._cause()

    async def settle(self) -> None:
        """Nothing more comes: note what is still owed, or have it noted once there is room."""
        if self._ends is None:
            await self.load()
        for stream, length in tuple(self._owed.items()):
            if not await self._pay(stream):
                end, now = (await self.ends()).get(stream, 0), self._clock.read().wall
                self._shelf.owe(self._run_id, self._attempt, stream, end, length, now)

    def forget(self) -> None:
        """Something was broken off: what is stored is to be looked at anew, and what is owed is told again."""
        self._ends = self._kept = None
        self._owed.clear()

    def _cause(self) -> Loss:
        if self._limit.on_full is OnFull.KILL_TASK:
            return Loss.KILLED
        if self._ceiling is not None:
            return Loss.LOW
        return Loss.NEW if (self._kept or 0) >= self._limit.size else Loss.PASSED

    def _ceiling_now(self, kept: int) -> int | None:
        if not self._low():
            self._ceiling = None
        elif self._ceiling is None:
            self._ceiling = kept
        return self._ceiling

    async def _append(self, stream: str, offset: int, data: bytes) -> int | None:
        """Store `data`, where need be in the place of older output; None where there is no room at all."""
        end = await self._roomy(lambda: self._stored(stream, offset, data))
        if end is None and self._limit.on_full is OnFull.DROP_OLD and await self._drop(len(data)):
            end = await self._roomy(lambda: self._stored(stream, offset, data))
        return end

    async def _stored(self, stream: str, offset: int, data: bytes) -> int:
        now, size = self._clock.read().wall, piece(self._limit)
        end = await self._shelf.append(self._run_id, self._attempt, stream, offset, data, now, size)
        self._kept = await self.load() + end - self._moved(stream, end)
        return end

    async def _note(self, stream: str, offset: int, length: int) -> bool:
        async def note() -> bool:
            now = self._clock.read().wall
            end = await self._shelf.leave_out(self._run_id, self._attempt, stream, offset, length, now)
            self._gone({self._attempt: end - self._moved(stream, end)})
            return True

        return bool(await self._roomy(note))

    async def _drop(self, wanted: int) -> bool:
        """Make room by dropping the oldest; whether anything went."""
        gone = await self._roomy(lambda: self._shelf.drop_oldest(self._run_id, wanted)) or {}
        self._kept = await self.load() - sum(gone.values())
        self._gone(gone)
        return bool(gone)

    def _moved(self, stream: str, end: int) -> int:
        """The end before this one."""
        ends = self._ends if self._ends is not None else {}
        before, ends[stream] = ends.get(stream, 0), end
        return before

    def _gone(self, lost: Mapping[int, int]) -> None:
        for attempt, count in lost.items():
            self._left_out[attempt] = self._left_out.get(attempt, 0) + count

    def _owe(self, stream: str, length: int) -> int:
        """There is no room even for a note: count, and note it later."""
        self._lose(Loss.KILLED if self._limit.on_full is OnFull.KILL_TASK else Loss.LOW)
        self._owed[stream] = self._owed.get(stream, 0) + length
        return (self._ends or {}).get(stream, 0)

    async def _pay(self, stream: str) -> bool:
        """Note what is owed; whether nothing is."""
        length = self._owed.get(stream, 0)
        if length:
            paid = await self._note(stream, (await self.ends()).get(stream, 0), length)
            if not paid:
                return False
            del self._owed[stream]
        return True

    def _lose(self, loss: Loss) -> None:
        """Say once why output is not kept."""
        if loss in self._losses:
            return
        self._losses.add(loss)
        self._inbox.tell(LogDropped(self._run_id, self._attempt, told(loss, self._limit)))
        if loss is Loss.KILLED:
            self._inbox.tell(LogFull(self._run_id, self._attempt))

    async def _surely(self, action: Callable[[], Awaitable[T]]) -> T:
        """Do it, as often as it takes: a full disk or a busy file passes."""
        return await self._trying(action, patient=True)

    async def _roomy(self, action: Callable[[], Awaitable[T]]) -> T | None:
        """Do it, unless the disk stays full: then None."""
        try:
            done = await self._trying(action, patient=False)
        except StorageFull:
            self._starved = True
            return None
        self._starved = False
        return done

    async def _trying(self, action: Callable[[], Awaitable[T]], *, patient: bool) -> T:
        delay, waited = FIRST_RETRY, timedelta(0)
        while True:
            try:
                done = await action()
            except PortError as error:
                if error.permanent:
                    raise LogsBroken(str(error)) from error
                self._gauges.log_trouble = str(error)
                if isinstance(error, StorageFull) and not patient and (self._starved or waited >= PATIENCE):
                    raise
            else:
                self._gauges.log_trouble = ""
                return done
            await asyncio.sleep(delay.total_seconds())
            delay, waited = min(2 * delay, LAST_RETRY), waited + delay
