"""The life of one attempt: prepare, start or find, follow, tell the end, and forget what was kept for it.

Nothing is decided here.  What the platform says becomes a fact in the inbox; what the platform fails at
becomes an `Exit` that says so, or another try; anything unexpected is a bug and ends the daemon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol

from polysync.daemon.inbox import Inbox
from polysync.daemon.spawn import Tasks
from polysync.domain.cover import Cover, masked_exit
from polysync.domain.inputs import AttemptExited, AttemptStarted
from polysync.domain.masking import Masks
from polysync.domain.outcome import Exit, Usage
from polysync.domain.placement import LOCAL
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import Reason, State
from polysync.ports import Adapter, Handle, NoRoom, PortError, Sink, Work

Prepare = Callable[[Run, Attempt], Awaitable[Work]]
REBOOTED: Final = Exit(reason=Reason.HOST_REBOOTED, error="the host was restarted while this attempt was under way")


class AttemptSink(Sink, Protocol):
    """A sink that knows what it still has to tell."""

    def usage(self, told: Usage | None) -> Usage:
        """What the attempt used by the word of its adapter, and what became of its output."""

    async def finish(self) -> None:
        """Store what was held back, and tell what is still to be told: the end follows."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and how far apart, a platform in trouble is asked again."""

    starts: int = 4  # tries before an attempt that cannot be started ends
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=30)

    def after(self, failures: int, error: PortError) -> float:
        """How many seconds to wait after so many failures in a row; the other side may ask for more."""
        usual = min(self.first * (1 << min(failures - 1, 16)), self.longest)
        return max(usual, error.retry_after or usual).total_seconds()


@dataclass(slots=True, eq=False)
class _Live:
    run: Run
    attempt: Attempt
    fresh: bool  # never started before, so that nothing of it is stored
    handle: Handle | None = None
    cover: Cover | None = None  # of its secrets, once they are known
    adapter: Adapter | None = None  # the same one to its end, whatever becomes of the configuration
    grace: timedelta | None = None  # asked to stop, with this much time
    waiting: asyncio.Timeout | None = None  # what a request to stop cuts short
    over: bool = False  # its end was told
    settled: asyncio.Future[None] | None = None  # its end is stored


class Attempts:
    """Every attempt under way, by run and number."""

    def __init__(  # noqa: PLR0913 - each is another seam
        self,
        *,
        prepare: Prepare,
        cover_for: Callable[[Run, Attempt], Awaitable[Cover]],
        adapter_for: Callable[[Run, Attempt], Adapter],
        sink_for: Callable[[int, int, bool, Masks | None], AttemptSink],
        inbox: Inbox,
        tasks: Tasks,
        boot_id: str,
        patience: Patience = Patience(),
        host_bound: Callable[[str], bool] = LOCAL.__eq__,
    ) -> None:
        self._prepare = prepare
        self._cover_for = cover_for
        self._adapter_for = adapter_for
        self._sink_for = sink_for
        self._inbox = inbox
        self._tasks = tasks
        self._boot_id = boot_id
        self._patience = patience
        self._host_bound = host_bound
        self._live: dict[tuple[int, int], _Live] = {}

    def __len__(self) -> int:
        return len(self._live)

    def start(self, run: Run, attempt: Attempt) -> None:
        """Start an attempt that was never started."""
        self._take_up(run, attempt, self._begin)

    def attach(self, run: Run, attempt: Attempt) -> None:
        """Find an attempt again, or start it if it never was; one that is followed already stays followed."""
        if (run.id, attempt.number) not in self._live:
            self._take_up(run, attempt, self._find_again)

    def stop(self, run_id: int, number: int, grace: timedelta) -> None:
        """Ask an attempt to end; one that is just starting is stopped as soon as there is something to stop."""
        live = self._live.get((run_id, number))
        if live is None:
            self._inbox.tell(AttemptExited(run_id, number, Exit()))
        elif live.grace is None and not live.over:
            live.grace = grace
            if live.handle is not None:
                self._spawn_stop(live, live.handle, grace)
            elif live.waiting is not None:
                live.waiting.reschedule(0)

    def settled(self, run_id: int, number: int) -> None:
        """The end of an attempt is stored: what was kept for it may go."""
        live = self._live.get((run_id, number))
        if live is not None and live.settled is not None and not live.settled.done():
            live.settled.set_result(None)

    def _take_up(self, run: Run, attempt: Attempt, begin: Callable[[_Live], Awaitable[Handle | Exit]]) -> None:
        live = self._live[run.id, attempt.number] = _Live(run, attempt, fresh=begin == self._begin)
        self._tasks.spawn(self._run(live, begin), f"attempt {run.id}/{attempt.number}")

    async def _run(self, live: _Live, begin: Callable[[_Live], Awaitable[Handle | Exit]]) -> None:
        number, name = live.attempt.number, live.run.id
        begun = await begin(live)
        told = begun if isinstance(begun, Exit) else await self._follow(live, begun)
        live.over, live.settled = True, asyncio.get_running_loop().create_future()
        self._inbox.tell(AttemptExited(name, number, masked_exit(told, live.cover or Cover())))
        await live.settled
        if live.handle is not None:
            await self._forget(live, live.handle)
        del self._live[name, number]

    # ---- the beginning

    async def _begin(self, live: _Live) -> Handle | Exit:
        """Start the attempt, trying again while the trouble may pass."""
        failures, lacks, unsure = 0, 0, False
        while True:
            sent = False
            try:
                work = await self._prepared(live)
                if work is None:
                    return await self._not_started(live, Exit(), unsure=unsure)
                live.cover = work.cover if live.cover is None else live.cover.join(work.cover)
                adapter, sent = self._adapter(live), True
                return await adapter.start(work)
            except NoRoom as error:  # as with `disk_low`, it waits until there is room again
                lacks += 1
                if not await self._pause(live, lacks, error):
                    return await self._not_started(live, Exit(), unsure=unsure)
            except PortError as error:
                failures += 1
                unsure = unsure or (sent and not error.permanent)
                hopeless = error.permanent or failures >= self._patience.starts
                if hopeless or not await self._pause(live, failures, error):
                    failed = Exit(reason=error.reason or Reason.START_FAILED, error=str(error))
                    return await self._not_started(live, failed, unsure=unsure)

    async def _prepared(self, live: _Live) -> Work | None:
        """What the adapter gets; None where somebody asked to stop before that."""
        try:
            async with asyncio.timeout(None) as live.waiting:
                work = await self._prepare(live.run, live.attempt)
        except TimeoutError:
            if live.grace is None:
                raise  # not ours
            return None
        finally:
            live.waiting = None
        return work if live.grace is None else None

    async def _not_started(self, live: _Live, ended: Exit, *, unsure: bool) -> Handle | Exit:
        """Nothing was started, as far as is known; where an answer may have been lost, look once more."""
        failures = 0
        while unsure:
            try:
                found = await self._adapter(live).find(live.attempt.token)
            except PortError as error:
                failures += 1
                if error.permanent or failures >= self._patience.starts:
                    return replace(ended, uncertain=True)
                await asyncio.sleep(self._patience.after(failures, error))
            else:
                return ended if found is None else found
        return ended

    async def _find_again(self, live: _Live) -> Handle | Exit:
        """What became of an attempt that was under way when the daemon went."""
        attempt = live.attempt
        if attempt.boot != self._boot_id and self._host_bound(attempt.platform):
            return await self._last_words(live)
        handle = attempt.handle
        failures = 0
        while handle is None:
            try:
                handle = await self._adapter(live).find(attempt.token)
                break
            except PortError as error:
                if error.permanent:
                    return Exit(reason=Reason.LOST, error=str(error), uncertain=True)
                failures += 1
                await asyncio.sleep(self._patience.after(failures, error))
        if handle is not None:
            return handle
        return Exit() if live.run.state is State.STOPPING else await self._begin(live)

    async def _last_words(self, live: _Live) -> Exit:
        """Nothing of it runs any more, but what it wrote while no daemon was there is not stored yet."""
        handle = live.handle = live.attempt.handle
        if handle is None:
            return REBOOTED
        told = await self._follow_to_the_end(live, handle)
        return replace(told, reason=REBOOTED.reason, error=REBOOTED.error, code=None, signal=None, status=None)

    async def _pause(self, live: _Live, failures: int, error: PortError) -> bool:
        """Wait before another try; False where somebody asks to stop meanwhile."""
        if live.grace is not None:
            return False
        try:
            async with asyncio.timeout(None) as live.waiting:
                await asyncio.sleep(self._patience.after(failures, error))
        except TimeoutError:
            return False
        finally:
            live.waiting = None
        return True

    # ---- the way

    async def _follow(self, live: _Live, handle: Handle) -> Exit:
        """Follow until the end, attaching again as often as the platform loses us."""
        run_id, number = live.run.id, live.attempt.number
        live.handle = handle
        self._inbox.tell(AttemptStarted(run_id, number, handle))
        if live.grace is not None:
            self._spawn_stop(live, handle, live.grace)
        return await self._follow_to_the_end(live, handle)

    async def _follow_to_the_end(self, live: _Live, handle: Handle) -> Exit:
        cover = live.cover or await self._find_cover(live)
        sink = self._sink_for(live.run.id, live.attempt.number, live.fresh, cover.known)
        failures = 0
        while (told := await self._follow_once(live, handle, sink, failures)) is None:
            failures += 1
        await sink.finish()
        return replace(told, usage=sink.usage(told.usage))

    async def _find_cover(self, live: _Live) -> Cover:
        """The secrets of an attempt that was started before; nothing of it is stored while they are not known.

        What it puts out waits in its spool for as long as the trouble may pass and nobody asks it to stop.
        """
        failures = 0
        while live.cover is None:
            try:
                live.cover = await self._cover_for(live.run, live.attempt)
            except PortError as error:
                failures += 1
                if error.permanent or (live.grace is not None and failures >= self._patience.starts):
                    live.cover = Cover(withheld=f"its secrets could not be fetched again: {error}")
                else:
                    await asyncio.sleep(self._patience.after(failures, error))
        return live.cover

    async def _follow_once(self, live: _Live, handle: Handle, sink: AttemptSink, failures: int) -> Exit | None:
        try:
            return await self._adapter(live).follow(handle, sink)
        except PortError as error:
            if error.permanent:  # it may well go on out there: no second one is started by guess
                return Exit(reason=error.reason or Reason.LOST, error=str(error), uncertain=error.reason is None)
            await asyncio.sleep(self._patience.after(failures + 1, error))
            return None

    def _adapter(self, live: _Live) -> Adapter:
        if live.adapter is None:
            live.adapter = self._adapter_for(live.run, live.attempt)
        return live.adapter

    def _spawn_stop(self, live: _Live, handle: Handle, grace: timedelta) -> None:
        name = f"stop {live.run.id}/{live.attempt.number}"
        self._tasks.spawn(self._stop(live, handle, grace), name)

    async def _stop(self, live: _Live, handle: Handle, grace: timedelta) -> None:
        failures = 0
        while not live.over:
            try:
                await self._adapter(live).stop(handle, grace)
                break
            except PortError as error:  # not even a permanent one leaves a run that was to stop alone
                failures += 1
                await asyncio.sleep(self._patience.after(failures, error))

    async def _forget(self, live: _Live, handle: Handle) -> None:
        for failures in range(1, self._patience.starts):
            try:
                await self._adapter(live).forget(handle)
                break
            except PortError as error:
                if error.permanent:
                    break  # what is left over there harms nobody; the next start of the daemon looks again
                await asyncio.sleep(self._patience.after(failures, error))
