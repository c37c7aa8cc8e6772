"""The only loop: take what was told, decide, commit, act, publish; then again.

Journal before effect, effect before broadcast.  The engine's memory is a projection of stored rows: when
a commit fails, it is thrown away and built anew, those who asked are told that nothing was promised, and
the facts that were lost with it are told again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from polysync.clock import Clock
from polysync.daemon.beat import STANDING, audit_of, input_of, lost_with, refuse, split, stored, unheard
from polysync.daemon.bus import Bus
from polysync.daemon.gauges import Gauges
from polysync.daemon.haste import Haste
from polysync.daemon.inbox import Asked, Inbox, Told
from polysync.daemon.seams import Launcher, Meter, Minutes, Settled, Space
from polysync.daemon.spawn import Tasks
from polysync.daemon.tally import NOBODY, Tally, runs_of
from polysync.daemon.witness import Witness
from polysync.domain.effects import Action, Answer, AttachAttempt, Effect, StartAttempt, StopAttempt, TakeStock
from polysync.domain.engine import Engine
from polysync.domain.inputs import (
    AttemptExited,
    Configure,
    ConfirmClock,
    Input,
    SetDiskLow,
    Shutdown,
    Start,
    Taken,
    Tick,
)
from polysync.domain.settings import Configuration
from polysync.domain.slices import Gap
from polysync.domain.values import Reading
from polysync.failpoints import hit
from polysync.ports import PortError
from polysync.store.errors import StorageFull

SLICE: Final = 16  # actions between two turns of the loop: each may start a process
MANY: Final = 4  # told at once: more is on its way, and one commit for all of it costs less than one for each
PACE: Final = 0.01  # seconds in which it may come
FIRST_RETRY: Final = timedelta(milliseconds=100)  # after a failed commit
LAST_RETRY: Final = timedelta(seconds=5)
FLUSH: Final = timedelta(seconds=5)  # for what was told at the very end


class Driver:
    """Owns the engine, and is the only one to tell it anything."""

    def __init__(  # noqa: PLR0913 - each is another seam
        self,
        *,
        configuration: Configuration,
        boot_id: str,
        home: str,
        journal: Minutes,
        clock: Clock,
        inbox: Inbox,
        bus: Bus,
        launcher: Launcher,
        disk: Space,
        on_over: Callable[[int], None] = lambda _run_id: None,
        on_configured: Callable[[Configuration], None] = lambda _configuration: None,
        on_settled: Settled = lambda _records, _actions, _configuration: None,
        meter: Meter = lambda _records, _over: None,
    ) -> None:
        self.engine = Engine()
        self.unsure = NOBODY  # runs of which the engine knows more than is stored
        self.configuration = configuration  # that the journal's decisions were made under
        self.tally = Tally()
        self.gauges = Gauges()
        self.closing = False
        self._boot_id = boot_id
        self._home = home
        self._journal = journal
        self._clock = clock
        self._inbox = inbox
        self._bus = bus
        self._launcher = launcher
        self._disk = disk
        self._on_over = on_over
        self._on_configured = on_configured  # once it is stored that a configuration holds, and before anything acts
        self._on_settled = on_settled
        self._meter = meter
        self._tasks = Tasks(self.fail)
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settled: Reading | None = None  # the newest reading whose decisions are stored
        self._gap: Gap | None = None  # what the engine said of it
        self._standing: dict[type[Input], Input] = {}  # what a new engine has to be told again
        self._lost: list[Input] = []  # facts whose commit failed
        self._beaten = asyncio.Event()
        self._quit = False
        self._haste = Haste()

    # ---- its life

    async def start(self) -> None:
        """Take up what the journal knows; a disk that is full or busy is waited for."""
        await self._begin_again(timedelta(0))

    async def run(self) -> None:
        """Beat until somebody closes or something fails, which is raised."""
        self._tasks.spawn(self._beat_on(), "driver")
        try:
            await self._ended
        finally:
            await self._tasks.close()

    def fail(self, error: BaseException) -> None:
        """Something went wrong that must not: the daemon ends, and says so."""
        self._beaten.set()
        if not self._ended.done():
            self._ended.set_exception(error)

    async def close(self, *, stop: bool, budget: timedelta) -> None:
        """Start nothing more, wait until what must stop has stopped, and store what was still told."""
        self.closing = True
        self._inbox.tell(Shutdown(stop=stop))
        try:
            async with asyncio.timeout(budget.total_seconds()):
                while stop and not self._ended.done() and (self.tally.live or len(self._inbox)):
                    self._beaten.clear()
                    await self._beaten.wait()
        except TimeoutError:
            pass  # what would not stop in time is found again at the next start
        self._quit = True
        self._inbox.wake()
        await asyncio.wait((self._ended,), timeout=FLUSH.total_seconds())
        if not self._ended.done():  # the journal cannot store anything: as in a crash, nothing depends on it
            self._ended.set_result(None)

    async def _beat_on(self) -> None:
        while not (self._quit and not len(self._inbox)):
            batch = await self._next()
            await self._beat(batch)
            await self._turn()
            if len(batch) >= MANY and not self._quit and self.engine.due_in() != timedelta(0):
                await asyncio.sleep(PACE)
        if not self._ended.done():
            self._ended.set_result(None)

    async def _next(self) -> Sequence[Told]:
        """What to decide about next: while a burst is not yet decided, mostly nothing but the passing of time."""
        bursting = self.engine.due_in() == timedelta(0) and not self._quit
        asked, waiting = self._inbox.asked, len(self._inbox)
        if self._haste.blind(self._clock.read().monotonic, bursting=bursting, asked=asked, waiting=waiting):
            return ()
        return await self._inbox.take(self._rest())

    def _rest(self) -> timedelta:
        if self._quit:
            return timedelta(0)
        return min(self.engine.sleep(), self._disk.rest(active=self.tally.live > 0))

    async def _turn(self) -> None:
        """Let everybody else have the loop once, and see how long that takes."""
        before = self._clock.read().monotonic
        await asyncio.sleep(0)
        self.gauges.turned(self._clock.read().monotonic - before)

    # ---- one beat

    async def _beat(self, batch: Sequence[Told]) -> None:
        now = self._clock.read()
        inputs = [one for told in batch if (one := input_of(told)) is not None]
        space = self._disk.look(now.monotonic, active=self.tally.live > 0)
        if space is not None:
            inputs.append(space)
        self._note(inputs)
        witness = Witness(batch, self.engine)
        effects = self.engine.handle_all(inputs or (Tick(),), now)
        self.gauges.turned(self._clock.read().monotonic - now.monotonic)
        try:
            await self._settle(now, inputs, effects, batch, witness)
        except PortError as error:
            if error.permanent:
                refuse(batch, error)
                raise
            await self._recover(batch, error)

    async def _settle(
        self,
        now: Reading,
        inputs: Sequence[Input],
        effects: Sequence[Effect],
        batch: Sequence[Told] = (),
        witness: Witness | None = None,
    ) -> None:
        """Make it durable, then do it, then tell it."""
        records, actions, events = split(effects)
        if witness is not None and any(isinstance(told, Asked) for told in batch):
            witness.saw(records)
        audit = audit_of(batch, actions, now.wall, witness)
        if records or audit:
            self.unsure = runs_of(records)
            try:
                await self._journal.commit(records, audit)
            finally:
                self.unsure = NOBODY
            self.gauges.commits += 1
        self.gauges.beats += 1
        self._settled, self._gap = now, self.engine.gap
        self._lost = []
        self.gauges.decided(records, now.wall)
        self.gauges.looked(now.wall, confirmed=any(isinstance(told, ConfirmClock) for told in inputs))
        over = self.tally.add(records)
        self._meter(records, self.engine.over)
        stored(batch)
        for told in inputs:
            self._committed(told)
        if effects:
            hit("driver.before_actions")
        await self._act_all(actions, {told.request.key: told for told in batch if isinstance(told, Asked)})
        if effects:
            hit("driver.after_actions")
        self._on_settled(records, actions, self.configuration)
        for event in events:
            self._bus.publish(event)
        for run_id in over:
            self._on_over(run_id)
        self._beaten.set()

    def _committed(self, told: Input) -> None:
        if isinstance(told, AttemptExited):
            self._launcher.settled(told.run_id, told.attempt)
        elif isinstance(told, Configure):
            self.configuration = told.configuration
            self._on_configured(told.configuration)

    def _note(self, inputs: Iterable[Input]) -> None:
        for told in inputs:
            if isinstance(told, STANDING):
                self._standing[type(told)] = told

    # ---- actions

    async def _act_all(self, actions: Sequence[Action], asked: dict[str, Asked]) -> None:
        for count, action in enumerate(actions, start=1):
            self._act(action, asked)
            if count % SLICE == 0:
                await self._turn()
        if asked:
            raise RuntimeError(f"the engine left requests without an answer: {sorted(asked)}")

    def _act(self, action: Action, asked: dict[str, Asked]) -> None:
        match action:
            case StartAttempt(run, attempt):
                self._launcher.start(run, attempt)
            case AttachAttempt(run, attempt):
                self._launcher.attach(run, attempt)
            case StopAttempt(run_id, number, grace):
                self._launcher.stop(run_id, number, grace)
            case TakeStock():
                self._tasks.spawn(self._take_stock(action), "take stock")
            case Answer(key):
                told = asked.pop(key, None)
                if told is not None and not told.answer.done():  # whoever asked may have left
                    told.answer.set_result(action)

    async def _take_stock(self, asked: TakeStock) -> None:
        delay = FIRST_RETRY
        while (slots := await self._try_to_count(asked)) is None:
            await asyncio.sleep(delay.total_seconds())
            delay = min(2 * delay, LAST_RETRY)
        self._inbox.tell(Taken(asked.since, slots))

    async def _try_to_count(self, asked: TakeStock) -> Mapping[str, frozenset[datetime]] | None:
        try:
            return await self._journal.taken_after(asked.since)
        except PortError as error:
            if error.permanent:
                raise
            return None

    # ---- when a commit fails

    async def _recover(self, batch: Sequence[Told], error: PortError) -> None:
        """Throw the engine's memory away and build it anew; nothing that was asked has been promised."""
        self.engine = Engine()
        refuse(batch, error)
        self._lost = lost_with(batch)
        for denied in unheard(batch):
            self._inbox.deny(denied)
        self._struck(error)
        await self._begin_again(FIRST_RETRY)

    def _struck(self, error: PortError) -> None:
        self.gauges.trouble = str(error)
        if isinstance(error, StorageFull):
            self._disk.give_way()
            self._standing[SetDiskLow] = SetDiskLow(low=True)

    async def _begin_again(self, delay: timedelta) -> None:
        while True:
            await asyncio.sleep(delay.total_seconds())
            try:
                await self._begin()
            except PortError as error:
                if error.permanent:
                    raise
                self._struck(error)
                delay = min(max(2 * delay, FIRST_RETRY), LAST_RETRY)
            else:
                self.gauges.trouble = ""
                return

    async def _begin(self) -> None:
        """A new engine on what is stored, told at once whatever the journal does not know."""
        since = self._settled
        self.gauges.rebuilds += since is not None
        snapshot = await self._journal.snapshot()
        snapshot.taken = await self._journal.taken_after((since or self._clock.read()).wall)
        hit("start.after_snapshot")
        self.gauges.clock(snapshot.last_seen_at, (since or self._clock.read()).wall)
        self.tally.begin(snapshot.runs.values())
        self.engine = Engine()
        now = self._clock.read()
        start = Start(self.configuration, snapshot, self._boot_id, self._home, since=since, gap=self._gap)
        inputs = (*self._standing.values(), *self._lost)
        effects = self.engine.handle_all((start, *inputs), now)
        try:
            await self._settle(now, inputs, effects)
        except PortError:
            self.engine = Engine()
            raise
