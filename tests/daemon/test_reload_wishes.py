"""Wishes to read the configuration again: shared, never lost, answered once it is durable; all parts follow it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from polysync.api.auth import Doorkeeper
from polysync.clock import SystemClock
from polysync.config.decode import Loaded
from polysync.config.load import load
from polysync.config.seen import seen_of
from polysync.daemon.files import Files
from polysync.daemon.notify import Supervisor
from polysync.daemon.reload import NOBODY, REFUSED, Reloading
from polysync.daemon.spawn import Tasks
from polysync.domain.effects import EventName
from polysync.domain.settings import Configuration
from polysync.domain.values import Role
from polysync.ports import Asker, PortError
from polysync.testing import SimClock
from tests.daemon.rig import Rig
from tests.daemon.virtual import passing

pytestmark = pytest.mark.slow

ANNA = Asker("anna", Role.ADMIN)
ONE = '[tasks.t]\nrun = "true"\ncron = "@every 1h"\n'
TWO = ONE + '[tasks.u]\nrun = "true"\ncron = "@every 2h"\n'


class Said:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **about: Any) -> None:
        self.lines.append((event, about))

    error = warning = info


class Scene:
    """A driver on rows in memory, a file, and whoever reads it again."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "polysync.toml"
        self.file.write_text(ONE)
        self.reads = 0
        self.meanwhile: Callable[[], None] = lambda: None
        self.log = Said()
        first = self.load()
        assert first.config is not None
        clock = self.clock = SimClock(SystemClock().read().wall)
        self.rig = Rig(clock, *first.config.tasks.values(), zone=first.config.zone)
        self.rig.driver.configuration = first.config
        self.rig.on_configured = self.configured
        self.followed: list[Configuration] = []
        self.keepers: list[Doorkeeper] = []
        self.files = Files(self.file, self.load, SystemClock(), seen_of(first, self.file))
        self.reloading = Reloading(
            self.files,
            driver=self.rig.driver,
            inbox=self.rig.inbox,
            bus=self.rig.bus,
            clock=clock,
            log=self.log,
            admit=self.keepers.append,
        )

    def load(self) -> Loaded:
        self.reads += 1
        loaded = load(self.file, env={})
        if self.reads > 1:
            self.meanwhile()
        return loaded

    def configured(self, configuration: Configuration) -> None:
        self.followed.append(configuration)
        self.reloading.committed(configuration)

    @property
    def tasks(self) -> list[str]:
        return list(self.rig.driver.configuration.tasks)


async def until(true: Callable[[], object]) -> None:
    """Let others have the loop until something is so; the scene has a deadline."""
    while not true():
        await passing(0.001)


@asynccontextmanager
async def scene(folder: Path, above: Supervisor = NOBODY) -> AsyncIterator[Scene]:
    made = Scene(folder)
    await made.rig.up()
    made.rig.tasks.spawn(made.reloading.serve(above), "reload")
    try:
        async with asyncio.timeout(30):
            yield made
    finally:
        await made.rig.down()


async def test_the_answer_comes_once_it_is_durable_and_all_parts_follow(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        await here.rig.driver.start()
        here.file.write_text(TWO)
        here.rig.memory.gate = asyncio.Event()
        asked = here.rig.tasks.spawn(here.reloading.reload(ANNA), "ask")
        await asyncio.wait((asked,), timeout=0.5)
        assert (asked.done(), here.tasks, here.followed) == (False, ["t"], [])
        here.rig.memory.gate.set()
        outcome = await asked
        assert outcome.plan.added == ("tasks.u",)
        assert here.tasks == ["t", "u"]
        assert [list(one.tasks) for one in here.followed] == [["t", "u"]]
        assert len(here.keepers) == 1
        assert here.reloading.facts()["hash"] == outcome.hash
        await until(lambda: here.rig.memory.audit)
        assert [(entry.verb, entry.outcome, entry.actor) for entry in here.rig.memory.audit] == [
            ("reload", "done", "anna")
        ]


async def test_whoever_is_above_hears_of_it_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    """As `Type=notify-reload` of systemd wants it: the moment on its clock, and READY when it is over."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(path)
        async with scene(tmp_path, Supervisor(path)) as here:
            await here.rig.driver.start()
            began = here.clock.read().monotonic // timedelta(microseconds=1)
            await here.reloading.reload(ANNA, dry_run=True)
            here.file.write_text(TWO)
            await here.reloading.reload(ANNA)
            here.file.write_text("tasks = 1")
            await here.reloading.reload(ANNA)
            line.setblocking(False)
            await until(lambda: here.reloading.facts()["error"])
        heard = [line.recv(1024).decode().split("\n") for _ in range(4)]
        with pytest.raises(BlockingIOError):
            line.recv(1024)
    assert [words[0] for words in heard] == ["RELOADING=1", "READY=1"] * 2
    assert [int(words[1].removeprefix("MONOTONIC_USEC=")) >= began for words in heard[::2]] == [True, True]
    assert [words[1] for words in heard[1::2]] == ["STATUS=2 tasks", f"STATUS={REFUSED}"]


async def test_what_was_read_is_kept_for_the_next_start_once_nobody_waits(tmp_path: Path) -> None:
    """And what was read before it is not: each holds a whole configuration."""
    async with scene(tmp_path) as here:
        await here.rig.driver.start()
        done: list[str] = []
        here.files.errands += [lambda: done.append("old"), lambda: done.append("new")]
        await here.reloading.reload(ANNA)
        await until(lambda: done)
        assert (done, here.files.errands) == (["new"], [])


@pytest.mark.parametrize("stored", [False, True])
async def test_a_commit_that_fails_is_made_again_and_everything_follows_it_then(
    tmp_path: Path, *, stored: bool
) -> None:
    async with scene(tmp_path) as here:
        here.file.write_text(TWO)
        here.rig.memory.fates = [(stored, PortError("busy"))]
        outcome = await here.reloading.reload(ANNA)
        assert not outcome.errors
        assert (here.tasks, len(here.keepers)) == (["t", "u"], 1)
        assert here.followed[-1] is here.rig.driver.configuration
        assert here.rig.driver.gauges.rebuilds == 1


async def test_what_is_the_same_is_the_same_object(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        before = here.rig.driver.configuration
        here.file.write_text(TWO)
        await here.reloading.reload(ANNA)
        assert here.rig.driver.configuration.tasks["t"] is before.tasks["t"]
        here.file.write_text(ONE.replace("true", "false"))
        outcome = await here.reloading.reload(ANNA)
        assert outcome.plan.removed == ("tasks.u",)
        assert [(one.key, one.new) for one in outcome.plan.changed] == [("run", "false")]


async def test_many_wishes_share_a_reading_and_one_that_comes_late_has_its_own(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        many = [here.rig.tasks.spawn(here.reloading.reload(ANNA), "ask") for _ in range(50)]
        for _ in range(100):
            here.reloading.wish()
        await asyncio.gather(*many)
        assert here.reads <= 3
        reads = here.reads

        def edited() -> None:
            here.meanwhile = lambda: None
            loop.call_soon_threadsafe(here.reloading.wish)

        loop, here.meanwhile = asyncio.get_running_loop(), edited
        await here.reloading.reload(ANNA)
        await until(lambda: here.reads >= reads + 2)


async def test_a_dry_run_changes_nothing_and_tells_nobody(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.file.write_text(TWO)
        outcome = await here.reloading.reload(ANNA, dry_run=True)
        assert outcome.plan.added == ("tasks.u",)
        here.file.write_text("[tasks.t]\nrun = 5\n")
        outcome = await here.reloading.reload(ANNA, dry_run=True)
        assert len(outcome.errors) >= 1
        assert (here.tasks, here.followed, here.reloading.troubles()) == (["t"], [], [])
        assert EventName.CONFIG_ERROR not in {event.name for event in here.rig.published}
        assert here.rig.memory.audit == []


async def test_errors_are_told_until_the_file_is_good_or_as_it_was(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.file.write_text("[tasks.t]\nrun = 5\nrum = 6\n")
        outcome = await here.reloading.reload(ANNA)
        facts = here.reloading.facts()
        assert facts["error"]["problems"] == len(outcome.errors)
        assert facts["error"]["first"] == str(outcome.errors[0])
        assert here.reloading.troubles() == ["config_error"]
        assert [line for line, _ in here.log.lines].count("wrong in the configuration") == len(outcome.errors)
        await until(lambda: EventName.CONFIG_ERROR in {event.name for event in here.rig.published})
        await here.reloading.look()
        assert here.reloading.facts()["newer"]
        here.file.write_text(ONE)
        here.files.look_soon()
        await here.reloading.look()
        assert here.reloading.troubles() == []
        assert not here.reloading.facts()["newer"]
        here.file.write_text(TWO)
        await here.reloading.reload(ANNA)
        assert here.reloading.facts()["error"] is None


async def test_a_file_that_is_edited_whenever_it_is_read_is_not_believed(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:

        def edit() -> None:
            here.file.write_text(f"{TWO}# {here.reads}\n")

        here.meanwhile = edit
        outcome = await here.reloading.reload(ANNA)
        assert "edited again and again" in str(outcome.errors[0])
        assert here.tasks == ["t"]


async def test_what_waits_for_another_start_is_named_until_then(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.file.write_text(ONE + '[daemon]\ndata_dir = "x"\n[access]\nviewers = ["nobody"]\n')
        outcome = await here.reloading.reload(ANNA)
        assert outcome.plan.restart_only == ("daemon.data_dir", "access")
        here.file.write_text(ONE + '[daemon]\ndata_dir = "x"\nmax_running = 3\n')
        outcome = await here.reloading.reload(ANNA)
        assert outcome.plan.restart_only == ("access",)
        assert here.reloading.facts()["restart_only"] == ["daemon.data_dir"]


async def test_whoever_waits_when_the_daemon_goes_is_told(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.file.write_text(TWO)
        here.rig.memory.gate = asyncio.Event()
        asked = Tasks(lambda _error: None).spawn(here.reloading.reload(ANNA), "ask")
        await asyncio.wait((asked,), timeout=0.5)
        with suppress(asyncio.CancelledError):
            await here.rig.tasks.close()
        with pytest.raises(PortError, match="shutting down"):
            await asked
        with pytest.raises(PortError, match="shutting down"):
            await here.reloading.reload(ANNA)
        assert not here.keepers
