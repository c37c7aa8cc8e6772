"""The real engine in a simulated world: clocks that jump, work that goes on by itself, crashes anywhere.

A crash drops the engine and everything in memory.  It strikes before a commit, after it, or between
any two actions that follow; the journal and the executions are all that is left, as in the real world.
A commit may also fail, or seem to, while the daemon lives: then only the engine is built anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from heapq import heappop, heappush

from polysync.domain import effects as fx
from polysync.domain import inputs as ins
from polysync.domain import slices
from polysync.domain.engine import Engine
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import State
from polysync.domain.settings import Configuration
from polysync.domain.slices import SLICE
from polysync.domain.values import Reading
from polysync.testing import Execution, MemoryJournal, ScriptedAdapter, SimClock

ZERO = timedelta(0)
CORRECTED = timedelta(hours=3)

Script = Callable[[Run, Attempt], tuple[timedelta, Exit]]


class Crashed(Exception):
    """The daemon is gone; whatever was in memory is lost."""


class NotCommitted(Exception):
    """The journal did not take the records of one decision, or did and could not say so."""


class Commit(Enum):
    """What becomes of the next commit."""

    STORED = 0
    LOST = 1
    UNANSWERED = 2


@dataclass(order=True)
class Event:
    """Something that the world does to the daemon, at a moment of boot time."""

    at: timedelta
    order: int
    act: Callable[[Simulator], None] = field(compare=False)


@dataclass
class Gap:
    """A stretch of wall time that nobody saw passing."""

    after: datetime
    until: datetime


class Simulator:
    """One daemon's life; `after_step` is called after every input, for checks that must always hold."""

    def __init__(
        self,
        configuration: Configuration,
        wall: datetime,
        script: Script,
        *,
        after_step: Callable[[Simulator], None] | None = None,
        size: int = SLICE,
    ) -> None:
        self.size = size  # of what one call of the engine does
        self.configuration = configuration
        self.clock = SimClock(wall)
        self.journal = MemoryJournal()
        self.adapter = ScriptedAdapter(script)
        self.events: list[Event] = []
        self.ends: list[tuple[timedelta, int, str]] = []
        self.engine: Engine | None = None
        self.fuse: int | None = None  # effects until the next crash
        self.gaps: list[Gap] = []
        self.seen: datetime = wall  # the newest wall time whose decisions are committed
        self.published: list[fx.Publish] = []
        self.answers: dict[str, fx.Answer] = {}
        self.crashes = 0
        self.untouched = True  # no reload has changed a limit under what already runs
        self.settled: Reading | None = None  # the newest reading whose decisions this daemon has committed
        self.gap: slices.Gap | None = None  # what the engine said of it
        self.next_commit = Commit.STORED
        self.rebuilds = 0
        self.muted = 0  # confirmations of a start that will get lost
        self.said: deque[ins.Input] = deque(maxlen=20)  # what adapters told lately
        self.began_at = wall
        self.corrected = False  # the clock was set so far back that slots may come again
        self.versions = [configuration]
        self.boot_id = "boot-1"  # of the host
        self.trace: list[str] | None = None  # every effect as text, where a test wants them
        self._standing: dict[type[ins.Input], ins.Input] = {}  # what a new engine has to be told again
        self.after_step = after_step
        self._count = 0

    # ---- what a test may do

    def boot(self) -> None:
        """Start the daemon on what the journal holds."""
        now = self.clock.read()
        snapshot = self.journal.snapshot()
        snapshot.taken = self.journal.taken_after(now.wall)
        self.engine, self.settled = Engine(self.size), None
        self._standing.clear()
        start = ins.Start(self.configuration, snapshot, self.boot_id, "home")
        if now.wall > self.seen:
            self._tell_after(Gap(self.seen, now.wall), start)
        else:
            self.tell(start)

    def rebuild(self) -> None:
        """Throw the engine's memory away, while the daemon lives."""
        self.rebuilds += 1
        if self.settled is None:  # it failed to take up what the journal knows: it has not begun yet
            self.boot()
            return
        snapshot = self.journal.snapshot()
        snapshot.taken = self.journal.taken_after(self.settled.wall)
        self.engine = Engine(self.size)
        self.tell(ins.Start(self.configuration, snapshot, self.boot_id, "home", since=self.settled, gap=self.gap))
        self.tell(*self._standing.values())

    def tell(self, *many: ins.Input) -> None:
        """Hand inputs to the engine and carry out what follows."""
        if self.engine is None:
            return
        for told in many:
            if isinstance(told, ins.SetDiskLow | ins.Shutdown):
                self._standing[type(told)] = told
            if isinstance(told, ins.AttemptStarted | ins.AttemptExited):
                self.said.append(told)
        try:
            done = self.engine.handle_all(many, self.clock.read())
            self.carry_out(done)
        except Crashed:
            self.crashes += 1
            self.engine = None
        except NotCommitted:
            self.rebuild()
        if self.after_step is not None:
            self.after_step(self)

    def at(self, when: timedelta, act: Callable[[Simulator], None]) -> None:
        """Have something happen after `when` of boot time from now."""
        self._count += 1
        heappush(self.events, Event(self.clock.read().boot + when, self._count, act))

    def crash_after(self, effects: int, down: timedelta) -> None:
        """Let the daemon die after so many more effects, and come back later."""
        self.fuse = effects
        self.at(down, Simulator.revive)

    def kill(self) -> None:
        """Let the daemon die now, between two inputs."""
        self.crashes += 1
        self.engine = None

    def revive(self) -> None:
        """Start the daemon again; one whose fuse has not burnt down dies now, between two inputs."""
        self.fuse = None
        if self.engine is not None:
            self.kill()
        self.boot()

    def suspend(self, by: timedelta) -> None:
        """Let the host sleep; the daemon notices at its next look."""
        self._jump(lambda clock: clock.suspend(by))

    def step(self, by: timedelta) -> None:
        """Set the wall clock forward or back; the daemon notices at its next look."""
        self._jump(lambda clock: clock.step(by))

    def _jump(self, move: Callable[[SimClock], Reading]) -> None:
        before = self.clock.read().wall
        after = move(self.clock).wall
        self.corrected |= self.seen - after > CORRECTED
        if self.engine is not None and after > before:
            self._tell_after(Gap(before, after), ins.Tick())
        else:
            self.tell(ins.Tick())

    def _tell_after(self, gap: Gap, told: ins.Input) -> None:
        """A gap counts once its decisions are stored; a daemon that dies before leaves a longer one."""
        self.tell(told)
        while (
            self.engine is not None and self.engine.gap is not None and self.engine.due_in() == ZERO
        ):  # what did not fit into one call
            self.tell(ins.Tick())
        if self.seen >= gap.until:
            self.gaps.append(gap)

    def reload(self, configuration: Configuration) -> None:
        """Let another configuration hold."""
        self.configuration = configuration
        self.versions.append(configuration)
        self.untouched = False
        self.tell(ins.Configure(configuration))

    def run_for(self, length: timedelta) -> None:
        """Let boot time pass, with everything that falls into it."""
        end = self.clock.read().boot + length
        while self.clock.read().boot < end:
            self._one_step(end)

    # ---- the machinery

    def _one_step(self, end: timedelta) -> None:
        now = self.clock.read().boot
        upcoming = end
        if self.events:
            upcoming = min(upcoming, self.events[0].at)
        if self.ends:
            upcoming = min(upcoming, self.ends[0][0])
        if self.engine is not None:
            due = self.engine.due_in()
            if due is not None:
                upcoming = min(upcoming, now + due)
        if upcoming > now:
            self.clock.advance(upcoming - now)
        exits = self._exits()
        self.tell(*(exits or [ins.Tick()]))
        while self.events and self.events[0].at <= self.clock.read().boot:
            heappop(self.events).act(self)

    def _exits(self) -> list[ins.Input]:
        now, told = self.clock.read().boot, []
        while self.ends and self.ends[0][0] <= now:
            at, _, token = heappop(self.ends)
            execution = self.adapter.find(token)
            if self.engine is None or execution is None or execution.ends_at != at:
                continue
            told.append(self._exit(execution))
        return told

    def _exit(self, execution: Execution) -> ins.Input:
        return ins.AttemptExited(execution.run_id, execution.attempt, execution.exit)

    def carry_out(self, effects: Iterable[fx.Effect]) -> None:
        """Commit the records, then act, as the daemon would."""
        records: list[fx.Record] = []
        rest: list[fx.Action | fx.Publish] = []
        effects = list(effects)
        if self.trace is not None:
            self.trace.extend(map(repr, effects))
        ranks = [_RANKS.get(type(effect), 0) for effect in effects]
        assert ranks == sorted(ranks), "journal before effect, effect before broadcast"
        for effect in effects:
            if type(effect) in _RANKS:
                rest.append(effect)  # type: ignore[arg-type]  # what the set holds is no record
            else:
                records.append(effect)  # type: ignore[arg-type]  # and what it does not is one
        self._burn(len(records))
        if records:
            self._commit(records)
        assert self.engine is not None
        self.settled, self.gap = self.clock.read(), self.engine.gap
        if self.gap is None:
            self.seen = max(self.seen, self.clock.read().wall)
        for effect in rest:
            self._burn(1)
            self._act(effect)

    def _commit(self, records: list[fx.Record]) -> None:
        fate, self.next_commit = self.next_commit, Commit.STORED
        if fate is not Commit.LOST:
            self.journal.commit(records)
        if fate is not Commit.STORED:
            raise NotCommitted

    def _burn(self, effects: int) -> None:
        if self.fuse is not None:
            self.fuse -= effects
            if self.fuse < 0:
                self.fuse = None
                raise Crashed

    def _act(self, effect: fx.Action | fx.Publish) -> None:
        now = self.clock.read()
        match effect:
            case fx.AttachAttempt(run, attempt) if run.state is State.STOPPING and not self.adapter.find(attempt.token):
                self._tell_soon(ins.AttemptExited(run.id, attempt.number, Exit()))
            case fx.StartAttempt(run, attempt) | fx.AttachAttempt(run, attempt):
                self._start(run, attempt)
            case fx.StopAttempt(run_id, number, grace):
                stopped = self.adapter.stop(run_id, number, now, grace)
                if stopped is not None:
                    self._watch(stopped)
            case fx.TakeStock(since):
                slots = self.journal.taken_after(since)
                self._tell_soon(ins.Taken(since, slots))
            case fx.Answer(key):
                self.answers[key] = effect
            case fx.Publish():
                self.published.append(effect)

    def _start(self, run: Run, attempt: Attempt) -> None:
        now = self.clock.read()
        before = self.adapter.find(self.adapter.tokens.get((run.id, attempt.number - 1), ""))
        assert before is None or before.ends_at <= now.boot, f"two executions of run {run.id} at once"
        self._watch(self.adapter.start(run, attempt, now))
        if self.muted:
            self.muted -= 1
        else:
            self._tell_soon(ins.AttemptStarted(run.id, attempt.number, {"token": attempt.token}))

    def _tell_soon(self, told: ins.Input) -> None:
        """Hand something to this engine in a moment; one that comes after a crash never hears of it."""
        engine = self.engine
        self.at(ZERO, lambda sim: sim.tell(told) if sim.engine is engine else None)

    def _watch(self, execution: Execution) -> None:
        self._count += 1
        heappush(self.ends, (max(execution.ends_at, self.clock.read().boot), self._count, execution.token))
        execution.ends_at = max(execution.ends_at, self.clock.read().boot)


_ACTIONS = (fx.StartAttempt, fx.AttachAttempt, fx.StopAttempt, fx.TakeStock, fx.Answer)
_RANKS: dict[type, int] = {**dict.fromkeys(_ACTIONS, 1), fx.Publish: 2}  # of records it is 0
