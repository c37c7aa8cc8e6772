"""The sans-I/O engine: inputs and readings of the clocks go in, effects come out.

`handle` does four things, always in this order: let time pass (jumps of the clock, slots, timers),
carry out the input, look at joins and services, start what has room.  It never waits, never reads a clock and
never draws a random number, so that a year runs in seconds and every run of it is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from polysync.domain import lifecycle, requests, taking_up
from polysync.domain.admission import Need, dispatch, lacking
from polysync.domain.contention import rebased
from polysync.domain.definition import Definition
from polysync.domain.effects import ClockNoted, Effect, EventName, TakeStock
from polysync.domain.firing import fire_due, forget_slots, interrupt, plan
from polysync.domain.inputs import (
    Archive,
    AttemptExited,
    AttemptReported,
    AttemptStarted,
    Configure,
    ConfirmClock,
    Decide,
    HealthTold,
    Input,
    LogDropped,
    LogFull,
    Pause,
    Release,
    Resume,
    SetDiskLow,
    SetService,
    Shutdown,
    SkipNext,
    Start,
    Stop,
    Submit,
    Taken,
    Tick,
)
from polysync.domain.join import join_all
from polysync.domain.limit_views import ContentionView, PlatformView, contention_views, platform_views
from polysync.domain.ringing import is_awaited, ring
from polysync.domain.rows import Run, TaskState
from polysync.domain.run import LIVE, Reason
from polysync.domain.service_keeping import keep
from polysync.domain.service_life import look_at_all
from polysync.domain.service_views import ServiceView, views
from polysync.domain.service_words import health_told, set_service
from polysync.domain.settings import Configuration
from polysync.domain.slices import SLICE, Budget, Gap, turned_back, widened
from polysync.domain.stopping import stop
from polysync.domain.task_views import TaskView, task_view
from polysync.domain.timekeeping import CORRECTION, Change, ClockChange, notice
from polysync.domain.values import Reading
from polysync.domain.world import World, note_task, sizes, tell

_DAWN: Final = Reading(datetime.min.replace(tzinfo=UTC), timedelta(0), timedelta(0))  # before the first input
LONGEST_SLEEP: Final = timedelta(seconds=30)  # a jump of the clock is noticed at least this soon
SIGN_EVERY: Final = timedelta(seconds=60)  # how exactly the length of an absence is known


class Engine:
    """Every decision of Polysync, one input at a time."""

    def __init__(self, size: int = SLICE) -> None:
        self._size = size  # of what one call does
        self._world = World("", Configuration(), _DAWN)

    def handle(self, told: Input, now: Reading) -> list[Effect]:
        """Let time pass up to `now`, carry out `told`, and return everything that follows, in order."""
        return self.handle_all((told,), now)

    def handle_all(self, many: Iterable[Input], now: Reading) -> list[Effect]:
        """As `handle`, for several inputs of one moment: what they start is decided once, at the end.

        What does not fit into one call is due at once: call again.
        """
        world = self._world
        world.budget.refill()
        world.over = []
        for told in many:
            if isinstance(told, Start):
                world = self._world = _begin(told, now, self._size)
                continue
            _pass_time(world, now)
            _HANDLERS[type(told)](world, told)
            join_all(world)
        keep(world)
        while (world.crowded or world.round is not None) and world.budget.starts > 0 and world.budget.looks > 0:
            dispatch(world)
            join_all(world)  # a run that is turned away here may set free one downstream
        if world.timers.crowded():
            world.timers.sweep(partial(is_awaited, world))
        return world.effects()

    def due_in(self) -> timedelta | None:
        """How long until something falls due, if nobody says anything and the clock is not touched."""
        world = self._world
        if world.crowded or world.round is not None or world.joins or world.keeping.unsettled:
            return timedelta(0)
        waits = []
        if not world.clock_held and world.counting is None:
            if world.halfway is not None:
                return timedelta(0)
            if world.agenda:
                waits.append(world.agenda[0][0] - world.now.wall)
        rings = world.timers.next_in(world.now)
        if rings is not None:
            waits.append(rings)
        return max(timedelta(0), min(waits)) if waits else None

    def sleep(self) -> timedelta:
        """How long the driver may sleep: a jump of the clock must not go unnoticed for longer."""
        due = self.due_in()
        return LONGEST_SLEEP if due is None else min(due, LONGEST_SLEEP)

    @property
    def gap(self) -> Gap | None:
        """The time that nobody saw passing, while slots in it wait for their turn: a new memory has to be told."""
        return self._world.gap

    def why(self, run_id: int) -> list[Need]:
        """What a run that waits in the queue, or for another attempt, still lacks."""
        run = self._world.runs.get(run_id)
        return [] if run is None else lacking(self._world, run)

    def run(self, run_id: int) -> Run | None:
        """A run that is not final, as it stands now."""
        return self._world.runs.get(run_id)

    def remembered(self, name: str) -> TaskState | None:
        """What is remembered of a task or a service beside its runs."""
        return self._world.tasks.get(name)

    def last_successes(self) -> Mapping[str, datetime]:
        """When the last success of each task that had one ended."""
        return {name: at for name, state in self._world.tasks.items() if (at := state.last_success_at) is not None}

    @property
    def over(self) -> Sequence[Run]:
        """The runs that the last call ended, as they ended; without those that were made only to say so."""
        return self._world.over

    def definition(self, run: Run) -> Definition | None:
        """The definition that an attempt of `run` was started under."""
        return self._world.definitions.get(run.definition)

    def knows(self, digest: str) -> bool:
        """Whether it counts on the definition of that digest being stored."""
        return digest in self._world.definitions

    def services(self) -> tuple[ServiceView, ...]:
        """Every service and how it stands, by name."""
        return views(self._world)

    def task(self, name: str) -> TaskView:
        """How a task stands."""
        return task_view(self._world, name)

    def platforms(self) -> tuple[PlatformView, ...]:
        """Every platform and how much runs there, by name."""
        return platform_views(self._world)

    def contention(self) -> tuple[ContentionView, ...]:
        """Every counter of a shared limit, by name."""
        return contention_views(self._world)

    def anchors(self) -> Mapping[str, Mapping[str, datetime]]:
        """Since when each `@every` of a task is counted."""
        return {name: dict(state.seen) for name, state in self._world.tasks.items() if state.seen}

    def sizes(self) -> dict[str, int]:
        """How many things of each kind are remembered at this moment."""
        return sizes(self._world)

    def next_slots(self) -> Mapping[str, datetime]:
        """The next slot of each task that has one."""
        return self._world.next_at


def _begin(told: Start, now: Reading, size: int) -> World:
    """Take up what the journal knows, catch up on what was missed, and attach to what still runs."""
    world = World(told.home, Configuration(), told.since or now, budget=Budget(size))
    world.gap = taking_up.take_up(world, told, now)
    if told.since is not None:
        world.gap = told.gap
        _pass_time(world, now)
    elif not world.clock_held:
        _see(world)
        fire_due(world)
    _ring_due(world)
    join_all(world)
    world.crowded = True
    return world


def _pass_time(world: World, now: Reading) -> None:
    if now is not world.now:
        _look(world, now)
    seen = world.last_seen_at
    if world.clock_held and seen is not None and now.wall >= seen - CORRECTION:
        world.clock_held = False
        world.gap = Gap(min(seen, now.wall), now.wall)
    if not world.clock_held and world.counting is None:
        _see(world)
        fire_due(world)
    _ring_due(world)


def _look(world: World, now: Reading) -> None:
    """Take another look at the clocks: one of them may have jumped."""
    before = world.now
    world.now = now
    jump, went_back = notice(before, now), now.wall < before.wall
    if went_back:
        _go_back(world)
    if jump is not None:
        _name_jump(world, jump)


def _see(world: World) -> None:
    """Write down now and then that somebody is there; not while part of a gap is still to be dealt with."""
    seen, now = world.last_seen_at, world.now.wall
    if world.gap is None and (seen is None or abs(now - seen) >= SIGN_EVERY):
        world.last_seen_at = now
        world.records.append(ClockNoted(now))


def _name_jump(world: World, jump: ClockChange) -> None:
    """Write a jump down and say it; after a correction, ask which slots ahead were decided in the wrong time."""
    now = world.now.wall
    tell(world, EventName.CLOCK_CHANGED, kind=jump.kind, text=str(jump))
    if jump.kind is Change.CORRECTED:
        world.records.append(ClockNoted(now, str(jump)))
        world.last_seen_at = now
        _count(world)
        return
    if world.clock_held and world.last_seen_at is not None:  # all of it will be one gap once the clock is right
        world.records.append(ClockNoted(world.last_seen_at, str(jump)))
        return
    interrupt(world)
    # What is written down as seen ends where the gap begins, so that a crash before it is dealt with makes it longer.
    world.gap = widened(world.gap, jump, now)
    world.records.append(ClockNoted(world.gap.after, str(jump)))


def _go_back(world: World) -> None:
    """What counted up to a time that lies ahead again must not wait until then."""
    now = world.now.wall
    world.rates = {key: rebased(state, now) for key, state in world.rates.items()}
    world.line.go_back(now)
    interrupt(world)
    world.gap = turned_back(world.gap, now)
    world.alarms.clear()  # set for the time before; the next dispatch sets them again
    world.crowded = True
    if world.counting is not None:  # further back than was asked about
        _count(world)


def _count(world: World) -> None:
    world.counting = world.now.wall
    world.actions.append(TakeStock(world.now.wall))


def _anchor_again(world: World) -> None:
    now = world.now.wall
    for name, state in list(world.tasks.items()):
        if state.anchor is not None and state.anchor > now:
            note_task(world, name, anchor=now)
            forget_slots(world, name)
            plan(world, name)


def _ring_due(world: World) -> None:
    budget = world.budget
    while budget.timers > 0 and (timer := world.timers.pop(world.now)) is not None:
        budget.timers -= 1
        ring(world, timer)


def _tick(_world: World, _told: Tick) -> None:
    """Nothing to do: time has passed already."""


def _confirm_clock(world: World, _told: ConfirmClock) -> None:
    if world.clock_held:
        world.clock_held = False
        world.last_seen_at = world.now.wall
        world.records.append(ClockNoted(world.now.wall, "clock confirmed"))
        _anchor_again(world)


def _take_stock(world: World, told: Taken) -> None:
    if told.since != world.counting:
        return
    world.counting = None
    world.taken = dict(told.slots)
    _anchor_again(world)


def _configure(world: World, told: Configure) -> None:
    taking_up.configure(world, told.configuration)


def _set_disk_low(world: World, told: SetDiskLow) -> None:
    if told.low and not world.disk_low:
        tell(world, EventName.DISK_LOW)
    world.disk_low = told.low
    world.crowded = True
    look_at_all(world)


def _shutdown(world: World, told: Shutdown) -> None:
    world.closing, world.ending = True, told.stop
    if told.stop:
        look_at_all(world)  # services have an order in which they stop
        for run in [run for run in world.runs.values() if run.state in LIVE and not run.instance]:
            stop(world, run, Reason.SHUTDOWN, "daemon")


_HANDLERS: Final[Mapping[type, Callable[[World, Any], None]]] = {
    Tick: _tick,
    ConfirmClock: _confirm_clock,
    Taken: _take_stock,
    Configure: _configure,
    Submit: requests.submit,
    Release: requests.release,
    Stop: requests.stop_run,
    Decide: requests.decide,
    Archive: requests.archive,
    Pause: requests.pause,
    Resume: requests.resume,
    SkipNext: requests.skip_next,
    SetService: set_service,
    HealthTold: health_told,
    SetDiskLow: _set_disk_low,
    Shutdown: _shutdown,
    AttemptStarted: lifecycle.attempt_started,
    AttemptReported: lifecycle.attempt_reported,
    LogDropped: lifecycle.log_dropped,
    LogFull: lifecycle.log_full,
    AttemptExited: lifecycle.attempt_exited,
}
