"""One daemon, from its start to its end: the real driver, attempts, inbox, bus and desk in a simulated world."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from polysync.daemon.attempt import Attempts
from polysync.daemon.bus import Bus
from polysync.daemon.desk import FrontDesk
from polysync.daemon.disk import Disk
from polysync.daemon.driver import Driver
from polysync.daemon.feed import Feed
from polysync.daemon.inbox import Inbox
from polysync.daemon.sink import RunSink
from polysync.daemon.spawn import Tasks
from polysync.domain.cover import Cover
from polysync.domain.inputs import Configure, Submit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import Reason
from polysync.domain.settings import Configuration
from polysync.domain.values import Role
from polysync.home import Home
from polysync.ports import Asker, PortError, Request, Work
from tests.driver_simulation.loop import Breath, Died, ShuffledLoop
from tests.driver_simulation.places import Remote
from tests.driver_simulation.storage import Journal, open_real
from tests.driver_simulation.world import World

ANNA = Asker("anna", Role.OPERATOR)
LOOK = 1200.0  # seconds between two looks whether all is over


class SlowDisk(Disk):
    """The real watch on the space, which looks rarely: most of a simulated day would be looks at it."""

    def rest(self, *, active: bool) -> timedelta:
        """How long it may take to the next look."""
        return 12 * super().rest(active=active)


class Life:
    """A daemon without its service; what it is made of can be another, as a mutant is."""

    driver_kind = Driver
    launcher_kind = Attempts
    journal_kind = Journal

    def __init__(self, world: World, loop: ShuffledLoop, breath: Breath, kept: list[sqlite3.Connection]) -> None:
        self.world, self.loop, self.breath = world, loop, breath
        self.inbox, self.bus = Inbox(), Bus()
        self.tasks = Tasks(self._fail)
        self.people = Tasks(self._fail)
        self.feed = Feed(world.shelf, lambda run_id: run_id in self.driver.tally)
        storage = world.storage
        disk = SlowDisk(world.home, 10**9, storage, lambda _path: 0 if storage.full else 10**12)
        real = open_real(Home(world.home), world.clock, storage, breath, disk.give_way, kept)
        boot = f"boot-{world.boots}"
        self.remotes = {name: Remote(world.places, name, world.lives, breath) for name in ("local", "cluster")}
        self.launcher = self.launcher_kind(
            prepare=self._prepare,
            cover_for=self._cover,
            adapter_for=lambda _run, attempt: self.remotes[attempt.platform],
            sink_for=self._sink,
            inbox=self.inbox,
            tasks=self.tasks,
            boot_id=boot,
        )
        self.driver = self.driver_kind(
            configuration=world.configuration,
            boot_id=boot,
            home="home",
            journal=self.journal_kind(real, storage, self._stored),
            clock=world.clock,
            inbox=self.inbox,
            bus=self.bus,
            launcher=self.launcher,
            disk=disk,
            on_over=self.feed.over,
        )
        self.desk = FrontDesk(
            driver=self.driver, inbox=self.inbox, bus=self.bus, feed=self.feed, disk=disk, clock=world.clock
        )
        self.begun = False  # the file is open
        self._real = real

    async def serve(self) -> None:
        """Open the file, and beat until something ends it."""
        await self._real.home_word()
        self.world.witness.open(str(self.world.home / "polysync.db"))
        self.world.witness.look()
        self.world.first_at = self.world.first_at or self.world.clock.read().wall
        self.begun = True
        await self.driver.start()
        await self.driver.run()

    async def live(self, end: timedelta, over: Callable[[Life], bool]) -> None:
        """Live through what happens until `end`, in boot time, or until it is `over`, or this daemon is."""
        world = self.world
        daemon = Tasks(lambda _error: None).spawn(self.serve(), "daemon")
        while world.clock.read().boot < end and not daemon.done() and not over(self):
            act = world.next_act()
            if act is not None:
                await act(self)
                continue
            await asyncio.wait((daemon,), timeout=min(world.rest(end), LOOK))
        if daemon.done():
            await self._ended(daemon)

    async def _ended(self, daemon: asyncio.Task[None]) -> None:
        try:
            await daemon
            self.world.saw("a daemon that closed")
        except PortError as error:
            if self.begun and not error.permanent:
                raise  # it is there to get over these
            self.world.saw("a daemon that gave up")

    # ---- what people do

    def ask(self, request: Request) -> None:
        """Ask for something, and go on meanwhile."""
        self.people.spawn(self._ask(request, 0), "ask")

    def submit(self, **keys: Any) -> None:
        """Ask for a run; what is promised is remembered."""
        self.world.asked += 1
        number = self.world.asked
        self.people.spawn(self._ask(Submit(tags={"ask": str(number)}, **keys), number), "submit")

    def configure(self, configuration: Configuration) -> None:
        """Another configuration holds from now on."""
        self.inbox.tell(Configure(configuration))

    async def _ask(self, request: Request, number: int) -> None:
        try:
            answer = await self.desk.ask(request, ANNA)
        except PortError:
            self.world.saw("a request that was not promised")
            return
        self.breath.check()
        if number:
            self.world.told[number] = answer.run_id
            stored = self.world.witness.ask("SELECT count(*) FROM runs WHERE id = ?", answer.run_id)
            assert answer.run_id is None or stored == [(1,)], "a run was promised that is not stored"

    # ---- its parts

    def _stored(self, records: list[Any]) -> None:
        self.breath.check()
        self.world.stored(records)

    def _fail(self, error: BaseException) -> None:
        self.driver.fail(error)

    def _sink(self, run_id: int, number: int, fresh: bool, _masks: object) -> RunSink:
        seams: dict[str, Any] = {"logs": self.world.shelf, "feed": self.feed, "inbox": self.inbox}
        gauges = self.driver.gauges
        return RunSink(run_id, number, clock=self.world.clock, gauges=gauges, fresh=fresh, **seams)

    async def _cover(self, _run: Run, _attempt: Attempt) -> Cover:
        return Cover()

    async def _prepare(self, run: Run, attempt: Attempt) -> Work:
        places = self.world.places
        dice = places.chance("prepare", attempt.token)
        if places.goes_wrong("vault sealed", dice, 0.1):
            raise PortError("the vault is sealed", permanent=dice.random() < 0.5, reason=Reason.SECRET_ERROR)
        return Work(token=attempt.token, run_id=run.id, number=attempt.number, task=run.task, type="shell")


def one_life(
    world: World, end: timedelta, over: Callable[[Life], bool] = lambda _life: False, kind: type[Life] = Life
) -> Life | None:
    """Let a daemon live; None where it was killed.  Whatever it left in memory is gone afterwards."""
    breath, kept = Breath(), list[sqlite3.Connection]()
    loop = ShuffledLoop(world.clock, random.Random(f"{world.seed}/{world.lives}"), breath)
    life: list[Life] = []

    async def whole() -> None:
        life.append(kind(world, loop, breath, kept))
        await life[0].live(end, over)

    killed = False
    try:
        loop.run_until_complete(whole())
    except Died:
        killed = True
    finally:
        complaints = list(loop.complaints)
        loop.bury()
        world.leave(kept)
    assert not complaints, complaints
    return None if killed else life[0]
