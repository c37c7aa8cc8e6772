"""A daemon with one part broken on purpose: `python -m tests.chaos.mutant_daemon NAME`; `sound` breaks nothing.

A harness that would not notice these proves nothing.  The service is composed as in polysync/daemon/service.py,
with one part wrapped or replaced through the seam that it has.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from polysync.adapters.local.adapter import LocalAdapter
from polysync.adapters.local.handles import read_handle
from polysync.clock import SystemClock, this_zone
from polysync.config.load import load
from polysync.daemon.leftovers import leftovers, remove
from polysync.daemon.logging import open_log
from polysync.daemon.opening import Options, take_home
from polysync.daemon.parts import Doom, Parts, Stores, open_stores
from polysync.daemon.signals import Wishes, listening
from polysync.daemon.spawn import Tasks
from polysync.domain.effects import Record, TaskNoted
from polysync.domain.outcome import Exit
from polysync.domain.rows import Message, Snapshot
from polysync.home import Home
from polysync.ports import Adapter, Handle, PortError, Sink
from polysync.store.journal import SqliteJournal
from polysync.store.logs import CHUNK, LogBook
from polysync.store.rows import AuditEntry

Audit = Iterable[AuditEntry]


class OtherJournal:
    """A journal in front of the real one; as it stands, it breaks nothing."""

    def __init__(self, inner: SqliteJournal) -> None:
        self.inner = inner
        self.writer = inner.writer
        self.work = inner.work

    async def commit(self, records: Iterable[Record], audit: Audit = ()) -> None:
        """Write everything in one transaction."""
        await self.inner.commit(records, audit)

    async def snapshot(self) -> Snapshot:
        """What is stored."""
        return await self.inner.snapshot()

    async def taken_after(self, at: datetime) -> Mapping[str, frozenset[datetime]]:
        """Which slots have a run."""
        return await self.inner.taken_after(at)

    async def epoch(self) -> int:
        """How many daemons there were."""
        return await self.inner.epoch()


class AnchorFirst(OtherJournal):
    """The anchor is committed before the run that it stands for."""

    async def commit(self, records: Iterable[Record], audit: Audit = ()) -> None:
        """Write in two transactions."""
        anchors, rest = _split(records)
        if anchors:
            await self.inner.commit(anchors)
        await self.inner.commit(rest, audit)


class RunFirst(OtherJournal):
    """The run is committed before the anchor, and nobody asks which slots have one."""

    async def commit(self, records: Iterable[Record], audit: Audit = ()) -> None:
        """Write in two transactions."""
        anchors, rest = _split(records)
        await self.inner.commit(rest, audit)
        if anchors:
            await self.inner.commit(anchors)

    async def taken_after(self, at: datetime) -> Mapping[str, frozenset[datetime]]:
        """Nothing, whatever is stored."""
        await self.inner.taken_after(at)
        return {}


class Hasty(OtherJournal):
    """Says that it is stored as soon as it is told, and stores it a little later."""

    def __init__(self, inner: SqliteJournal) -> None:
        super().__init__(inner)
        self._order = asyncio.Lock()
        self._tasks = Tasks(lambda _error: None)

    async def commit(self, records: Iterable[Record], audit: Audit = ()) -> None:
        """Store it one day."""
        self._tasks.spawn(self._later(tuple(records), tuple(audit)), "later")

    async def _later(self, records: Sequence[Record], audit: Sequence[AuditEntry]) -> None:
        async with self._order:
            await _rest(0.1)
            await self.inner.commit(records, audit)


class Deaf(OtherJournal):
    """Takes a commit that failed for one that did not."""

    async def commit(self, records: Iterable[Record], audit: Audit = ()) -> None:
        """Write everything, or not."""
        try:
            await self.inner.commit(records, audit)
        except PortError:
            return


class Forgetful(LogBook):
    """Does not know where stored output ends, and takes whatever comes for new."""

    async def ends(self, run_id: int) -> Mapping[tuple[int, str], int]:  # noqa: ARG002 - that is what is wrong with it
        """Nothing is stored, ever."""
        return {}

    async def append(
        self, run_id: int, attempt: int, stream: str, offset: int, data: bytes, at: datetime, piece: int = CHUNK
    ) -> int:
        """Store it behind what is there."""
        end = (await super().ends(run_id)).get((attempt, stream), 0)
        await super().append(run_id, attempt, stream, end, data, at, piece)
        return offset + len(data)


class Unclaimed(LocalAdapter):
    """Starts again whatever it finds: the claim on an attempt is thrown away."""

    async def find(self, token: str) -> Handle | None:
        """Nothing, because the traces are removed."""
        found = await super().find(token)
        if found is not None:
            shutil.rmtree(self._runs / read_handle(found).folder)
        return None


class Impatient(LocalAdapter):
    """Believes in an end before the spools were read to theirs."""

    async def follow(self, handle: Handle, sink: Sink) -> Exit:
        """The end, without the last words."""
        return await super().follow(handle, _Late(sink))


class Tidy(LocalAdapter):
    """Gives back the traces of an attempt before its end is stored."""

    async def follow(self, handle: Handle, sink: Sink) -> Exit:
        """The end, of which nothing is left."""
        ended = await super().follow(handle, sink)
        await self.forget(handle)
        await _rest(1.0)  # so that each kill finds some whose end is told to nobody yet
        return ended


class Brutal(LocalAdapter):
    """Takes a number for a process: whoever has it now is killed."""

    async def follow(self, handle: Handle, sink: Sink) -> Exit:
        """End whatever has the number of the shim."""
        os.kill(read_handle(handle).shim.pid, 9)
        return await super().follow(handle, sink)


class _Late:
    """A sink that holds back the newest piece of each stream until another one comes."""

    def __init__(self, inner: Sink) -> None:
        self._inner = inner
        self._held: dict[str, tuple[int, bytes]] = {}

    async def stored(self, stream: str) -> int:
        """What is stored."""
        return await self._inner.stored(stream)

    async def write(self, stream: str, offset: int, chunk: bytes) -> int:
        """Store the piece before this one, and say that this one is stored."""
        before, self._held[stream] = self._held.get(stream), (offset, chunk)
        if before is not None:
            await self._inner.write(stream, *before)
        return offset + len(chunk)

    async def leave_out(self, stream: str, offset: int, length: int) -> int:
        """Pass it on."""
        return await self._inner.leave_out(stream, offset, length)

    def excess(self, stream: str, waiting: int) -> tuple[int, int]:
        """Pass it on."""
        return self._inner.excess(stream, waiting)

    async def report(
        self,
        *,
        progress: tuple[int, str] | None = None,
        outputs: Mapping[str, Any] | None = None,
        messages: Sequence[Message] = (),
        secrets: Sequence[str] = (),
    ) -> None:
        """Pass it on."""
        await self._inner.report(progress=progress, outputs=outputs, messages=messages, secrets=secrets)


JOURNALS: Final[Mapping[str, Callable[[SqliteJournal], OtherJournal]]] = {
    "anchor-first": AnchorFirst,
    "run-first": RunFirst,
    "reply-first": Hasty,
    "deaf": Deaf,
}
ADAPTERS: Final[Mapping[str, type[LocalAdapter]]] = {
    "no-claim": Unclaimed,
    "early-exit": Impatient,
    "early-forget": Tidy,
    "bare-pid": Brutal,
}
LOGS: Final[Mapping[str, type[LogBook]]] = {"offset-from-zero": Forgetful}


class MutantParts(Parts):
    """The parts of a daemon, with another adapter."""

    def __init__(self, name: str, options: Options, home: Home, stores: Stores, log: Any, doom: Doom) -> None:
        self._name = name
        super().__init__(options, home, stores, log, doom)

    def _here(self, settings: Mapping[str, Any]) -> Adapter:
        made: Adapter = ADAPTERS.get(self._name, LocalAdapter)(settings, home=self.home, clock=self._options.clock)
        return made


async def serve(name: str, options: Options, home: Home, log: Any) -> int:
    """Serve a home that is locked, with one part broken."""
    doom, wishes = Doom(), Wishes()
    async with AsyncExitStack() as stack:
        stack.enter_context(listening(wishes))
        stores = await open_stores(options, home, doom, stack)
        parts = MutantParts(name, options, home, _broken(name, stores), log, doom)
        parts.close_with(stack)
        await parts.driver.start()
        await parts.open_api(stack)
        if name != "no-sweep":
            remove(leftovers(home.runs, parts.driver.tally.__contains__))
        beating = parts.tasks.spawn(parts.driver.run(), "beating")
        asked = parts.tasks.spawn(wishes.end.wait(), "end")
        await asyncio.wait({beating, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not beating.done():
            await parts.driver.close(stop=False, budget=timedelta(seconds=5))
        await beating
    return 0


def main(name: str) -> int:
    """Be a daemon of the configuration in the current folder."""
    if name not in {"sound", "no-sweep", *JOURNALS, *ADAPTERS, *LOGS}:
        raise SystemExit(f"no such mutant: {name}")
    clock, config = SystemClock(), Path.cwd() / "polysync.toml"
    loaded = load(config, env=os.environ, host_zone=this_zone(), now=clock.read().wall)
    if loaded.config is None:
        raise SystemExit(f"{config}: {loaded.errors}")
    options = Options(
        config=config,
        home=config.parent / ".polysync",
        configuration=loaded.config,
        load=lambda: loaded,
        clock=clock,
    )
    lock, _ = take_home(options.home, clock)
    log, stream = open_log(2, clock, loaded.config.daemon.log_format, loaded.config.daemon.log_level)
    with lock:
        try:
            return asyncio.run(serve(name, options, lock.home, log))
        finally:
            stream.close()


def _broken(name: str, stores: Stores) -> Stores:
    """The stores, with one of them broken."""
    if name in JOURNALS:
        journal: Any = JOURNALS[name](stores.journal)
        return replace(stores, journal=journal)
    if name in LOGS:
        stores.logs.__class__ = LOGS[name]  # the same book, read and written otherwise
    return stores


def _split(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """The records that move an anchor, and all others."""
    anchors: list[Record] = []
    rest: list[Record] = []
    for record in records:
        (anchors if isinstance(record, TaskNoted) and "anchor" in record.changes else rest).append(record)
    return anchors, rest


async def _rest(seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()
    except TimeoutError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
