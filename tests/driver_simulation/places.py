"""Where work is executed: it goes on whoever dies, and whoever asks for it may get no answer, a late or a wrong one."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from polysync.domain.outcome import Exit
from polysync.domain.run import Reason
from polysync.domain.values import Outcome
from polysync.ports import Handle, PortError, Sink, Work
from polysync.testing import SimClock
from tests.daemon.virtual import passing
from tests.driver_simulation.loop import Breath

SECOND = timedelta(seconds=1)
EXITS = (
    Exit(code=0),
    Exit(code=1, error="no route to host"),
    Exit(code=75),
    Exit(status=Outcome.FATAL, error="no such table"),
    Exit(status=Outcome.SKIPPED),
    Exit(reason=Reason.LOST),
    Exit(code=137, signal="KILL"),
    Exit(reason=Reason.LOG_FULL),
    Exit(code=1, retry_after=timedelta(minutes=7)),
)
WEIGHTS = (20, 4, 2, 1, 1, 1, 1, 1, 1)


@dataclass(eq=False)
class Execution:
    """One execution out there."""

    token: str
    run_id: int
    number: int
    place: str
    life: int  # of the daemon that started it
    ends_at: timedelta  # in boot time
    exit: Exit
    output: bytes
    told: int = 0  # times that somebody followed it to its end
    stopped: bool = False
    vanished: bool = False  # with its host


@dataclass
class Places:
    """Everything that is executed anywhere, by token."""

    seed: int
    clock: SimClock
    saw: Callable[[str], None]
    launching: Callable[[Execution], None]  # asked before an execution exists: may it?
    faulty: frozenset[str] = frozenset()  # what goes wrong in this seed
    executions: dict[str, Execution] = field(default_factory=dict)
    doubtful: set[int] = field(default_factory=set)  # runs of which nobody could say whether they run
    calm: bool = False
    fuse: int | None = None  # calls until death
    _calls: Counter[tuple[str, str]] = field(default_factory=Counter)

    def running(self) -> list[Execution]:
        """What goes on now."""
        now = self.clock.read().boot
        return [execution for execution in self.executions.values() if execution.ends_at > now]

    def chance(self, what: str, token: str) -> random.Random:
        """The dice of one call: they do not depend on who else calls."""
        self._calls[what, token] += 1
        return random.Random(f"{self.seed}/{what}/{token}/{self._calls[what, token]}")

    def goes_wrong(self, what: str, dice: random.Random, odds: float = 0.2) -> bool:
        """Whether a kind of trouble of this seed strikes."""
        if self.calm or what not in self.faulty or dice.random() >= odds:
            return False
        self.saw(what)
        return True

    def launch(self, work: Work, place: str, life: int) -> Execution:
        """Begin an execution."""
        dice = random.Random(f"{self.seed}/{work.run_id}/{work.number}")
        length = SECOND * dice.choice([1, 40, 300, 1500, 9000])
        exit_ = dice.choices(EXITS, WEIGHTS)[0]
        output = b"".join(b"%d/%d %d\n" % (work.run_id, work.number, line) for line in range(dice.randrange(40)))
        ends_at = self.clock.read().boot + (SECOND if self.calm else length)
        made = Execution(work.token, work.run_id, work.number, place, life, ends_at, exit_, output)
        self.launching(made)
        self.executions[work.token] = made
        return made

    def reboot(self) -> None:
        """The host goes down, and everything on it."""
        now = self.clock.read().boot
        for execution in self.executions.values():
            if execution.place == "local" and not execution.told:  # what is over is not looked at any more either
                execution.ends_at, execution.vanished = min(now, execution.ends_at), True

    def soothe(self) -> None:
        """No troubles from now on, and nothing lasts long."""
        self.calm, self.fuse = True, None
        for execution in self.running():
            execution.ends_at = min(execution.ends_at, self.clock.read().boot + 60 * SECOND)


class Remote:
    """The adapter of one place, in one life of the daemon."""

    def __init__(self, places: Places, name: str, life: int, breath: Breath) -> None:
        self._places = places
        self._name = name
        self._life = life
        self._breath = breath
        self._changed: dict[str, asyncio.Event] = {}

    def poke(self) -> None:
        """The clocks jumped, or something ended: look again."""
        for event in self._changed.values():
            event.set()

    async def start(self, attempt: Work) -> Handle:
        """Start the execution of a token, or find it."""
        dice = await self._call("start", attempt.token)
        if self._places.goes_wrong("start refused for good", dice, 0.05):
            raise PortError("no such queue", permanent=True)
        if self._places.goes_wrong("start refused", dice):
            raise PortError("come back later", retry_after=timedelta(seconds=dice.choice([1, 60])))
        found = self._places.executions.get(attempt.token)
        if found is None:
            found = self._places.launch(attempt, self._name, self._life)
        else:
            self._places.saw("started twice with one token")
        await self._answer("start", dice)
        return {"token": found.token}

    async def find(self, token: str) -> Handle | None:
        """The execution of a token, if there is one."""
        dice = await self._call("find", token)
        if self._places.goes_wrong("find refused for good", dice, 0.1):
            self._doubt(token)
            raise PortError("no right to look", permanent=True)
        if self._places.goes_wrong("find refused", dice):
            self._doubt(token)
            raise PortError("come back later")
        found = self._places.executions.get(token)
        self._places.saw("found" if found else "found nothing")
        await self._answer("find", dice)
        return {"token": token} if found else None

    async def follow(self, handle: Handle, sink: Sink) -> Exit:
        """Tell what an execution puts out, and how it ends."""
        execution = self._places.executions[handle["token"]]
        dice = await self._call("follow", execution.token)
        if execution.life != self._life:
            self._places.saw("adopted")
        half = len(execution.output) // 2
        await self._write(execution, sink, half, dice)
        await sink.report(progress=(50, "half"), outputs={"rows": 3})
        if self._places.goes_wrong("connection lost", dice):
            await passing(dice.choice([0, 1, 200]))
            raise PortError("connection reset")
        if self._places.goes_wrong("follow refused for good", dice, 0.02):
            self._places.doubtful.add(execution.run_id)
            raise PortError("the account was closed", permanent=True)
        await self._over(execution)
        self._breath.check()
        await self._write(execution, sink, len(execution.output), dice)
        if self._places.goes_wrong("end told late", dice):
            await passing(dice.choice([0.1, 100]))
        execution.told += 1
        return execution.exit

    async def stop(self, handle: Handle, grace: timedelta) -> None:
        """End an execution within its grace."""
        execution = self._places.executions[handle["token"]]
        dice = await self._call("stop", execution.token)
        if self._places.goes_wrong("stop refused", dice, 0.5):
            raise PortError("busy", permanent=dice.random() < 0.2)
        now = self._places.clock.read().boot
        if execution.ends_at > now:
            execution.ends_at = min(execution.ends_at, now + min(grace, dice.choice([SECOND, 30 * SECOND])))
            execution.exit, execution.stopped = Exit(code=143, signal="TERM"), True
            self.poke()
        await self._answer("stop", dice)

    async def check(self) -> None:
        """All is well."""

    async def forget(self, handle: Handle) -> None:
        """Give back what was kept."""
        dice = await self._call("forget", handle["token"])
        if self._places.goes_wrong("forget refused", dice):
            raise PortError("busy", permanent=dice.random() < 0.2)

    async def _call(self, what: str, token: str) -> random.Random:
        self._burn("asked")
        dice = self._places.chance(what, token)
        await passing(dice.choice([0, 0, 0.01]))
        if self._places.goes_wrong("answers come late", dice):
            await passing(dice.choice([1, 90]))
        self._breath.check()
        return dice

    async def _answer(self, what: str, dice: random.Random) -> None:
        self._burn("answered")
        if self._places.goes_wrong("answers come late", dice):
            await passing(dice.choice([1, 90]))
        if self._places.goes_wrong("answers get lost", dice):
            raise PortError(f"the answer to {what} was lost")

    async def _write(self, execution: Execution, sink: Sink, end: int, dice: random.Random) -> None:
        stored = await sink.stored("out")
        begin = max(0, stored - 7) if self._places.goes_wrong("output told again", dice, 0.5) else stored
        if begin < end:
            await sink.write("out", begin, execution.output[begin:end])

    async def _over(self, execution: Execution) -> None:
        changed = self._changed.setdefault(execution.token, asyncio.Event())
        while (left := execution.ends_at - self._places.clock.read().boot) > timedelta(0):
            changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left.total_seconds()):
                    await changed.wait()

    def _doubt(self, token: str) -> None:
        execution = self._places.executions.get(token)
        if execution is not None:
            self._places.doubtful.add(execution.run_id)

    def _burn(self, when: str) -> None:
        self._breath.check()
        places = self._places
        if places.fuse is not None:
            places.fuse -= 1
            if places.fuse < 0:
                places.fuse = None
                places.saw(f"death of one who {when}")
                self._breath.die()
