"""What an attempt writes, on its way to the store: output and report, read from its spools while it runs.

A file is watched while it is quiet, because that costs nothing, and polled while it is busy, because a watch
would slow its writer down.  A run that is over before anybody looked is read once, without a watch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from polysync.adapters.local.spool import LINE, WORTH, Spool
from polysync.adapters.local.storing import Storing
from polysync.adapters.local.watch import Watcher
from polysync.domain.report import Report, Reported
from polysync.ports import Sink

CHUNK: Final = 1 << 20
AGE: Final = 1.0  # seconds after which a chunk is stored that is not full
YOUNG: Final = 0.05  # seconds in which most runs are over: until then nothing is watched
REST: Final = 0.02  # seconds between two looks at a busy file
QUIET_LOOKS: Final = 3  # looks in vain, each twice as late, until a file counts as quiet
BLIND: Final = 1.0  # seconds between looks at a quiet file that cannot be watched
PIECE: Final = 64 << 10  # of the report, between two turns of others
REPORT_LIMIT: Final = 64 << 20  # bytes that are read of a report at all
LATE: Final = 1.0  # seconds for which a writer is listened to that goes on after the end

Seen = Callable[[str, int, bytes], None]


@dataclass(frozen=True, slots=True)
class Told:
    """All that an attempt has written."""

    log_bytes: int
    reported: Reported
    late: bool = False  # something was still writing after the end; what it wrote since is not stored


class Spools:
    """The three files of one attempt; made anew for every follower."""

    def __init__(self, folder: Path, sink: Sink, watcher: Watcher) -> None:
        self._folder = folder
        self._sink = sink
        self._watcher = watcher
        self._storing = Storing()
        self._streams = [_Stream(folder / name, sink, self._storing) for name in ("out", "err")]
        self._report = _ReportFile(folder / "report", sink)
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None  # for the next look
        self._ageing: asyncio.TimerHandle | None = None  # for storing what waits
        self._due = False
        self._watch: int | None = None

    async def follow(self, ended: asyncio.Event) -> Told:
        """Feed the sink until `ended` is set, and then with what is left; returning means that all is stored."""
        try:
            if not (ended.is_set() or await _within(YOUNG, ended)):
                await self._live(ended)
            return await self._rest()
        finally:
            try:
                await self._storing.give_up()
            finally:
                self._give_up()

    async def _live(self, ended: asyncio.Event) -> None:
        bell = spawn(ended, self._wake)
        try:
            await self._watch_and_poll(ended)
        finally:
            bell.cancel()

    async def _watch_and_poll(self, ended: asyncio.Event) -> None:
        busy = idle = 0  # looks with and without something new
        while not ended.is_set():
            self._wake.clear()
            if await self._sweep(ended):
                busy, idle = (1 if idle else busy + 1), 0  # a line now and then is not busy, and is shown at once
                self._disarm()
                self._later(REST, self._wake.set)
            elif busy and idle < min(busy - 2, QUIET_LOOKS):
                idle += 1
                self._later(REST * 2**idle, self._wake.set)
            elif self._watch is None:
                busy = idle = 0
                if self._arm():
                    continue  # once more: it may have been written to before the watch stood
                self._later(BLIND, self._wake.set)
            await self._wake.wait()

    async def _sweep(self, ended: asyncio.Event) -> bool:
        """Read whatever there is; tells whether there was anything."""
        grew = False
        while await self._pass():
            grew = True
            if ended.is_set():
                break
        if self._due:
            self._due = False
            await self._flush()
        if not grew:
            await self._storing.over()
        if self._ageing is None and any(stream.pending for stream in self._streams):
            self._ageing = asyncio.get_running_loop().call_later(AGE, self._age)
        return grew

    async def _pass(self) -> bool:
        """Read a chunk of each file; output comes after the report, which may say what of it is secret."""
        grew = [await stream.take() for stream in self._streams]
        while await self._report.take():
            grew.append(True)
            await asyncio.sleep(0)  # a turn of others
        for stream in self._streams:
            await stream.show()
        return any(grew)

    async def _pass_once_stored(self) -> bool:
        """Read what came while the last chunk was stored."""
        await self._storing.over()
        return await self._pass()

    async def _rest(self) -> Told:
        """Read to the end; somebody who goes on writing is not listened to for ever."""
        goals = [stream.spool.size() for stream in self._streams]
        over = asyncio.Event()
        self._later(LATE, over.set)
        late = False
        while not late and (await self._pass() or await self._pass_once_stored()):
            late = over.is_set() and all(s.spool.passed(goal) for s, goal in zip(self._streams, goals, strict=True))
        await self._flush()
        for stream in self._streams:
            if stream.spool.problem:
                self._report.report.complain(stream.spool.problem)
        return Told(sum(s.spool.offset for s in self._streams), await self._report.finish(), late)

    async def _flush(self) -> None:
        for stream in self._streams:
            await stream.flush()

    def _age(self) -> None:
        self._ageing, self._due = None, True
        self._wake.set()

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, call)

    def _arm(self) -> bool:
        for stream in self._streams:
            stream.spool.close()  # a quiet run holds no descriptor
        self._report.spool.close()
        self._watch = self._watcher.watch(self._folder, self._wake.set)
        return self._watch is not None

    def _disarm(self) -> None:
        if self._watch is not None:
            self._watcher.unwatch(self._watch, self._wake.set)
            self._watch = None

    def _give_up(self) -> None:
        self._disarm()
        for timer in filter(None, [self._timer, self._ageing]):
            timer.cancel()
        for stream in self._streams:
            stream.spool.close()
        self._report.spool.close()


class _Stream:
    """`out` or `err`: what was read, and is not yet stored."""

    def __init__(self, path: Path, sink: Sink, storing: Storing) -> None:
        self._storing = storing
        self.spool = Spool(path, self.flush)
        self.pending: list[bytes] = []
        self._size = 0  # of what is pending
        self._name = path.name
        self._sink = sink
        self._seen: Seen | None = getattr(sink, "seen", None)
        self._stored: int | None = None
        self._shown = 0  # parts of what is pending

    async def take(self) -> bool:
        """Read what fits into the chunk, or pass over what is not wanted."""
        if not self.spool.has_more():
            return False
        if self._stored is None:
            await self._storing.over()
            self._stored = await self._sink.stored(self._name)
            self.spool.begin(self._stored)
        if await self._passed_over():
            return True
        data = await self.spool.read(CHUNK - self._size)
        if data:
            self.pending.append(data)
            self._size += len(data)
        return bool(data)

    async def show(self) -> None:
        """Show what was read, and have the chunk stored when it is full."""
        fresh, self._shown = self.pending[self._shown :], len(self.pending)
        if self._seen is not None and fresh:
            data = b"".join(fresh)
            self._seen(self._name, self.spool.offset - len(data), data)
        if self._size > CHUNK - LINE:
            await self._storing.over()
            self._storing.begin(self._store(*self._handed_over()))

    async def flush(self) -> None:
        """Store what was read, and give its place in the file back."""
        await self._storing.over()
        if self.pending:
            await self._store(*self._handed_over())

    def _handed_over(self) -> tuple[int, bytes]:
        """What was read, and where it begins; it is somebody else's from here on."""
        offset, data = self.spool.offset - self._size, b"".join(self.pending)
        self.pending.clear()
        self._size = self._shown = 0
        return offset, data

    async def _store(self, offset: int, data: bytes) -> None:
        await self._keep(await self._sink.write(self._name, offset, data))

    async def _passed_over(self) -> bool:
        """Pass over what would not be kept; whether anything was."""
        if self._excess()[1]:
            await self._storing.over()  # how much is kept, and up to where, is only now known for certain
            begin, length = self._excess()
            if length:
                await self._give_up(self._stored or 0, begin, length)
        missing = self.spool.missing
        if not missing:
            return False
        await self.flush()
        end = await self._sink.leave_out(self._name, self.spool.offset, missing)
        self.spool.skip()
        await self._keep(end)
        return True

    def _excess(self) -> tuple[int, int]:
        """Which part of what waits behind the stored end would not be kept."""
        waiting = self.spool.waiting_after(self._stored or 0)
        return self._sink.excess(self._name, waiting) if waiting >= WORTH else (0, 0)

    async def _give_up(self, stored: int, begin: int, length: int) -> None:
        """Have a stretch passed over, with what was read of it."""
        upto = stored + begin + length
        if stored + begin <= self.spool.offset:
            await self.flush()
            begin, stored = 0, self._stored or 0
        if stored + begin < upto:
            await self.spool.pass_over(stored + begin, upto - stored - begin)

    async def _keep(self, stored: int) -> None:
        self._stored = stored
        self.spool.kept_upto(stored)
        await self.spool.give_back(stored)


class _ReportFile:
    """The report, told as it comes."""

    def __init__(self, path: Path, sink: Sink) -> None:
        self.spool = Spool(path, _nothing, keep=True)
        self.report = Report()
        self._sink = sink

    async def take(self) -> bool:
        """Read a piece, and tell what is new in it."""
        if not self.spool.has_more() or self.spool.offset >= REPORT_LIMIT:
            return False
        data = await self.spool.read(PIECE)
        self.report.feed(data)
        await self._tell()
        return bool(data)

    async def finish(self) -> Reported:
        """The whole account, after the last piece."""
        self.report.finish()
        if self.spool.problem:
            self.report.complain(self.spool.problem)
        if self.spool.offset >= REPORT_LIMIT:
            self.report.complain("the report file is larger than 64 MB; the rest was not read")
        await self._tell()
        return self.report.folded()

    async def _tell(self) -> None:
        news = self.report.news()
        if news is not None:
            told = {} if news.messages is None else {"messages": news.messages}
            await self._sink.report(progress=news.progress, outputs=news.outputs or None, secrets=news.secrets, **told)


def spawn(ended: asyncio.Event, wake: asyncio.Event) -> asyncio.Task[None]:
    """A task that turns the end into a call to wake up; its starter cancels it."""

    async def ring() -> None:
        await ended.wait()
        wake.set()

    return asyncio.create_task(ring(), name="end of an attempt")


async def _nothing() -> None:
    """A report is kept whole, so nothing need be stored before it moves."""


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Whether the event comes within this time."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
