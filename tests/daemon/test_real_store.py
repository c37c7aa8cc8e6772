"""The driver on real databases: what was decided and put out is there after a death, once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from polysync.adapters.local.adapter import LocalAdapter
from polysync.clock import SystemClock
from polysync.daemon.attempt import Attempts, Prepare
from polysync.daemon.bus import Bus
from polysync.daemon.desk import FrontDesk
from polysync.daemon.disk import Disk
from polysync.daemon.driver import Driver
from polysync.daemon.feed import Feed
from polysync.daemon.inbox import Inbox
from polysync.daemon.sink import RunSink
from polysync.daemon.spawn import Tasks
from polysync.domain.inputs import Submit
from polysync.domain.rows import Attempt, Run
from polysync.domain.settings import Configuration, Daemon
from polysync.domain.task import Process, Task
from polysync.domain.values import Command
from polysync.home import Home
from polysync.ports import Adapter, Work
from polysync.store.database import JOURNAL, open_database
from polysync.store.journal import open_journal
from polysync.store.logs import LogBook
from polysync.store.reserve import Reserve
from tests.daemon.rig import ANNA, Platform, prepared, uncovered
from tests.daemon.virtual import passing, within
from tests.faults import fault

TASKS = {"work": Task(name="work", run="true", max_concurrent=50)}
WIDE = Configuration(tasks=TASKS, daemon=Daemon(max_running=50))


class Life:
    """One daemon on a home, from its start to its death."""

    def __init__(self, home: Home, logs: LogBook, platform: Adapter, prepare: Prepare) -> None:
        clock, self.inbox, bus = SystemClock(), Inbox(), Bus()
        self.logs = logs
        self.disk = Disk(home.path, 0, Reserve(home.reserve, 4096))
        self.tasks = Tasks(self._fail)
        self.feed = Feed(logs, lambda run_id: run_id in self.driver.tally)
        self.journal = open_journal(home, clock, on_full=self.disk.give_way, on_death=self._fail)

        def sink(run_id: int, number: int, fresh: bool, _masks: object) -> RunSink:
            gauges = self.driver.gauges
            return RunSink(
                run_id, number, logs=logs, feed=self.feed, inbox=self.inbox, clock=clock, gauges=gauges, fresh=fresh
            )

        launcher = Attempts(
            prepare=prepare,
            cover_for=uncovered,
            adapter_for=lambda _run, _attempt: platform,
            sink_for=sink,
            inbox=self.inbox,
            tasks=self.tasks,
            boot_id="boot-1",
        )
        self.driver = Driver(
            configuration=WIDE,
            boot_id="boot-1",
            home="home",
            journal=self.journal,
            clock=clock,
            inbox=self.inbox,
            bus=bus,
            launcher=launcher,
            disk=self.disk,
            on_over=self.feed.over,
        )
        self.desk = FrontDesk(
            driver=self.driver, inbox=self.inbox, bus=bus, feed=self.feed, disk=self.disk, clock=clock
        )

    def _fail(self, error: BaseException) -> None:
        self.driver.fail(error)


@asynccontextmanager
async def living(path: Path, platform: Adapter, prepare: Prepare = prepared) -> AsyncIterator[Life]:
    home = Home(path)
    open_database(home.database, JOURNAL, snapshots=home.snapshots).close()  # first, as the daemon does
    logs = await LogBook.open(home.logs)
    life = Life(home, logs, platform, prepare)
    beating = Tasks(lambda _error: None)
    try:
        await life.driver.start()
        beating.spawn(life.driver.run(), "run")
        yield life
    finally:
        await beating.close()
        await life.tasks.close()
        await life.journal.close()
        await logs.close()


async def ended(life: Life) -> None:
    async with asyncio.timeout(20):
        while life.driver.tally.counts():
            await passing(0.01)


async def test_runs_and_their_output_outlive_the_daemon(tmp_path: Path) -> None:
    platform = Platform()
    async with living(tmp_path, platform) as life:
        for _ in range(20):
            assert (await life.desk.ask(Submit(task="work"), ANNA)).run_id is not None
        while len(platform.sinks) < 20:
            await passing(0.01)
        for sink in platform.sinks.values():
            await sink.write("out", 0, b"before ")
    async with living(tmp_path, platform) as life:
        while platform.calls.count("follow") < 40:
            await passing(0.01)
        for sink in platform.sinks.values():
            assert await sink.stored("out") == 7
            await sink.write("out", 5, b"e after")
        platform.end()
        await within(20, ended(life))
        output = [piece async for piece in life.desk.log(7, {})]
        assert b"".join(piece.data for piece in output) == b"before after"
    database = sqlite3.connect(tmp_path / "polysync.db")
    assert database.execute("SELECT state, count(*) FROM runs GROUP BY state").fetchall() == [("succeeded", 20)]
    assert database.execute("SELECT count(*) FROM audit WHERE verb = 'run'").fetchone() == (20,)
    database.close()
    assert platform.calls.count("start") == 20


async def test_a_burst_is_stored_in_few_transactions(tmp_path: Path) -> None:
    platform = Platform()
    platform.lasts = 0.01
    async with living(tmp_path, platform) as life:
        asked = [life.inbox.ask(Submit(task="work", key=str(number)), ANNA) for number in range(120)]
        for answer in asked:
            assert (await within(20, answer)).run_id is not None
        await within(20, ended(life))
        async with asyncio.timeout(20):
            while platform.calls.count("forget") < 120:
                await passing(0.01)
        assert life.journal.writer.commits < 60


@fault("F4")
async def test_real_processes_are_followed_over_a_death(tmp_path: Path) -> None:
    adapter = LocalAdapter({}, home=Home(tmp_path))
    command = Command("echo begun; until [ -e go ]; do sleep 0.05; done; echo ended; exit 3")

    async def prepare(run: Run, attempt: Attempt) -> Work:
        process = Process(working_dir=str(tmp_path))
        return replace(await prepared(run, attempt), command=command, process=process, folder=str(tmp_path))

    async with living(tmp_path, adapter, prepare) as life:
        await life.desk.ask(Submit(task="work"), ANNA)
        log = life.desk.log(1, {})
        assert (await within(20, anext(log))).data == b"begun\n"
        assert life.desk.status()["runs"]["running"] == 1
    adapter.close()
    (tmp_path / "go").touch()
    adapter = LocalAdapter({}, home=Home(tmp_path))
    async with living(tmp_path, adapter, prepare) as life:
        await within(20, ended(life))
        output = [piece async for piece in life.desk.log(1, {})]
        assert b"".join(piece.data for piece in output) == b"begun\nended\n"
        async with asyncio.timeout(20):
            while (tmp_path / "runs" / "1").exists():
                await passing(0.01)
    adapter.close()
    database = sqlite3.connect(tmp_path / "polysync.db")
    assert database.execute("SELECT state, end_reason FROM runs").fetchall() == [("failed", "exit_code")]
    database.close()
