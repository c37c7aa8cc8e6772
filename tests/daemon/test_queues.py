"""The inbox, the bus, owned tasks and the watch on the disk."""

from __future__ import annotations

import asyncio
import gc
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from polysync.daemon.bus import Bus
from polysync.daemon.disk import BUSY, QUIET, Disk, free_space, room_for_output
from polysync.daemon.inbox import BATCH, Denied, Inbox
from polysync.daemon.spawn import Tasks
from polysync.domain.effects import EventName, Publish
from polysync.domain.inputs import SetDiskLow, Submit, Tick
from polysync.ports import PortError
from polysync.store.room import PLENTY, Leeway
from polysync.testing import SimClock
from tests.daemon.rig import ANNA, NOON, Reserve
from tests.daemon.virtual import passing, play, within
from tests.faults import fault

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def test_the_inbox_keeps_order_and_gives_bounded_batches() -> None:
    async def story() -> None:
        inbox = Inbox()
        told = [Submit(task=str(number)) for number in range(BATCH + 5)]
        for one in told:
            inbox.tell(one)
        first = await inbox.take(SECOND)
        assert len(first) == BATCH
        assert [*first, *await inbox.take(SECOND)] == told
        assert await inbox.take(timedelta(0)) == []

    play(SimClock(NOON), story)


def test_the_inbox_wakes_at_once_or_at_the_timeout() -> None:
    clock = SimClock(NOON)

    async def story() -> None:
        inbox, tasks = Inbox(), Tasks(lambda _error: None)
        assert await inbox.take(SECOND) == []
        assert clock.read().wall == NOON + SECOND
        taking = tasks.spawn(inbox.take(HOUR), "take")
        await passing()
        inbox.tell(Tick())
        inbox.tell(Tick())
        assert await taking == [Tick(), Tick()]
        assert clock.read().wall < NOON + HOUR

    play(clock, story)


async def test_the_inbox_hears_other_threads() -> None:
    inbox = Inbox()
    thread = threading.Thread(target=inbox.tell_from_thread, args=(Tick(),))
    thread.start()
    assert await within(5, inbox.take(HOUR)) == [Tick()]
    thread.join()


@fault("F36")
async def test_requests_beyond_the_bound_are_refused_and_facts_are_not() -> None:
    inbox = Inbox(bound=2)
    inbox.ask(Submit(task="a"), ANNA)
    inbox.tell(Tick())
    assert inbox.full
    with pytest.raises(PortError) as refused:
        inbox.ask(Submit(task="b"), ANNA)
    assert refused.value.retry_after == SECOND
    inbox.deny(Denied(ANNA, "stop", "run 1"))
    inbox.tell(Tick())
    assert len(inbox) == 3


def event(number: int) -> Publish:
    return Publish(EventName.RUN_QUEUED, datetime(2026, 1, 1, tzinfo=UTC), number)


async def test_every_listener_hears_everything_from_then_on() -> None:
    bus = Bus()
    bus.publish(event(0))
    one, two = bus.listen(), bus.listen()
    bus.publish(event(1))
    bus.close()
    assert [e async for e in one] == [e async for e in two] == [event(1)]
    assert bus.recent.newest == 2
    assert [e async for e in bus.listen()] == []


async def test_a_slow_listener_loses_the_oldest_and_is_told() -> None:
    bus = Bus()
    listener = bus.listen(bound=3)
    for number in range(5):
        bus.publish(event(number))
    heard = [await anext(listener) for _ in range(4)]
    assert heard == [None, event(2), event(3), event(4)]
    waiting = Tasks(lambda _error: None).spawn(anext(listener), "wait")
    await passing()
    bus.publish(event(5))
    assert await within(1, waiting) == event(5)


async def test_a_listener_that_nobody_holds_is_forgotten() -> None:
    bus = Bus()
    listener = bus.listen()
    assert len(bus._listeners) == 1  # noqa: SLF001 - nobody else may hold it
    del listener
    gc.collect()
    assert len(bus._listeners) == 0  # noqa: SLF001 - as above


async def test_a_task_that_fails_is_heard_and_named() -> None:
    heard: list[BaseException] = []
    tasks = Tasks(heard.append)

    async def fail() -> None:
        raise ZeroDivisionError

    task = tasks.spawn(fail(), "the culprit")
    await asyncio.wait((task,))
    await passing()
    assert [type(error) for error in heard] == [ZeroDivisionError]
    assert "in the task the culprit" in heard[0].__notes__
    assert len(tasks) == 0


async def test_closing_ends_all_tasks_and_waits_for_them() -> None:
    tasks = Tasks(lambda _error: None)
    cleaned = []

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await passing()
            cleaned.append(1)

    for number in range(3):
        tasks.spawn(stubborn(), str(number))
    await passing()
    await tasks.close()
    assert len(cleaned) == 3
    assert len(tasks) == 0


class Space:
    """A disk that a test fills."""

    def __init__(self, minimum: int = 1000) -> None:
        self.free = 5000
        self.reserve = Reserve()
        self.looks = 0
        self.disk = Disk(Path("/"), minimum, self.reserve, self._measure)

    def _measure(self, _path: Path) -> int:
        self.looks += 1
        return self.free


def test_the_disk_is_low_below_the_minimum_and_well_again_above_it() -> None:
    space = Space()
    look = space.disk.look
    assert look(0 * SECOND, active=True) is None
    space.free = 999
    assert look(4 * SECOND, active=True) is None  # not yet time
    assert look(5 * SECOND, active=True) == SetDiskLow(low=True)
    space.free = 1050
    assert look(10 * SECOND, active=True) is None
    space.reserve.room = False
    space.free = 2000
    assert look(15 * SECOND, active=True) is None  # the reserve is not back yet
    space.reserve.room = True
    assert look(20 * SECOND, active=True) == SetDiskLow(low=False)
    assert look(25 * SECOND, active=True) is None
    assert (space.disk.rest(active=True), space.disk.rest(active=False)) == (BUSY, QUIET)


def test_a_write_that_failed_is_looked_into_at_once() -> None:
    space = Space(minimum=0)
    space.disk.look(0 * SECOND, active=False)
    assert space.disk.give_way()
    assert not space.disk.give_way()
    assert space.disk.rest(active=False) == timedelta(0)
    assert space.disk.look(1 * SECOND, active=False) == SetDiskLow(low=True)
    assert space.disk.rest(active=False) == BUSY  # whoever waits for space is not made to wait for our next look too
    assert space.disk.look(6 * SECOND, active=False) == SetDiskLow(low=False)
    assert space.disk.rest(active=False) == QUIET


def test_a_reserve_that_cannot_be_had_leaves_the_disk_low() -> None:
    space = Space()

    def ensure() -> bool:
        raise PortError("read-only")

    space.reserve.ensure = ensure  # type: ignore[method-assign]  # a stand-in whose disk has another trouble
    assert space.disk.look(0 * SECOND, active=True) == SetDiskLow(low=True)


def test_output_never_takes_the_space_that_is_kept_for_decisions() -> None:
    reserve, left = Reserve(), Leeway(-1, 4 << 20)
    disk = Disk(Path("/"), 1, reserve, lambda _: 1000, lambda _: left)
    assert disk.leeway() == PLENTY
    assert not disk.output_found_none()
    assert reserve.held
    assert disk.look(timedelta(), active=True) == SetDiskLow(low=True)
    assert disk.give_way()
    assert disk.leeway() == left


def test_output_leaves_a_part_of_every_disk(tmp_path: Path) -> None:
    leeway, free = room_for_output(tmp_path), free_space(tmp_path)
    assert leeway.room < leeway.moment < free + (64 << 20)


def test_free_space_is_what_we_may_write(tmp_path: Path) -> None:
    assert free_space(tmp_path) > 0
