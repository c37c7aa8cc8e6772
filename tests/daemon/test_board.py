"""The board as the daemon keeps it: the engine, the stored past and the files behind one face."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from polysync.config.load import load
from polysync.daemon.board import NoticeBoard
from polysync.domain.engine import Engine
from polysync.domain.inputs import Start
from polysync.domain.rows import Snapshot
from polysync.domain.values import OnShutdown
from polysync.store.overview import Overview
from polysync.testing import SimClock
from tests.store_reading.many_runs import BEGAN, EVERY, make_many

RUNS = 200
FILE = """
[daemon]
on_shutdown = "stop"
[contention.few]
type = "concurrency"
max = 1
[tasks.task-00001]
run = "true"
cron = "0 3 * * *"
"""


async def test_everything_is_told_from_where_it_is_known(tmp_path: Path) -> None:
    path, database = tmp_path / "polysync.toml", tmp_path / "polysync.db"
    path.write_text(FILE)
    configuration = load(path, env={}).config
    assert configuration is not None
    make_many(database, RUNS, tasks=3, open_runs=0)
    clock = SimClock(BEGAN + EVERY * RUNS)
    engine = Engine()
    engine.handle(Start(configuration, Snapshot(), "boot", "home"), clock.read())
    driver: Any = SimpleNamespace(configuration=configuration, engine=engine)
    overview = await Overview.open(database)
    try:
        board = NoticeBoard(lambda: driver, overview, clock, path)
        name = "task-00001"
        assert board.now() == clock.read().wall
        assert board.configuration is configuration
        assert board.task(name).next_at == (clock.read().wall + timedelta(days=1)).replace(
            hour=3, minute=0, second=0, microsecond=0
        ) - timedelta(days=clock.read().wall.hour < 3)
        assert [one.platform.name for one in board.platforms()] == ["local"]
        assert [one.profile.name for one in board.contention()] == ["few"]
        past = (await board.past([name]))[name]
        assert past.last is not None
        assert len(past.outcomes) == 20
        assert past.outcomes[-1][0] == past.last.id
        assert len(await board.endings(name, BEGAN, 5)) == 5
        assert len(await board.slot_rows(name, board.now(), 5)) == 5
        assert {one.key: one.line for one in await board.origins(name)}["run"] == 8
        assert (await board.conditions(name))["folder"] == str(tmp_path)
        ends: list[OnShutdown] = []
        assert board.end(None) is OnShutdown.STOP
        board.finish = ends.append
        assert board.end(OnShutdown.DETACH) is OnShutdown.DETACH
        assert ends == [OnShutdown.DETACH]
    finally:
        await overview.close()
