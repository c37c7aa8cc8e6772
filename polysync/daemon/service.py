"""The daemon as a whole: every part made, joined, watched, and taken down again."""

from __future__ import annotations

import asyncio
import gc
import os
import traceback
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from polysync import __version__
from polysync.adapters.local.inquiry import end_orphans
from polysync.api.binding import CannotBind
from polysync.daemon.chronicle import chronicle
from polysync.daemon.descriptors import raise_descriptors
from polysync.daemon.heap import Heap, Roof
from polysync.daemon.leftovers import leftovers, remove
from polysync.daemon.logging import capturing, open_log
from polysync.daemon.notify import Supervisor, forget_supervisor, supervisor
from polysync.daemon.opening import Options, check_host, close_home, is_shared, take_home, this_platform
from polysync.daemon.orphans import bury_orphans
from polysync.daemon.parts import Doom, Parts, open_stores
from polysync.daemon.pointer import leave_pointer, remove_pointer
from polysync.daemon.signals import Wishes, listening
from polysync.daemon.watchdog import Question, Watchdog, api_question, scheduler_question
from polysync.domain.run import LIVE
from polysync.domain.values import OnShutdown
from polysync.home import Home
from polysync.ports import PortError

FINE: Final = 0
FAILED: Final = 1
# Everything a run is made of dies young or lives until its end: the defaults look at it a hundred times between.
THRESHOLDS: Final = (10_000, 20, 50)
STDERR: Final = 2


def run(options: Options) -> int:
    """Be the daemon of a home until somebody ends it: the exit status; `CannotStart` where it cannot begin."""
    check_host(this_platform(), os.uname().release)
    lock, warning = take_home(options.home, options.clock)
    daemon = options.configuration.daemon
    log, stream = open_log(STDERR, options.clock, daemon.log_format, daemon.log_level)
    options = replace(options, descriptors=raise_descriptors(), unread=lambda: stream.dropped)
    try:
        with lock:
            close_home(lock.home.path, shared=is_shared(options.configuration))
            if warning:
                log.warning(warning)
            with capturing(log):
                return asyncio.run(serve(options, lock.home, log, last=True))
    except Exception:  # noqa: BLE001 - a crash is told and ends the process; Python's own words could hang in a full pipe
        stream.put(traceback.format_exc())
        return FAILED
    finally:
        stream.close()


async def serve(options: Options, home: Home, log: Any, *, last: bool = False) -> int:
    """Serve a home that is locked already; `last`: it is all that this process does."""
    above = supervisor(os.environ, os.getpid())
    forget_supervisor(os.environ)
    wishes = Wishes()
    try:
        with listening(wishes, last=last):
            log.info("polysync starts", version=__version__, home=str(home.path), config=str(options.config))
            return await _serve(options, home, log, above, wishes)
    except (PortError, CannotBind) as error:
        failure = str(error)
    above.tell(STATUS=f"failed: {failure}")
    log.error("the daemon cannot go on", error=failure)
    return FAILED


async def _serve(options: Options, home: Home, log: Any, above: Supervisor, wishes: Wishes) -> int:
    doom, heap = Doom(), Heap()
    heap.settle()
    async with AsyncExitStack() as stack:
        async with wishes.until_the_end():
            stores = await open_stores(options, home, doom, stack, partial(_tell_trouble, log, above))
            parts = Parts(options, home, stores, log, doom)
            parts.close_with(stack)
            parts.board.finish = wishes.shut
            await parts.driver.start()
            await parts.open_api(stack)
        if wishes.end.is_set():
            log.info("polysync ends before it was ready")
            return FINE
        pointer = leave_pointer(options.config, home.path, os.environ, os.geteuid())
        stack.callback(remove_pointer, pointer, home.path)
        _sweep(parts, home, log)
        for name, coroutine in (
            ("chronicle", chronicle(parts.bus.listen(), log)),
            ("hang-ups", _reload_when_asked(wishes, parts)),
            ("reload", parts.reloading.serve(above)),
            ("listener", parts.listener.run()),
            ("orphans", bury_orphans(os.getpid())),
            ("housekeeping", parts.housekeeping.run()),
            ("heap", Roof(heap).run()),
        ):
            parts.tasks.spawn(coroutine, name)
        stack.callback(_watch(parts, options, log, above).close)
        _settle_memory()
        _ready(parts, log, above)
        parts.tasks.spawn(_run_errands(options), "errands")
        await _until_the_end(parts, wishes, log, above)
    log.info("polysync ended")
    return FINE


def _tell_trouble(log: Any, above: Supervisor, error: PortError) -> None:
    log.warning("waits for the disk before it can begin", trouble=str(error))
    above.tell(STATUS=f"waits: {error}")


async def _run_errands(options: Options) -> None:
    while options.errands:
        await asyncio.to_thread(options.errands.pop())


def _ready(parts: Parts, log: Any, above: Supervisor) -> None:
    tasks = sum(task.enabled for task in parts.driver.configuration.tasks.values())
    running = parts.driver.tally.live
    log.info("polysync is ready", tasks=tasks, running=running, socket=str(parts.socket), pid=os.getpid())
    above.tell(READY="1", MAINPID=str(os.getpid()), STATUS=f"{tasks} tasks, {running} running")


async def _until_the_end(parts: Parts, wishes: Wishes, log: Any, above: Supervisor) -> None:
    """Beat until somebody asks for the end, or something dies; what died is raised."""
    beating = parts.tasks.spawn(parts.driver.run(), "beating")
    asked = parts.tasks.spawn(wishes.end.wait(), "end")
    await asyncio.wait({beating, asked}, return_when=asyncio.FIRST_COMPLETED)
    if not beating.done():
        daemon = parts.driver.configuration.daemon
        how = wishes.how or daemon.on_shutdown
        log.info("polysync ends", tasks=how.value, running=parts.driver.tally.live)
        above.tell(STOPPING="1", STATUS="ending")
        parts.desk.refusals.settle()
        await _close(parts, wishes, stop=how is OnShutdown.STOP, budget=daemon.shutdown_timeout)
    await beating


async def _close(parts: Parts, wishes: Wishes, *, stop: bool, budget: timedelta) -> None:
    """Let the driver come to its end; whoever asks twice does not wait for what still runs."""
    closing = parts.tasks.spawn(parts.driver.close(stop=stop, budget=budget), "closing")
    insisted = parts.tasks.spawn(wishes.now.wait(), "insisting")
    await asyncio.wait({closing, insisted}, return_when=asyncio.FIRST_COMPLETED)
    if not closing.done():
        closing.cancel()
        await asyncio.wait({closing})
        await parts.driver.close(stop=False, budget=timedelta(0))


async def _reload_when_asked(wishes: Wishes, parts: Parts) -> None:
    while True:
        await wishes.reload.wait()
        wishes.reload.clear()
        parts.reloading.wish()


def _watch(parts: Parts, options: Options, log: Any, above: Supervisor) -> Watchdog:
    """Have everything watched that must make progress."""
    driver, stores = parts.driver, parts.stores
    questions: dict[str, Question] = {
        "scheduler": scheduler_question(driver.gauges, parts.inbox, lambda: driver.closing),
        "journal": partial(stores.journal.writer.run, _nothing),
        "log book": partial(stores.logs.work, _nothing),
        "api": api_question(parts.socket),
    }
    watchdog = Watchdog(questions, clock=options.clock, above=above, log=log, gauges=driver.gauges, tasks=parts.tasks)
    watchdog.start()
    return watchdog


def _nothing(_connection: object) -> None:
    """A unit of work without work."""


def _sweep(parts: Parts, home: Home, log: Any) -> None:
    """Clean up beside the work: nobody waits for it."""
    stale = leftovers(home.runs, parts.driver.tally.__contains__, partial(_first_open, parts))
    if stale:
        log.info("removes what finished runs left behind", runs=len(stale))
        parts.tasks.spawn(asyncio.to_thread(remove, stale), "sweep")
    parts.tasks.spawn(asyncio.to_thread(end_orphans, str(home.path)), "orphaned checks")


def _first_open(parts: Parts, run_id: int) -> int:
    """The first attempt of an open run that is not over."""
    run = parts.driver.engine.run(run_id)
    return 0 if run is None else run.attempt + (run.state not in LIVE)


def _settle_memory() -> None:
    """What is here now stays: never look at it again."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    gc.enable()
