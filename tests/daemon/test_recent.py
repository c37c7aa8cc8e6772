"""The newest events: their numbers, their bounds, and waiting for the next."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from polysync.daemon.recent import COUNT, LIFE, SIZE, Recent
from polysync.daemon.spawn import Tasks
from polysync.domain.effects import EventName, Publish
from tests.daemon.virtual import passing, within

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


def event(run_id: int, **data: object) -> Publish:
    return Publish(EventName.RUN_FAILED, NOON, run_id, "backup", data)


def numbers(recent: Recent, after: int, limit: int = 100) -> list[int]:
    return [told.number for told in recent.after(after, limit)]


async def test_each_life_numbers_from_a_place_of_its_own() -> None:
    one, two = Recent(1), Recent(2)
    assert (one.newest, one.oldest, one.first) == (LIFE, LIFE + 1, LIFE + 1)
    one.add(event(1))
    assert one.newest == one.oldest == LIFE + 1 < two.first
    assert numbers(one, 0) == [LIFE + 1]
    assert numbers(one, LIFE + 1) == numbers(two, 0) == []


async def test_the_oldest_give_way_by_count() -> None:
    recent = Recent(count=4)
    for number in range(1, 11):
        recent.add(event(number))
    assert (recent.oldest, recent.newest) == (7, 10)
    assert numbers(recent, 0) == [7, 8, 9, 10]
    assert numbers(recent, 8, 1) == [9]
    assert [told.run_id for told in recent.after(8, 9)] == [9, 10]


async def test_the_oldest_give_way_by_size_and_the_newest_stays() -> None:
    recent = Recent(count=100, size=1000)
    for number in range(1, 20):
        recent.add(event(number))
    kept = recent.after(0, 100)
    assert 1 < len(kept) < 19
    assert sum(len(told.line) for told in kept) <= 1000
    recent.add(event(20, text="x" * 5000))
    assert numbers(recent, 0) == [20]
    recent.add(event(21))
    assert numbers(recent, 0) == [21]


async def test_memory_is_bounded() -> None:
    recent = Recent()
    for number in range(2 * COUNT):
        recent.add(event(number, text="x" * 500))
    assert sum(len(told.line) for told in recent.after(0, COUNT)) <= SIZE


async def test_an_event_is_one_line_with_every_key() -> None:
    recent = Recent()
    recent.add(event(7, reason="exit_code", attempt=2, instance=1))
    recent.add(Publish(EventName.DISK_LOW, NOON))
    one, two = (json.loads(told.line) for told in recent.after(0, 9))
    assert one == {
        "seq": 1,
        "event": "run.failed",
        "at": "2026-03-29T12:00:00Z",
        "run_id": 7,
        "task": "backup",
        "service": "backup",
        "state": "failed",
        "reason": "exit_code",
        "data": {"attempt": 2, "instance": 1},
    }
    assert two == dict.fromkeys(one) | {"seq": 2, "event": "disk.low", "at": one["at"], "data": {}}


async def test_waiting_ends_with_the_next_event_or_with_the_daemon() -> None:
    recent, tasks = Recent(), Tasks(lambda _error: None)
    waiting = tasks.spawn(recent.wait(0), "wait")
    await passing()
    recent.add(event(1))
    assert await within(1, waiting)
    assert await within(1, recent.wait(0))
    waiting = tasks.spawn(recent.wait(1), "wait")
    await passing()
    recent.close()
    assert not await within(1, waiting)
    assert await within(1, recent.wait(0))  # what is known can still be read
