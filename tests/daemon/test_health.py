"""Who looks after services, and when: in virtual time, with looks that come to what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from polysync.daemon.health import Health
from polysync.daemon.inbox import Inbox
from polysync.daemon.probes import Prepare, Verdict
from polysync.daemon.spawn import Tasks
from polysync.domain.effects import AttachAttempt, RunMoved, StartAttempt
from polysync.domain.inputs import HealthTold
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import State
from polysync.domain.settings import Configuration, HealthCheck, Service
from polysync.domain.values import Trigger
from polysync.ports import PortError, Work
from polysync.testing import SimClock
from tests.daemon.virtual import passing, play

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
EVERY = timedelta(seconds=10)
CHECK = HealthCheck(run="true", every=EVERY)


class Looks:
    """Notes when it looked, takes its time, and says what it is told to say."""

    def __init__(self, clock: SimClock, *says: bool) -> None:
        self.clock = clock
        self.says = list(says)  # then well for ever
        self.at: list[float] = []
        self.by: list[HealthCheck] = []
        self.takes = 0.0
        self.under_way = 0
        self.most = 0
        self.trouble: PortError | None = None
        self.forgotten: list[str] = []

    async def look(self, check: HealthCheck, prepare: Prepare) -> Verdict:
        self.at.append((self.clock.read().wall - NOON).total_seconds())
        self.by.append(check)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await prepare()
            await asyncio.wait({asyncio.get_running_loop().create_future()}, timeout=self.takes)
            if self.trouble is not None:
                raise self.trouble
        finally:
            self.under_way -= 1
        well = self.says.pop(0) if self.says else True
        return Verdict(well, "" if well else "ill")

    def forget(self, token: str) -> None:
        self.forgotten.append(token)


class Ward:
    """Health, and all that it is told."""

    def __init__(self, clock: SimClock, looks: Looks, check: HealthCheck | None, bound: int) -> None:
        self.looks = looks
        self.inbox = Inbox(bound)
        self.failed: list[BaseException] = []
        self.tasks = Tasks(self.failed.append)
        self.prepared: list[int] = []
        self.clock = clock
        self.health = Health(looker=looks, prepare=self._prepare, inbox=self.inbox, tasks=self.tasks, clock=clock)
        self.configure(check)

    async def _prepare(self, run: Run, attempt: Attempt) -> Work:
        self.prepared.append(run.id)
        return Work(token=attempt.token, run_id=run.id, number=1, task=run.task, type="shell")

    def configure(self, check: HealthCheck | None) -> None:
        """Another configuration."""
        self.configuration = Configuration(services={"web": Service(name="web", run="x", health_check=check)})
        self.health.settled((), (), self.configuration)

    def start(self, number: int = 1, *, instance: int = 1) -> None:
        """A life begins, and is confirmed."""
        run, attempt = life(number, instance)
        self.health.settled((), [StartAttempt(run, attempt)], self.configuration)
        self.move(number, State.RUNNING)

    def attach(self, number: int, state: State, started: datetime) -> None:
        """A life is found again."""
        run, attempt = life(number, 1)
        found = replace(run, state=state, started_at=started)
        self.health.settled((), [AttachAttempt(found, attempt)], self.configuration)

    def move(self, number: int, state: State) -> None:
        """A life goes on to another state."""
        moved = RunMoved(number, NOON, State.STARTING, state, None, "x", {})
        self.health.settled([moved], (), self.configuration)

    async def told(self) -> list[tuple[int, bool, str]]:
        """What the engine was told meanwhile."""
        await passing()
        found = [told for told in await self.inbox.take(timedelta(0)) if isinstance(told, HealthTold)]
        return [(told.run_id, told.well, told.text) for told in found]


def life(number: int, instance: int) -> tuple[Run, Attempt]:
    run = Run(number, f"uid-{number}", "web", State.STARTING, Trigger.SERVICE, NOON, NOON, instance=instance)
    return run, Attempt(number, 1, f"token-{number}", "local", NOON)


def staged(
    story: Callable[[Ward], Coroutine[Any, Any, None]],
    *says: bool,
    check: HealthCheck | None = CHECK,
    bound: int = 100,
) -> tuple[Ward, Looks]:
    """Play a story with a ward whose looks come to this."""
    clock, wards = SimClock(NOON), list[Ward]()
    looks = Looks(clock, *says)

    async def whole() -> None:
        wards.append(Ward(clock, looks, check, bound))
        await story(wards[0])
        await wards[0].tasks.close()
        assert wards[0].failed == []

    play(clock, whole)
    return wards[0], looks


def test_it_is_looked_at_in_its_rhythm_while_it_runs() -> None:
    async def story(ward: Ward) -> None:
        ward.start()
        await passing(35)
        assert await ward.told() == [(1, True, "")] * 4
        ward.move(1, State.STOPPING)
        await passing(60)
        assert await ward.told() == []
        ward.move(1, State.FAILED)
        ward.move(1, State.FAILED)  # a word about a life that is forgotten

    ward, looks = staged(story)
    first = looks.at[0]
    assert 0 < first < 1
    assert [round(at - first, 3) for at in looks.at] == [0, 10, 20, 30]
    assert ward.prepared == [1]
    assert looks.forgotten == ["token-1"]


def test_bad_news_of_the_first_moments_is_not_told() -> None:
    async def story(ward: Ward) -> None:
        ward.start()
        await passing(5)
        assert await ward.told() == [(1, True, "")]
        await passing(20)
        assert await ward.told() == [(1, False, "ill"), (1, True, "")]

    _, looks = staged(story, False, False, False, True, False, True)
    assert [round(at - looks.at[0], 3) for at in looks.at] == [0, 1, 2, 3, 13, 23]


def test_what_never_becomes_well_is_told_once_its_time_to_start_is_over() -> None:
    async def story(ward: Ward) -> None:
        ward.start()
        await passing(9.9)
        assert await ward.told() == []
        await passing(30)
        assert await ward.told() == [(1, False, "ill")] * 3

    _, looks = staged(story, *[False] * 100)
    assert len(looks.at) == 10 + 3


def test_a_check_more_often_than_every_second_keeps_its_own_rhythm() -> None:
    async def story(ward: Ward) -> None:
        ward.start()
        await passing(2)
        assert len(await ward.told()) >= 3

    staged(story, False, *[False] * 10, check=replace(CHECK, every=timedelta(milliseconds=500)))


def test_an_adopted_one_had_its_time_to_start() -> None:
    async def story(ward: Ward) -> None:
        ward.attach(1, State.RUNNING, NOON - timedelta(hours=1))
        await passing(1)
        assert await ward.told() == [(1, False, "ill")]
        ward.attach(2, State.STOPPING, NOON - timedelta(hours=1))
        ward.attach(1, State.RUNNING, NOON)  # as after a failed commit: it is being looked after
        await passing(5)
        assert await ward.told() == []

    _, looks = staged(story, False)
    assert len(looks.at) == 1
    assert looks.at[0] <= 0.25  # nobody knows how it is until then


def test_a_long_look_is_alone_and_the_next_one_follows_it() -> None:
    async def story(ward: Ward) -> None:
        ward.looks.takes = 25
        ward.start()
        await passing(80)
        assert len(await ward.told()) == 3

    _, looks = staged(story)
    assert looks.most == 1
    assert [round(at - looks.at[0], 3) for at in looks.at] == [0, 25.1, 50.2, 75.3]


def test_instances_are_looked_at_apart() -> None:
    async def story(ward: Ward) -> None:
        for number in range(1, 65):
            ward.start(number, instance=number)
        await passing(1)
        assert len(await ward.told()) == 64

    _, looks = staged(story)
    times = sorted(looks.at)
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.005


def test_trouble_of_the_one_who_looks_is_no_news_of_the_service() -> None:
    async def story(ward: Ward) -> None:
        ward.looks.trouble = PortError("the vault is closed")
        ward.start()
        await passing(30)
        assert await ward.told() == []
        assert ward.health.trouble(1) == "the vault is closed"
        ward.looks.trouble = None
        await passing(10)
        assert await ward.told() == [(1, True, "")]
        assert ward.health.trouble(1) == ward.health.trouble(9) == ""

    staged(story)


def test_another_check_holds_at_once_and_none_ends_it() -> None:
    async def story(ward: Ward) -> None:
        ward.looks.takes = 5
        ward.start()
        await passing(2)
        other = replace(CHECK, run="other", every=timedelta(seconds=20))
        ward.configure(other)
        await passing(23)
        assert [check.run for check in ward.looks.by] == ["true", "other", "other"]
        ward.configure(replace(other))
        await passing(1)
        assert ward.looks.under_way == 1
        ward.configure(None)
        await passing(60)
        assert len(ward.looks.by) == 3
        ward.configure(CHECK)
        await passing(1)
        assert len(ward.looks.by) == 4

    staged(story)


def test_whoever_has_no_check_is_left_alone() -> None:
    async def story(ward: Ward) -> None:
        ward.start()
        task = StartAttempt(*life(2, 0))
        ward.health.settled((), [task], ward.configuration)
        await passing(60)
        assert len(ward.tasks) == 0

    _, looks = staged(story, check=None)
    assert looks.at == []


def test_a_full_inbox_is_not_filled_further() -> None:
    async def story(ward: Ward) -> None:
        ward.start()
        await passing(25)
        assert await ward.told() == [(1, True, "")]

    staged(story, bound=1)
