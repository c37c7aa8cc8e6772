"""The adapter of this host: it starts shims, follows them, stops them, and finds them again after a crash."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from polysync import failpoints
from polysync.adapters.local.cgroup import host_cgroups
from polysync.adapters.local.claim import Claim, Found, claim, status_path
from polysync.adapters.local.exits import Traces, exit_of, rebooted
from polysync.adapters.local.folders import find_claim, place_of, remove
from polysync.adapters.local.handles import Mark, handle_of, read_handle, write_handle
from polysync.adapters.local.identity import Identity, boot_id, stat_of
from polysync.adapters.local.leaving import Leaving
from polysync.adapters.local.order import SHIM_SHELL, Orders, working_folder
from polysync.adapters.local.precheck import check_folder, check_shell, refuse_error
from polysync.adapters.local.recovering import MERCY, end_all
from polysync.adapters.local.spawn import Spawn, spawner
from polysync.adapters.local.spread import spread
from polysync.adapters.local.status import Status, read_status
from polysync.adapters.local.tail import Spools
from polysync.adapters.local.threads import Threads
from polysync.adapters.local.usage import Meter
from polysync.adapters.local.waiting import Ending, Waits
from polysync.adapters.local.watch import Watcher
from polysync.clock import Clock, SystemClock
from polysync.domain.outcome import Exit
from polysync.domain.run import Reason
from polysync.home import Home
from polysync.ports import Handle, PortError, Sink, Work

# How long somebody may hold a claim without saying who it is: looks, and seconds between them.
LOOKS: Final = 250
PAUSE: Final = 0.02
YOUTH: Final = 0.1  # seconds
PAST: Final = asyncio.Event()  # what is over before anybody looks
PAST.set()


class Begun(NamedTuple):
    """A shim that was just started."""

    shim: Identity
    pidfd: int


class LocalAdapter:
    """Executes work as processes of this host; `boot`, `spawn` and `patience` are for tests."""

    def __init__(
        self,
        options: Mapping[str, Any] | None = None,
        *,
        home: Home,
        clock: Clock | None = None,
        boot: str | None = None,
        spawn: Spawn | None = None,
        patience: int = LOOKS,
        descriptors: int | None = None,  # the limit of open files that the work gets, where ours is another
    ) -> None:
        self._options = dict(options or {})
        self._clock = clock or SystemClock()
        self._runs = home.runs
        self._patience = patience
        self._boot = boot or boot_id()
        self._spawn = spawn or spawner()
        self._cgroups = host_cgroups()
        self._orders = Orders(home.path, self._cgroups, descriptors=descriptors)
        self._meter = Meter()
        self._threads = Threads()
        self._leaving = Leaving(self._threads, self._remove)
        self._waits = Waits()
        self._watcher = Watcher()
        self._made = False  # the folder of all runs
        self._young: list[tuple[int, Ending]] = []  # started in the last moments
        self._endings: dict[str, Ending] = {}  # by token, until the attempt is forgotten

    async def start(self, attempt: Work) -> Handle:
        """Start a shim, or find the one that was started with this token before."""
        for _ in range(self._patience):
            handle: Handle | None = await self._threads.call(
                partial(self._begin, attempt), partial(self._began, attempt)
            )
            if handle is not None:
                return handle
            await asyncio.sleep(PAUSE)
        words = f"somebody holds the claim on run {attempt.run_id} and does not start it; `fuser` shows who"
        raise PortError(words, reason=Reason.START_FAILED)

    async def find(self, token: str) -> Handle | None:
        """The execution of a token: running, finished or dead; None where its command never ran."""
        for _ in range(self._patience):
            with _border("look for an attempt"):
                found = await self._threads.call(partial(find_claim, self._runs, token))
            if found is None:
                return None
            handle = _adopted(found[0], token, found[1])
            if handle is not None:
                return handle
            await asyncio.sleep(PAUSE)
        raise PortError("somebody holds the claim on an attempt and does not say who it is", reason=Reason.LOST)

    async def follow(self, handle: Handle, sink: Sink) -> Exit:
        """Feed the sink until the shim is gone and all that was written is stored, then tell how it ended."""
        mark = read_handle(handle)
        folder = place_of(self._runs, mark.folder, mark.token)
        with _border(f"follow attempt {mark.folder}"):
            if mark.shim.boot != self._boot:
                return rebooted(await Spools(Path(folder), sink, self._watcher).follow(PAST))
            return await self._follow(mark, folder, sink)

    async def stop(self, handle: Handle, grace: timedelta) -> None:
        """Ask the whole group to end, and end what is left after `grace`; a stranger is never meant."""
        mark = read_handle(handle)
        if mark.shim.boot == self._boot:
            with _border(f"stop attempt {mark.folder}"):
                await end_all(mark, grace, self._cgroups)

    async def check(self) -> None:
        """Prove that a folder for an attempt could be made and that there is a shell for the shim."""
        await self._threads.call(self._check)

    async def forget(self, handle: Handle) -> None:
        """Remove the folder of an attempt."""
        failpoints.hit("local.before_forget")
        mark = read_handle(handle)
        place_of(self._runs, mark.folder, mark.token)
        self._endings.pop(mark.token, None)
        self._meter.end(mark.shim.pid)
        await self._leaving.add(mark)

    def close(self) -> None:
        """Let go of threads and watches; what runs goes on."""
        self._threads.close()
        self._waits.close()
        self._watcher.close()
        self._meter.close()

    async def _follow(self, mark: Mark, folder: str, sink: Sink) -> Exit:
        ending = self._ending(mark)
        told = await Spools(Path(folder), sink, self._watcher).follow(ending.over)
        failpoints.hit("local.before_harvest")
        traces = self._traces(mark, read_status(status_path(folder, mark.token)), ending, late=told.late)
        if traces.code is None:
            await end_all(mark, MERCY, self._cgroups)
            # Whatever outlived the shim may have written until just now.
            told = await Spools(Path(folder), sink, self._watcher).follow(ending.over)
        return exit_of(traces, told)

    def _begin(self, work: Work) -> Begun | Claim:
        """In a thread: claim the attempt and start its shim."""
        failpoints.hit("local.before_claim")
        place = f"{self._runs}/{work.run_id}/{work.number}"
        try:
            self._make_runs()
            taken = claim(place, work.token)
        except OSError as error:
            refuse_error(error, "make the folder of the attempt")
        if taken.descriptor < 0:
            return taken
        try:
            pid = self._start_shim(work, place, taken.descriptor)
        finally:
            os.close(taken.descriptor)
        try:
            return _seen(pid)
        except OSError as error:  # it runs; the next try finds it by its claim
            refuse_error(error, "look at the process that was started")

    def _make_runs(self) -> None:
        if not self._made:
            self._runs.mkdir(0o700, parents=True, exist_ok=True)
            spread(self._runs)
            self._made = True

    def _start_shim(self, work: Work, place: str, descriptor: int) -> int:
        try:
            failpoints.hit("local.after_claim")
            pid = self._spawn(self._orders.order(work, place, descriptor))
        except OSError as error:
            self._give_up(work)
            check_folder(working_folder(work))
            refuse_error(error, "start the process")
        except PortError:
            self._give_up(work)
            raise
        failpoints.hit("local.after_spawn")
        return pid

    def _give_up(self, work: Work) -> None:
        """Nobody will ask to forget an attempt that did not start."""
        with suppress(OSError):
            remove(self._runs, str(work.run_id), str(work.number))

    def _began(self, work: Work, begun: Begun | Claim) -> Handle | None:
        """On the loop, whether anybody still waits or not: the child is ours, and has to be reaped."""
        folder = f"{work.run_id}/{work.number}"
        if isinstance(begun, Claim):
            return _adopted(folder, work.token, begun)
        self._endings[work.token] = self._waits.own(begun.shim.pid, begun.pidfd)
        self._bring_up(begun.shim.pid, self._endings[work.token])
        return write_handle(folder, work.token, begun.shim, work.process.stop_signal.value)

    def _ending(self, mark: Mark) -> Ending:
        ending = self._endings.get(mark.token)
        if ending is None:
            ending = self._endings[mark.token] = self._waits.adopted(mark.shim)
            self._meter.begin(mark.shim.pid)
        return ending

    def _bring_up(self, pid: int, ending: Ending) -> None:
        """Most runs are over before their memory is worth a look, so they are not looked at one by one."""
        if not self._young:
            asyncio.get_running_loop().call_later(YOUTH, self._grow_up)
        self._young.append((pid, ending))

    def _grow_up(self) -> None:
        for pid, ending in self._young:
            if not ending.over.is_set():
                self._meter.begin(pid)
        self._young.clear()

    def _traces(self, mark: Mark, status: Status | None, ending: Ending, *, late: bool) -> Traces:
        group = self._cgroups.find(mark.token)
        peaks = (self._meter.end(mark.shim.pid), group.peak() if group is not None else None)
        return Traces(status, ending.status, ending.cost, peaks, lingered=ending.lingered or late)

    def _remove(self, mark: Mark) -> None:
        group = self._cgroups.find(mark.token)
        if group is not None:
            group.remove()
        try:
            remove(self._runs, mark.run, mark.number)
        except OSError as error:
            raise PortError(f"cannot remove the folder {mark.folder}: {error.strerror}") from error

    def _check(self) -> None:
        check_shell(SHIM_SHELL)
        probe = self._runs / ".check"
        try:
            self._make_runs()
            probe.mkdir(exist_ok=True)
            probe.rmdir()
        except OSError as error:
            refuse_error(error, f"write to {self._runs}")


@contextmanager
def _border(doing: str) -> Iterator[None]:
    """What the host cannot do just now, such as to open one more file, is tried again and is no bug of ours."""
    try:
        yield
    except TimeoutError:
        raise
    except OSError as error:
        raise PortError(f"cannot {doing}: {error.strerror or error}") from error


def _adopted(folder: str, token: str, seen: Claim) -> Handle | None:
    if seen.found is Found.STARTED and seen.status is not None:
        return handle_of(folder, token, seen.status)
    return None


def _seen(pid: int) -> Begun:
    """A child of ours, which keeps its number until it is reaped."""
    stat = stat_of(pid)
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        pidfd = -1  # no descriptor is free, or it was reaped by somebody else: it is asked about instead
    return Begun(Identity(pid, 0 if stat is None else stat.ticks, boot_id()), pidfd)
