"""Who waits is woken: few at once, many in slices, and nobody is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime

from polysync.daemon.bell import PAUSE, SLICE, Bell
from polysync.daemon.spawn import Tasks
from polysync.testing import SimClock
from tests.daemon.virtual import passing, play

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


class Crowd:
    """So many who wait again and again, and when each of them woke."""

    def __init__(self, bell: Bell, size: int) -> None:
        self.woken = 0
        self.tasks = Tasks(lambda _error: None)
        for number in range(size):
            self.tasks.spawn(self._wait(bell), str(number))

    async def _wait(self, bell: Bell) -> None:
        while True:
            await bell.wait()
            self.woken += 1


def test_few_wake_at_the_next_turn_each_time() -> None:
    async def story() -> None:
        bell = Bell()
        crowd = Crowd(bell, SLICE)
        await passing()
        for turn in range(1, 4):
            bell.ring()
            await passing()
            assert crowd.woken == turn * SLICE
        await crowd.tasks.close()
        assert len(bell) == 0

    play(SimClock(NOON), story)


def test_many_wake_in_slices_and_others_come_between_them() -> None:
    async def story() -> None:
        bell = Bell()
        crowd = Crowd(bell, 10 * SLICE)
        await passing()
        bell.ring()
        seen = []
        for _ in range(11):
            await passing()
            seen.append(crowd.woken)
            await passing(PAUSE)
        assert seen == [*range(SLICE, 10 * SLICE, SLICE), 10 * SLICE, 10 * SLICE]
        await crowd.tasks.close()

    play(SimClock(NOON), story)


def test_news_in_the_middle_of_a_round_is_told_after_a_rest() -> None:
    clock = SimClock(NOON)

    async def story() -> None:
        bell = Bell()
        crowd = Crowd(bell, 4 * SLICE)
        await passing()
        bell.ring()
        await passing()
        bell.ring()
        bell.ring()
        before = clock.read().monotonic
        while crowd.woken < 8 * SLICE:
            await passing(PAUSE / 10)
        assert 6 * PAUSE < (clock.read().monotonic - before).total_seconds() < 8 * PAUSE
        await passing(1)
        assert crowd.woken == 8 * SLICE  # once for both
        await crowd.tasks.close()

    play(clock, story)


def test_who_leaves_is_forgotten_and_keeps_nobody_up() -> None:
    async def story() -> None:
        bell = Bell()
        bell.ring()  # nobody hears it
        leaving, staying = Crowd(bell, 2 * SLICE), Crowd(bell, SLICE)
        await passing()
        assert len(bell) == 3 * SLICE
        bell.ring()
        await leaving.tasks.close()
        await passing(1)
        assert (len(bell), staying.woken) == (SLICE, SLICE)
        await staying.tasks.close()
        assert len(bell) == 0

    play(SimClock(NOON), story)
