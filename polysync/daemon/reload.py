"""Another configuration while the daemon runs: looked at first, taken whole or not at all."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from polysync.api.auth import Doorkeeper
from polysync.api.reloading import Outcome
from polysync.clock import Clock
from polysync.config.load import uncollected
from polysync.config.seen import Seen
from polysync.daemon.bus import Bus
from polysync.daemon.driver import Driver
from polysync.daemon.files import Files
from polysync.daemon.fresh import Fresh, Holding, prepared
from polysync.daemon.inbox import Denied, Inbox
from polysync.daemon.minutes import DONE
from polysync.daemon.notify import Supervisor
from polysync.domain.effects import EventName, Publish
from polysync.domain.errors import Problem
from polysync.domain.inputs import Configure
from polysync.domain.settings import Configuration
from polysync.domain.values import Role
from polysync.ports import Asker, PortError

MANY: Final = 100_000  # objects: a look at so many holds the loop for some 20 ms
TOLD: Final = 20  # problems that go into the log; `polysync validate` shows all
REST: Final = timedelta(seconds=1)  # at most between two readings: many wishes cost half of a processor, not all of it
REFUSED: Final = "the configuration has errors: the old one stays in force"
NOBODY: Final = Supervisor()
GOES: Final = "the daemon is shutting down"
SIGNAL: Final = Asker("SIGHUP", Role.ADMIN, "signal")  # only root and our own user can send one


@dataclass(slots=True, eq=False)
class _Wish:
    """Somebody wants the configuration read again."""

    dry_run: bool
    asker: Asker | None = None  # none: a signal
    answer: asyncio.Future[Outcome] | None = None


class Reloading:
    """Reads the configuration again whenever anybody wishes it; wishes that come meanwhile share one reading."""

    def __init__(
        self,
        files: Files,
        *,
        driver: Driver,
        inbox: Inbox,
        bus: Bus,
        clock: Clock,
        log: Any,
        admit: Callable[[Doorkeeper], None],
    ) -> None:
        self.files = files
        self._driver = driver
        self._inbox = inbox
        self._bus = bus
        self._clock = clock
        self._log = log
        self._admit = admit
        self._began_with = driver.configuration
        self._loaded_at = clock.read().wall
        self._restart_only: tuple[str, ...] = ()
        self._error: dict[str, Any] | None = None
        self._wishes: list[_Wish] = []
        self._wished = asyncio.Event()
        self._coming: tuple[Fresh, Seen, asyncio.Future[None]] | None = None  # told the driver, not stored yet
        self._open = True

    # ---- what others want of it

    def wish(self) -> None:
        """Read it again, some time soon and not before this moment."""
        self._add(_Wish(dry_run=False))

    async def reload(self, asker: Asker, *, dry_run: bool = False) -> Outcome:
        """Read it again and let it hold; the answer comes once that is durable."""
        if not self._open or self._driver.closing:
            raise PortError(GOES)
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._add(_Wish(dry_run, asker, answer))
        return await answer

    async def look(self) -> None:
        """See whether the files are newer than what holds; errors in files that are as they were are no errors."""
        before = self.files.seen
        if not await self.files.look() and before is self.files.seen and before is not None:
            self._error = None

    def committed(self, configuration: Configuration) -> None:
        """The driver stored that this configuration holds."""
        if self._coming is None or self._coming[0].configuration is not configuration:
            return
        (fresh, seen, done), self._coming = self._coming, None
        self._admit(fresh.doorkeeper)
        self.files.take(seen)
        self._loaded_at, self._error = self._clock.read().wall, None
        self._restart_only = fresh.restart_only
        if not done.done():
            done.set_result(None)

    def troubles(self) -> list[str]:
        """What is not as it should be, in one word each."""
        return ["config_error"] if self._error else []

    def facts(self) -> dict[str, Any]:
        """The configuration that holds, and what a person should know about it."""
        return {
            "path": str(self.files.main),
            "hash": self.files.seen.hash if self.files.seen is not None else None,
            "loaded_at": _instant(self._loaded_at),
            "newer": self.files.newer,
            "restart_only": list(self._restart_only),
            "error": self._error,
        }

    # ---- its life

    async def serve(self, above: Supervisor = NOBODY) -> None:
        """Carry out wishes until nobody is there to; whoever is above is told of each that is for good."""
        try:
            while True:
                await self._wished.wait()
                self._wished.clear()
                began = self._clock.read().monotonic
                await self._told_above(self._taken_over(), above)
                took = self._clock.read().monotonic - began
                await asyncio.sleep(min(took, REST).total_seconds())
                if not self._wishes:
                    await self.files.run_errand()
        finally:
            self._open = False
            _tell(self._taken_over(), PortError(GOES))

    def _add(self, wish: _Wish) -> None:
        self._wishes.append(wish)
        self._wished.set()

    def _taken_over(self) -> list[_Wish]:
        wishes, self._wishes = self._wishes, []
        return wishes

    async def _told_above(self, wishes: list[_Wish], above: Supervisor) -> None:
        if all(wish.dry_run for wish in wishes):
            await self._round(wishes)
            return
        above.tell_reloading(self._clock.read().monotonic)
        await self._round(wishes)
        above.tell(READY="1", STATUS=REFUSED if self._error else f"{len(self._driver.configuration.tasks)} tasks")

    async def _round(self, wishes: list[_Wish]) -> None:
        for_good = any(not wish.dry_run for wish in wishes)
        before = self.files.seen
        try:
            with uncollected():
                outcome = await self._carried_out(for_good=for_good)
                if gc.get_count()[0] > MANY:  # what is new and lives on is not worth a look of the collector
                    gc.freeze()
            if for_good:
                await self._note(wishes, outcome, before.hash if before is not None else None)
        except BaseException:
            _tell(wishes, PortError(GOES))
            raise
        _tell(wishes, outcome)

    async def _carried_out(self, *, for_good: bool) -> Outcome:
        loaded, seen = await self.files.read()
        errors = loaded.errors
        if not errors and seen is None:
            errors = (Problem(str(self.files.main), 0, 0, "is edited again and again while it is read", "try again"),)
        if errors or loaded.config is None or seen is None:
            if for_good:
                self._refuse(errors)
            return Outcome(errors=errors, warnings=loaded.warnings)
        fresh = await asyncio.to_thread(prepared, loaded.config, self._holding(seen), self._clock.read().wall)
        if for_good:
            await self._hold(fresh, seen)
        return Outcome(plan=fresh.plan, warnings=loaded.warnings, zones=fresh.zones, hash=seen.hash)

    def _holding(self, seen: Seen) -> Holding:
        before = self.files.seen
        return Holding(
            before=self._driver.configuration,
            first=self._began_with,
            anchors=self._driver.engine.anchors(),
            filled=seen.filled or before is None or before.filled,
        )

    async def _hold(self, fresh: Fresh, seen: Seen) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._coming = (fresh, seen, done)
        for key in fresh.plan.restart_only:
            self._log.warning("takes effect only when the daemon is started again", changed=key)
        self._inbox.tell(Configure(fresh.configuration))
        await done
        plan = fresh.plan
        told = {"added": plan.added, "removed": plan.removed, "renamed": plan.renamed, "moved": plan.moved}
        counts = {name: len(many) for name, many in told.items() if many}
        changed = len({change.table for change in plan.changed})
        self._log.info("the configuration was read again", **counts, changed=changed)

    def _refuse(self, errors: tuple[Problem, ...]) -> None:
        now = self._clock.read().wall
        self.files.look_soon()
        for problem in errors[:TOLD]:
            self._log.error("wrong in the configuration", problem=str(problem))
        self._log.error(REFUSED, problems=len(errors))
        self._error = {"at": _instant(now), "problems": len(errors), "first": str(errors[0])}
        self._bus.publish(Publish(EventName.CONFIG_ERROR, now, data={"problems": len(errors), "first": str(errors[0])}))

    async def _note(self, wishes: list[_Wish], outcome: Outcome, before: str | None) -> None:
        """Put down in the audit who wanted it, what came of it, and both hashes; several signals are one."""
        detail: dict[str, Any] = {"problems": len(outcome.errors)} if outcome.errors else {"after": outcome.hash}
        told = {**({"before": before} if before is not None else {}), **detail}
        outcome_word = "invalid" if outcome.errors else DONE
        meant = [wish for wish in wishes if not wish.dry_run]
        signals = [SIGNAL] if any(wish.asker is None for wish in meant) else []
        for asker in (*signals, *(wish.asker for wish in meant if wish.asker is not None)):
            row = Denied(asker, "reload", "configuration", told, outcome_word)
            try:
                await self._inbox.note(row)
            except PortError:  # as soon as it can be
                self._inbox.deny(replace(row, stored=None))


def _tell(wishes: list[_Wish], told: Outcome | PortError) -> None:
    for wish in wishes:
        if wish.answer is None or wish.answer.done():
            continue
        if isinstance(told, PortError):
            wish.answer.set_exception(told)
        else:
            wish.answer.set_result(told)


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
