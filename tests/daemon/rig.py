"""The real driver, attempts, feed and desk around a journal, a shelf and a platform that do as a test says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from polysync.daemon.attempt import Attempts, Patience
from polysync.daemon.bus import Bus
from polysync.daemon.counts import Counts
from polysync.daemon.desk import FrontDesk
from polysync.daemon.disk import Disk
from polysync.daemon.driver import Driver
from polysync.daemon.feed import Feed
from polysync.daemon.inbox import Inbox
from polysync.daemon.seams import Minutes
from polysync.daemon.sink import NOTHING_MASKED, RunSink
from polysync.daemon.spawn import Tasks
from polysync.domain.cover import Cover
from polysync.domain.effects import Answer, Publish, Record
from polysync.domain.inputs import Submit
from polysync.domain.masking import Masks
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run, Snapshot
from polysync.domain.settings import Configuration
from polysync.domain.task import Task
from polysync.domain.values import Role
from polysync.ports import Asker, Handle, LogPiece, PortError, Sink, Work
from polysync.store.rows import AuditEntry
from polysync.testing import MemoryJournal, SimClock
from tests.daemon.virtual import passing, play

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
ANNA = Asker("anna", Role.OPERATOR)


class Journal:
    """Rows in memory; the next commits fail as `fates` says: an error before they are stored, or after."""

    def __init__(self) -> None:
        self.rows = MemoryJournal()
        self.audit: list[AuditEntry] = []
        self.fates: list[tuple[bool, PortError] | None] = []  # stored or not, and what is raised
        self.failing: PortError | None = None  # reading and writing, for as long as it is set
        self.gate: asyncio.Event | None = None  # commits wait for it
        self.uncounted: list[PortError] = []  # what the next questions for taken slots are answered

    async def commit(self, records: Iterable[Record], audit: Iterable[AuditEntry] = ()) -> None:
        if self.gate is not None:
            await self.gate.wait()
        fate = self.fates.pop(0) if self.fates else None
        if self.failing is not None:
            raise self.failing
        if fate is None or fate[0]:
            self.rows.commit(records)
            self.audit.extend(audit)
        if fate is not None:
            raise fate[1]

    async def snapshot(self) -> Snapshot:
        if self.failing is not None:
            raise self.failing
        return self.rows.snapshot()

    async def taken_after(self, at: datetime) -> Mapping[str, frozenset[datetime]]:
        if self.uncounted:
            raise self.uncounted.pop(0)
        if self.failing is not None:
            raise self.failing
        return self.rows.taken_after(at)


class Shelf:
    """Output in memory."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, LogPiece]] = []  # with the run
        self.troubles: list[PortError] = []
        self.owed: dict[tuple[int, int, str], tuple[int, int]] = {}

    async def append(
        self, run_id: int, attempt: int, stream: str, offset: int, data: bytes, at: datetime, piece: int = 1 << 18
    ) -> int:
        del piece
        if self.troubles:
            raise self.troubles.pop(0)
        end = (await self.ends(run_id)).get((attempt, stream), 0)
        assert offset <= end, "a gap"
        if offset + len(data) > end:
            self.kept.append((run_id, LogPiece(attempt, stream, end, data[end - offset :], at)))
        return max(end, offset + len(data))

    async def leave_out(self, run_id: int, attempt: int, stream: str, offset: int, length: int, at: datetime) -> int:
        if self.troubles:
            raise self.troubles.pop(0)
        end = (await self.ends(run_id)).get((attempt, stream), 0)
        assert offset <= end, "a gap"
        self.kept.append((run_id, LogPiece(attempt, stream, end, b"", at, offset + length - end)))
        return offset + length

    def owe(self, run_id: int, attempt: int, stream: str, offset: int, length: int, at: datetime) -> None:
        del at
        self.owed[run_id, attempt, stream] = offset, length

    async def drop_oldest(self, run_id: int, wanted: int) -> Mapping[int, int]:
        if self.troubles:
            raise self.troubles.pop(0)
        gone: Counter[int] = Counter()
        for place, (kept, piece) in enumerate(self.kept):
            if kept == run_id and piece.data and gone.total() < wanted:
                gone[piece.attempt] += len(piece.data)
                self.kept[place] = (kept, replace(piece, data=b"", left_out=len(piece.data)))
        return gone

    async def ends(self, run_id: int) -> Mapping[tuple[int, str], int]:
        if self.troubles:
            raise self.troubles.pop(0)
        return {
            (p.attempt, p.stream): p.offset + (p.left_out or len(p.data)) for kept, p in self.kept if kept == run_id
        }

    async def sizes(self, run_id: int) -> Mapping[int, tuple[int, int]]:
        pieces = [piece for kept, piece in self.kept if kept == run_id]
        attempts = {piece.attempt for piece in pieces}
        return {
            n: (sum(len(p.data) for p in pieces if p.attempt == n), sum(p.left_out for p in pieces if p.attempt == n))
            for n in attempts
        }

    async def pieces(self, run_id: int, after: int, limit: int) -> list[tuple[int, LogPiece]]:
        numbered = enumerate(self.kept, start=1)
        found = [(number, piece) for number, (kept, piece) in numbered if kept == run_id and number > after]
        return found[:limit]


class Platform:
    """Executions that last until a test ends them; every call is noted, and fails first where it is told to."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.troubles: dict[str, list[Exception]] = {}
        self.held: dict[str, asyncio.Event] = {}  # calls that wait, by name
        self.executions: dict[str, asyncio.Future[Exit]] = {}
        self.sinks: dict[str, Sink] = {}
        self.lasts: float | None = None  # seconds, where executions end by themselves
        self.obeys = True  # a stop ends them

    async def start(self, attempt: Work) -> Handle:
        await self._called("start")
        return {"token": self._execution(attempt.token)}

    async def find(self, token: str) -> Handle | None:
        await self._called("find")
        return {"token": token} if token in self.executions else None

    async def follow(self, handle: Handle, sink: Sink) -> Exit:
        self.sinks[handle["token"]] = sink
        await self._called("follow")
        return await asyncio.shield(self.executions[handle["token"]])

    async def stop(self, handle: Handle, grace: timedelta) -> None:
        del grace
        await self._called("stop")
        if self.obeys:
            self.end(handle["token"], Exit(code=143, signal="TERM"))

    async def check(self) -> None:
        self.calls.append("check")

    async def forget(self, handle: Handle) -> None:
        del handle
        await self._called("forget")

    def end(self, token: str | None = None, exit_: Exit | None = None) -> None:
        """End one execution, or all of them."""
        for name, future in self.executions.items():
            if token in (None, name) and not future.done():
                future.set_result(exit_ or Exit(code=0))

    def _execution(self, token: str) -> str:
        if token not in self.executions:
            self.executions[token] = asyncio.get_running_loop().create_future()
            if self.lasts is not None:
                asyncio.get_running_loop().call_later(self.lasts, self.end, token)
        return token

    async def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.held:
            await self.held[name].wait()
        if self.troubles.get(name):
            trouble = self.troubles[name].pop(0)
            if name == "start" and "answer lost" in str(trouble):
                self._execution("lost")
            raise trouble


class Rig:
    """One daemon without its service."""

    def __init__(self, clock: SimClock, *tasks: Task, journal: Minutes | None = None, **settings: Any) -> None:
        self.clock = clock
        self.configuration = Configuration(tasks={task.name: task for task in tasks}, **settings)
        self.memory = Journal()
        self.journal = self.memory if journal is None else journal
        self.shelf = Shelf()
        self.platform = Platform()
        self.space = 10**12
        self.reserve = Reserve()
        self.disk = Disk(Path("/"), 10**9, self.reserve, lambda _path: self.space)
        self.published: list[Publish] = []
        self.prepare: Callable[[Run, Attempt], Coroutine[Any, Any, Work]] = prepared
        self.cover: Callable[[Run, Attempt], Coroutine[Any, Any, Cover]] = uncovered
        self.boot_id = "boot-1"
        self.on_configured: Callable[[Configuration], None] = lambda _configuration: None
        self.assemble()

    def assemble(self) -> None:
        """Everything that dies with the daemon."""
        self.inbox = Inbox()
        self.bus = Bus()
        self.tasks = Tasks(self._fail)
        self.feed = Feed(self.shelf, lambda run_id: run_id in self.driver.tally)
        self.attempts = Attempts(
            prepare=self._prepare,
            cover_for=self._cover,
            adapter_for=lambda _run, _attempt: self.platform,
            sink_for=self.sink,
            inbox=self.inbox,
            tasks=self.tasks,
            boot_id=self.boot_id,
            patience=Patience(starts=3),
        )
        self.counts = Counts(lambda: self.driver.engine)
        self.driver = Driver(
            configuration=self.configuration,
            boot_id=self.boot_id,
            home="home",
            journal=self.journal,
            clock=self.clock,
            inbox=self.inbox,
            bus=self.bus,
            launcher=self.attempts,
            disk=self.disk,
            on_over=self.feed.over,
            meter=self.counts.settled,
            on_configured=lambda configuration: self.on_configured(configuration),  # noqa: PLW0108 - a test sets another one later
        )
        self.desk = FrontDesk(
            driver=self.driver, inbox=self.inbox, bus=self.bus, feed=self.feed, disk=self.disk, clock=self.clock
        )

    def _fail(self, error: BaseException) -> None:
        self.driver.fail(error)

    async def _cover(self, run: Run, attempt: Attempt) -> Cover:
        return await self.cover(run, attempt)

    async def _prepare(self, run: Run, attempt: Attempt) -> Work:
        return await self.prepare(run, attempt)

    def sink(self, run_id: int, number: int, fresh: bool = True, masks: Masks | None = NOTHING_MASKED) -> RunSink:
        seams: dict[str, Any] = {"logs": self.shelf, "feed": self.feed, "inbox": self.inbox, "clock": self.clock}
        return RunSink(run_id, number, gauges=self.driver.gauges, fresh=fresh, masks=masks, **seams)

    async def up(self) -> asyncio.Task[None]:
        """Start, and beat in the background."""
        listener = self.bus.listen()
        await self.driver.start()

        async def listen() -> None:
            async for event in listener:
                assert event is not None
                self.published.append(event)

        self.tasks.spawn(listen(), "listen")
        self.beating = Tasks(lambda _error: None).spawn(self.driver.run(), "run")
        return self.beating

    async def down(self) -> None:
        """Die: nothing is told to anybody."""
        self.beating.cancel()
        with suppress(asyncio.CancelledError):
            await self.beating
        await self.tasks.close()

    async def ask(self, task: str = "work", **keys: Any) -> Answer:
        """Ask for a run of a task."""
        return await self.desk.ask(Submit(task=task, **keys), ANNA)

    def states(self) -> list[str]:
        """How all runs stand, as stored."""
        return [f"{run.state}/{run.end_reason}" if run.end_reason else run.state for run in self.rows.runs.values()]

    @property
    def rows(self) -> MemoryJournal:
        """What is stored."""
        return self.memory.rows


class Reserve:
    """Space held back."""

    def __init__(self) -> None:
        self.held = True
        self.room = True

    def ensure(self) -> bool:
        self.held = self.room
        return self.room

    def release(self) -> bool:
        self.held, before = False, self.held
        return before


async def uncovered(_run: Run, _attempt: Attempt) -> Cover:
    """No secrets."""
    return Cover()


async def prepared(run: Run, attempt: Attempt) -> Work:
    """The least that an adapter needs."""
    return Work(token=attempt.token, run_id=run.id, number=attempt.number, task=run.task, type="shell")


def daemon(story: Callable[[Rig], Coroutine[Any, Any, None]], *tasks: Task, **settings: Any) -> Rig:
    """Play a story with a daemon that has just started; it dies at the end of it."""
    clock = SimClock(NOON)

    async def whole() -> Rig:
        rig = Rig(clock, *tasks, **settings)
        await rig.up()
        try:
            await story(rig)
        finally:
            await rig.down()
        return rig

    return play(clock, whole)


async def until(condition: Callable[[], object], seconds: float = 600) -> None:
    """Let time pass until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await passing(0.01)
