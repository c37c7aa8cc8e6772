"""Keeping the home in order: clean-ups when they are due or asked for, and write-ahead logs that must not grow.

It looks around every few seconds, at the price of a few calls of the kernel.  A clean-up is due after every
`cleanup_every`, some time after the start, when other settings hold, when output outgrew `max_size`, and when the
disk is short of space.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from polysync.clock import Clock
from polysync.daemon.account import Account
from polysync.daemon.disk import Disk
from polysync.daemon.pruner import Order, Pruner
from polysync.daemon.spawn import Tasks
from polysync.daemon.wal import Wal
from polysync.domain.retention import Trust
from polysync.domain.settings import Configuration
from polysync.ports import Asker, PortError
from polysync.store.rows import AuditEntry
from polysync.store.upkeep import size_of

LOOK: Final = timedelta(seconds=5)
# A clock that was wrong at the start is mostly corrected by then: with a wrong one, everything looks old.
FIRST: Final = timedelta(minutes=2)
AGAIN: Final = timedelta(minutes=1)  # to the next clean-up where the one before could not make enough room
Minutes = Callable[[AuditEntry], Any]


@dataclass(slots=True)
class Tidied:
    """What was removed since the daemon is there."""

    runs: int = 0
    bytes: int = 0
    why: Counter[str] = field(default_factory=Counter)
    passes: int = 0
    failures: int = 0
    at: datetime | None = None  # of the last clean-up

    def add(self, account: Account, at: datetime) -> None:
        """Count a clean-up."""
        total = account.total
        self.runs += total.runs
        self.bytes += total.bytes + account.strays
        self.why += total.why
        self.passes += 1
        self.at = at


class Housekeeping:
    """Looks after one home."""

    def __init__(  # noqa: PLR0913 - each is another seam
        self,
        pruner: Pruner,
        *,
        disk: Disk,
        wals: Mapping[str, Wal],
        clock: Clock,
        configuration: Callable[[], Configuration],
        minutes: Minutes,
        tasks: Tasks,
        log: Any,
        first: timedelta = FIRST,
    ) -> None:
        self._pruner = pruner
        self._disk = disk
        self._wals = wals
        self._clock = clock
        self._configuration = configuration
        self._minutes = minutes  # has the audit kept
        self._tasks = tasks
        self._log = log
        self._one_at_a_time = asyncio.Lock()
        self._seen = configuration()
        self._trust = Trust(clock.read())
        self._due = clock.read().monotonic + min(first, self._seen.storage.cleanup_every)
        self._again = timedelta(0)  # not before this for want of room
        self.tidied = Tidied()

    async def run(self) -> None:
        """Look after it until cancelled."""
        while True:
            now = self._clock.read().monotonic
            await asyncio.sleep(min(LOOK, max(self._due - now, timedelta(0))).total_seconds())
            await self.look()

    async def look(self) -> None:
        """Do what is due, if anything is; what the disk does not allow now is tried again."""
        try:
            for wal in self._wals.values():
                await wal.look()
            if (why := self._why()) is not None:
                await self._clean_up(why)
        except PortError as error:
            if error.permanent:
                raise
            self.tidied.failures += 1
            self._put_off()
            self._log.warning("could not clean up", trouble=str(error))

    async def prune(self, asker: Asker, *, dry_run: bool) -> Mapping[str, Any]:
        """Clean up at once, or say what would go; whoever stops waiting does not stop it."""
        asked = self._tasks.spawn(self._asked(asker, dry_run=dry_run), "prune")
        await asyncio.wait((asked,))
        found = asked.result()
        if isinstance(found, PortError):
            raise found
        return {"dry_run": dry_run, **found.to_data()}

    def facts(self) -> Mapping[str, Any]:
        """What `status` shows of the storage."""
        now, tidied = self._clock.read().monotonic, self.tidied
        readers = [since for wal in self._wals.values() if (since := wal.held_since) is not None]
        sizes = {}
        for name, wal in self._wals.items():
            sizes[f"{name}_bytes"] = size_of(wal.database)
            sizes["wal_bytes" if name == "database" else f"{name}_wal_bytes"] = wal.size
        return {
            "free": self._disk.free,
            "low": self._disk.low,
            **sizes,
            "reserve": self._disk.reserve_held,
            "oldest_reader_s": (now - min(readers)).total_seconds() if readers else 0.0,
            "pruned": {
                "runs": tidied.runs,
                "bytes": tidied.bytes,
                "why": dict(tidied.why),
                "passes": tidied.passes,
                "failures": tidied.failures,
            },
            "last_prune_at": tidied.at and tidied.at.isoformat().replace("+00:00", "Z"),
        }

    def _why(self) -> str | None:
        """What a clean-up is due for."""
        now, holds = self._clock.read().monotonic, self._configuration()
        if holds is not self._seen:
            self._disk.configure(holds.storage.min_free_space)
            self._seen = holds
            return "other settings hold"
        if now >= self._due:
            return "it is time"
        if now < self._again:
            return None
        if self._disk.low:
            return "the disk is almost full"
        return "stored output is too large" if self._large(holds) else None

    def _large(self, holds: Configuration) -> bool:
        return size_of(self._wals["logs"].database) > holds.storage.max_size

    async def _asked(self, asker: Asker, *, dry_run: bool) -> Account | PortError:
        try:
            account = await self._clean_up(f"asked for by {asker.name}", dry_run=dry_run)
            if not dry_run:
                await self._minutes(_entry(asker, account, self._clock.read().wall))
        except PortError as error:
            if error.permanent:
                raise
            return error
        return account

    async def _clean_up(self, why: str, *, dry_run: bool = False) -> Account:
        async with self._one_at_a_time:
            holds, now = self._configuration(), self._clock.read()
            order = Order(
                configuration=holds, now=self._trust.now(now), free=self._disk.free_now, low=self._disk.low, dry=dry_run
            )
            account = await self._pruner.clean_up(order)
            if not dry_run:
                self._done(why, account, now.wall)
            return account

    def _done(self, why: str, account: Account, at: datetime) -> None:
        self.tidied.add(account, at)
        self._due = self._clock.read().monotonic + self._configuration().storage.cleanup_every
        self._put_off()
        total = account.total
        if total.runs or account.strays:
            told = dict(total.why) | ({"bytes of strays": account.strays} if account.strays else {})
            self._log.info("removed old runs", because=why, runs=total.runs, bytes=total.bytes, gone_by=told)

    def _put_off(self) -> None:
        self._again = self._clock.read().monotonic + AGAIN


def _entry(asker: Asker, account: Account, at: datetime) -> AuditEntry:
    total = account.total
    return AuditEntry(
        at=at,
        actor=asker.name,
        role=asker.role.value,
        channel=asker.channel,
        verb="prune",
        subject="storage",
        outcome="done",
        detail={"runs": total.runs, "bytes": total.bytes},
    )
