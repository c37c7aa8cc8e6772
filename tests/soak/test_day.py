"""A day of the real driver in simulated time: what it remembers after a morning is what it remembers at night."""

from __future__ import annotations

import gc
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from polysync.domain.inputs import Stop
from polysync.domain.outcome import Exit
from polysync.domain.settings import Configuration, Daemon, Profile
from polysync.domain.task import Edge, Task
from polysync.domain.values import Overlap, ProfileType
from tests.driver_simulation.life import Life, one_life
from tests.driver_simulation.world import World
from tests.seeds import seed_of
from tests.soak.slopes import Trend, table, trend

BEGIN = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # the clocks of Europe go forward in it
DAY = timedelta(hours=24)
WARM = timedelta(hours=6)
EVERY = timedelta(minutes=30)
TEN = timedelta(minutes=10)
# So many live runs more or less are chance, and each is made of several objects.
LEAST = {"objects of domain": 200, "objects of daemon": 100, "objects of store": 60}
INDEXES = 3  # in which a run may stand
OF_THE_WORLD = (Exit, Configuration, Daemon)  # that world remembers every process and every version of the file


def a_day() -> Configuration:
    """Work of every kind, day and night alike, and less of it than there is room for: a run takes 36 minutes or so."""
    tasks = [Task(name=f"often-{n}", run="true", cron=(f"{n}-59/20 * * * *",), max_concurrent=8) for n in range(6)]
    tasks += [
        Task(name="again", run="true", cron=("*/30 * * * *",), retry_attempts=2, max_concurrent=16),
        Task(name="late", run="true", cron=("5 * * * *",), timeout=timedelta(minutes=20), dead_letter=True),
        Task(name="crowded", run="true", cron=("*/10 * * * *",), on_overlap=Overlap.SKIP, contention=("few",)),
        Task(name="replaced", run="true", cron=("*/15 * * * *",), on_overlap=Overlap.TERMINATE),
        Task(name="after", run="true", depends_on=(Edge(task="often-1"),), max_concurrent=16),
        Task(name="asked", run="true", max_concurrent=16),
    ]
    few = Profile(name="few", type=ProfileType.CONCURRENCY, max=2)
    daemon = Daemon(max_running=40)
    return Configuration(
        tasks={task.name: task for task in tasks}, contention={"few": few}, daemon=daemon, zone="Europe/Berlin"
    )


class Day:
    """What is measured, and what people do meanwhile."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.samples: dict[str, list[tuple[float, float]]] = {}

    async def look(self, life: Life) -> None:
        """Measure, and come again."""
        self.world.at(EVERY, self.look)
        gc.collect()
        at = self.world.clock.read().boot.total_seconds()
        for name, figure in figures(life).items():
            self.samples.setdefault(name, []).append((at, float(figure)))

    async def ask(self, life: Life) -> None:
        """Ask for a run, stop one, and change the file."""
        self.world.at(TEN, self.ask)
        number = self.world.asked
        life.submit(task="asked")
        if number % 3 == 0:
            life.ask(Stop(max(self.world.witness.states, default=1)))
        if number % 5 == 0:
            daemon = Daemon(max_running=40 + number % 2)
            life.configure(self.world.reload(daemon=daemon))

    def trends(self, begin: timedelta) -> list[Trend]:
        """How each figure went after the warm-up; one object for each run would be thrice what is allowed."""
        warm = (begin + WARM).total_seconds()
        after = {name: [one for one in samples if one[0] >= warm] for name, samples in self.samples.items()}
        return [trend(name, samples, share=0.3, least=LEAST.get(name, 25)) for name, samples in after.items()]


def figures(life: Life) -> dict[str, int]:
    """What a daemon holds in memory."""
    kinds = Counter(type(one).__module__.split(".")[1] for one in gc.get_objects() if _ours(one))
    sizes = dict(life.driver.engine.sizes())
    sizes["indexed"] = max(0, sizes["indexed"] - INDEXES * sizes["runs"])  # what no run there is accounts for
    return {
        **{f"engine: {name}": size for name, size in sizes.items()},
        **{f"objects of {name}": kinds[name] for name in ("domain", "daemon", "store")},
        "tasks": len(life.tasks),
        "attempts": len(life.launcher),
        "inbox": len(life.inbox),
    }


def _ours(one: object) -> bool:
    return type(one).__module__.startswith("polysync.") and not isinstance(one, OF_THE_WORLD)


class Leaky(Life):
    """A mutant that forgets nothing that it stored."""

    kept: ClassVar[list[Any]] = []

    def _stored(self, records: list[Any]) -> None:
        self.kept.extend(records)
        super()._stored(records)


def lived(folder: Path, length: timedelta, kind: type[Life] = Life) -> tuple[int, list[Trend]]:
    """How many runs there were in that time, and how each figure went; what other tests left behind does not count."""
    gc.collect()
    gc.freeze()
    try:
        world = World(seed_of("day"), folder, a_day(), BEGIN)
        day, begin = Day(world), world.clock.read().boot
        world.at(EVERY, day.look)
        world.at(TEN, day.ask)
        one_life(world, begin + length, kind=kind)
    finally:
        gc.unfreeze()
    return len(world.witness.states), day.trends(begin)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_simulated_day_leaves_nothing_behind(tmp_path: Path) -> None:
    runs, trends = lived(tmp_path, DAY)
    assert runs > 700
    assert all(one.flat for one in trends), f"{runs} runs\n{table(trends)}"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_judge_finds_a_driver_that_forgets_nothing(tmp_path: Path) -> None:
    try:
        _, trends = lived(tmp_path, DAY / 2, Leaky)
    finally:
        Leaky.kept.clear()
    assert "objects of domain" in {one.name for one in trends if not one.flat}, table(trends)
