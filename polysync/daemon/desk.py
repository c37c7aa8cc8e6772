"""The running daemon, as the API sees it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

from polysync import __version__
from polysync.clock import Clock
from polysync.daemon.bus import Bus
from polysync.daemon.disk import Disk
from polysync.daemon.driver import Driver
from polysync.daemon.feed import Feed
from polysync.daemon.inbox import Denied, Inbox
from polysync.daemon.minutes import DONE
from polysync.daemon.refusals import Refusals
from polysync.domain.admission import Need
from polysync.domain.effects import Answer
from polysync.domain.rows import Run
from polysync.domain.run import LIVE, State
from polysync.domain.values import Role
from polysync.ports import Asker, LogPiece, PortError, Request

AGAIN: Final = timedelta(seconds=5)
FLUSH: Final = 2.0  # seconds: longer than any commit on a disk that is well
NOBODY: Final = Asker("", Role.VIEWER, "")
_QUEUED: Final = frozenset({State.QUEUED, State.RETRYING})


class FrontDesk:
    """Takes requests, and answers from what the driver knows."""

    def __init__(  # noqa: PLR0913 - each is another seam
        self,
        *,
        driver: Driver,
        inbox: Inbox,
        bus: Bus,
        feed: Feed,
        disk: Disk,
        clock: Clock,
        facts: Callable[[], Mapping[str, Any]] = dict,
        troubles: Callable[[], Sequence[str]] = tuple,
        storage: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._driver = driver
        self._inbox = inbox
        self._bus = bus
        self._feed = feed
        self._disk = disk
        self._clock = clock
        self._troubles = troubles  # those that others know of, in one word each
        self._facts = facts  # what only the service knows: configuration, listeners
        self._storage = storage  # how large it is, and what was removed
        self._began = clock.read()
        self._keys = count(1)
        self.refusals = Refusals(inbox.deny, asyncio.get_running_loop().call_later)

    async def ask(self, request: Request, asker: Asker) -> Answer:
        """Carry out a request; the answer comes once it is durable."""
        self._check()
        return await self._inbox.ask(replace(request, key=str(next(self._keys)), actor=asker.name), asker)

    def _check(self) -> None:
        if self._driver.gauges.trouble:
            raise PortError(f"nothing can be stored now: {self._driver.gauges.trouble}", retry_after=AGAIN)
        if self._driver.closing:
            raise PortError("the daemon is shutting down", retry_after=AGAIN)

    def deny(self, asker: Asker, verb: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
        """Put down in the audit that something was refused before it was asked."""
        self.refusals.add(Denied(asker, verb, subject, detail or {}))

    async def note(
        self, asker: Asker, verb: str, subject: str, *, outcome: str = DONE, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Put down in the audit what is no decision of the engine; it is durable when this returns."""
        self._check()
        await self._inbox.note(Denied(asker, verb, subject, detail or {}, outcome))

    async def flush(self) -> None:
        """Wait until everything that was put down so far is durable, or cannot be."""
        if self._driver.gauges.trouble:
            return
        with suppress(PortError, TimeoutError):
            async with asyncio.timeout(FLUSH):
                await self._inbox.note(Denied(NOBODY, "", "", silent=True))

    def live(self, run_id: int) -> Run | None:
        """A run that is not final, as it stands now; None while that is being stored, for it may not come to be."""
        run = None if run_id in self._driver.unsure else self._driver.engine.run(run_id)
        return None if run is None else run.copy()  # whoever asks has others to ask, and the run goes on meanwhile

    def why(self, run_id: int) -> Sequence[Need]:
        """What a run that waits still lacks."""
        return self._driver.engine.why(run_id)

    def log(self, run_id: int, since: Mapping[tuple[int, str], int]) -> AsyncIterator[LogPiece]:
        """Output as it comes, until the run is over and all was told."""
        return self._feed.follow(run_id, since)

    def status(self) -> Mapping[str, Any]:
        """The state of the daemon as JSON data."""
        now, driver, disk = self._clock.read(), self._driver, self._disk
        gauges = driver.gauges
        return {
            "state": self._state(),
            "degraded": self.degraded(),
            "version": __version__,
            "pid": os.getpid(),
            "started_at": _instant(self._began.wall),
            "uptime": (now.boot - self._began.boot).total_seconds(),
            "runs": self._runs(),
            "next": self._next(),
            "disk": {"free": disk.free, "low": disk.low},
            "storage": {
                "trouble": gauges.trouble,
                "logs": gauges.log_trouble,
                "rebuilds": gauges.rebuilds,
                **self._storage(),
            },
            "clock": {"now": _instant(now.wall), "held": gauges.clock_held},
            "loop": {
                "beats": gauges.beats,
                "commits": gauges.commits,
                "waiting": len(self._inbox),
                "lag_ms": _millis(gauges.lag),
                "lateness_ms": _millis(gauges.lateness),
            },
            "watchdog": {"stuck": list(gauges.stuck)},
            "events": self._bus.recent.newest,
            "remembered": driver.engine.sizes(),
            **self._facts(),
        }

    def _state(self) -> str:
        if self._driver.closing:
            return "stopping"
        return "degraded" if self.degraded() else "running"

    def degraded(self) -> list[str]:
        """What is not as it should be, in one word each."""
        gauges = self._driver.gauges
        found = {
            "storage": gauges.trouble,
            "logs": gauges.log_trouble,
            "disk_low": self._disk.low,
            "clock_held": gauges.clock_held,
            "stuck": gauges.stuck,
        }
        return [*(name for name, there in found.items() if there), *self._troubles()]

    def _runs(self) -> dict[str, Any]:
        """How many are under way, wait for room, or wait for something else; and the same by state."""
        states = self._driver.tally.counts()
        running = sum(states.get(state.value, 0) for state in LIVE)
        queued = sum(states.get(state.value, 0) for state in _QUEUED)
        waiting = sum(states.values()) - running - queued
        return {"running": running, "queued": queued, "waiting": waiting, "states": states}

    def _next(self) -> dict[str, Any] | None:
        slots = self._driver.engine.next_slots()
        if not slots:
            return None
        task = min(slots, key=slots.__getitem__)
        return {"task": task, "at": _instant(slots[task])}


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _millis(length: timedelta) -> float:
    return round(length.total_seconds() * 1000, 3)
