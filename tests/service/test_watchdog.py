"""Signs of life: who is asked, who is named when it does not answer, and that the manager then hears nothing."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from polysync.api.client import Client
from polysync.clock import SystemClock
from polysync.daemon.gauges import Gauges
from polysync.daemon.inbox import Inbox
from polysync.daemon.notify import Supervisor
from polysync.daemon.spawn import Tasks
from polysync.daemon.watchdog import INTERVAL, Question, Silent, Watchdog, api_question, scheduler_question
from polysync.ports import PortError
from polysync.testing import SimClock
from tests.faults import fault
from tests.service.daemons import READY, Daemon, daemon

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
EACH_SECOND = '[tasks.t]\nrun = "true"\ncron = "* * * * * *"\n'


class Notes:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []
        self.said = asyncio.Event()

    def __getattr__(self, level: str) -> Callable[..., None]:
        def note(event: str, **values: Any) -> None:
            self.lines.append((level, event, values))

        return note

    def parts(self) -> list[tuple[str, str]]:
        return [(level, values["part"]) for level, _, values in self.lines]


class Overseer:
    """A service manager's end of the line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.line.bind(str(path))
        self.line.settimeout(20)

    def heard(self) -> list[str]:
        """What was said until now."""
        self.line.setblocking(False)
        words = []
        try:
            while True:
                words.append(self.line.recv(1024).decode())
        except BlockingIOError:
            return words
        finally:
            self.line.settimeout(20)

    def until(self, word: str) -> list[str]:
        """What is said up to a word, with it."""
        words = [self.line.recv(1024).decode()]
        while word not in words[-1]:
            words.append(self.line.recv(1024).decode())
        return words


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Overseer]:
    made = Overseer(tmp_path / "notify")
    yield made
    made.line.close()


class Kennel:
    """A watchdog whose time passes as the test wants."""

    def __init__(self, above: Supervisor, questions: dict[str, Question]) -> None:
        self.clock, self.notes, self.gauges = SimClock(NOON), Notes(), Gauges()
        self.failed: list[BaseException] = []
        self.tasks = Tasks(self.failed.append)
        self.dog = Watchdog(
            questions, clock=self.clock, above=above, log=self.notes, gauges=self.gauges, tasks=self.tasks
        )

    async def pass_by(self, share: float) -> None:
        """Let a share of the interval pass, look, and let whoever can answer."""
        self.clock.advance(share * self.dog.interval)
        self.dog.look()
        for _ in range(5):
            await turn()


@asynccontextmanager
async def kennel(manager: Overseer, **questions: Callable[[], Awaitable[object]]) -> AsyncIterator[Kennel]:
    made = Kennel(Supervisor(str(manager.path), timedelta(seconds=10)), dict(questions))
    yield made
    await made.tasks.close()
    assert not made.failed


async def at_once() -> None: ...


async def turn() -> None:
    """Let the loop turn once."""
    turned = asyncio.get_running_loop().create_future()
    turned.get_loop().call_soon(turned.set_result, None)
    await turned


async def test_as_long_as_all_answer_the_manager_hears_of_it(manager: Overseer) -> None:
    async with kennel(manager, one=at_once, two=at_once) as kept:
        for _ in range(12):
            await kept.pass_by(0.25)
            assert manager.heard() == ["WATCHDOG=1"]
        assert kept.notes.lines == []


async def test_whoever_does_not_answer_is_named_and_the_signs_end(manager: Overseer) -> None:
    gate = asyncio.Event()
    async with kennel(manager, journal=gate.wait, api=at_once) as kept:
        for _ in range(3):
            await kept.pass_by(0.25)
        assert manager.heard() == ["WATCHDOG=1"] * 3
        await kept.pass_by(0.25)
        await kept.pass_by(0.25)
        assert manager.heard() == ["STATUS=stuck: journal"]
        assert list(kept.gauges.stuck) == ["journal"]
        assert kept.notes.parts() == [("error", "journal")]
        gate.set()
        await kept.pass_by(0.25)
        assert manager.heard() == []
        await kept.pass_by(0.25)
        assert manager.heard() == ["STATUS=answers again", "WATCHDOG=1"]
        assert list(kept.gauges.stuck) == []
        assert kept.notes.parts() == [("error", "journal"), ("warning", "journal")]


async def test_a_refusal_is_an_answer_and_silence_is_none(manager: Overseer) -> None:
    async def refuse() -> None:
        raise PortError("the disk is full")

    async def hush() -> None:
        raise Silent

    async with kennel(manager, refuses=refuse, hushes=hush) as kept:
        for _ in range(5):
            await kept.pass_by(0.25)
        assert kept.gauges.stuck == ("hushes",)


async def test_without_a_manager_it_looks_rarely_and_tells_the_log() -> None:
    kept = Kennel(Supervisor(), {"one": asyncio.Event().wait})
    assert kept.dog.interval == INTERVAL
    await kept.pass_by(0.5)
    await kept.pass_by(0.5)
    assert kept.notes.parts() == [("error", "one")]
    await kept.tasks.close()


async def test_the_scheduler_has_beaten_or_rightly_does_not() -> None:
    gauges, inbox, ending = Gauges(beats=3), Inbox(), [False]
    ask = scheduler_question(gauges, inbox, lambda: ending[0])
    await ask()
    with pytest.raises(Silent):
        await ask()
    gauges.beats += 1
    await ask()
    gauges.trouble = "the disk is full"
    await ask()
    gauges.trouble = ""
    ending[0] = True
    await ask()


async def test_a_sleeping_scheduler_is_woken_to_prove_that_it_can() -> None:
    inbox, tasks = Inbox(), Tasks(lambda _error: None)
    sleeping = tasks.spawn(inbox.take(timedelta(hours=1)), "driver")
    await turn()
    await scheduler_question(Gauges(), inbox, lambda: False)()
    assert await sleeping == []


@pytest.mark.parametrize("depth", [0, 12])
async def test_the_api_answers_itself(depth: int, tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["a-folder"] * depth)
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "polysync.sock"
    with pytest.raises(Silent):
        await api_question(place)()
    answers = [b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"", b"220 mail\r\n"]
    (tmp_path / "s").symlink_to(folder)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET /api/health ")
        writer.write(answers.pop(0))
        writer.close()

    server = await asyncio.start_unix_server(serve, str(tmp_path / "s" / "polysync.sock"))
    await api_question(place)()
    for _ in range(2):
        with pytest.raises(Silent):
            await api_question(place)()
    server.close()


# ---- the thread, and real daemons


async def test_a_loop_that_stands_is_named_with_the_place_it_stands_in(manager: Overseer) -> None:
    notes, tasks, clock = Notes(), Tasks(lambda _error: None), SystemClock()
    above = Supervisor(str(manager.path), timedelta(milliseconds=200))
    dog = Watchdog({}, clock=clock, above=above, log=notes, gauges=Gauges(), tasks=tasks)
    dog.start()
    while "WATCHDOG=1" not in manager.heard():
        await turn()
    end = clock.read().monotonic + timedelta(seconds=10)
    while not notes.lines and clock.read().monotonic < end:
        pass  # the loop stands here
    [(level, _, values)] = notes.lines
    assert (level, values["part"]) == ("error", "loop")
    assert "test_watchdog.py" in values["standing"]
    while len(notes.lines) < 2:
        await turn()
    assert notes.parts()[1] == ("warning", "loop")
    dog.close()


@contextmanager
def watched(folder: Path, failpoint: str) -> Iterator[tuple[Daemon, Overseer, str]]:
    manager = Overseer(folder / "notify")
    env = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "800000", "POLYSYNC_FAILPOINT": failpoint}
    with closing(manager.line), daemon(folder, config=EACH_SECOND, env=env) as running:
        yield running, manager, running.until(READY)["socket"]


def signs(words: list[str]) -> int:
    return sum(word == "WATCHDOG=1" for word in words)


@fault("F20")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "named"), [("logs.before_commit", {"log book"}), ("journal.before_commit", {"journal", "scheduler"})]
)
def test_a_stuck_writer_ends_the_signs_and_is_named(place: str, named: set[str], tmp_path: Path) -> None:
    with watched(tmp_path, f"{place}=spin:3@8") as (running, manager, path):
        assert running.until("a part of the daemon does not answer")["part"] in named
        with Client(path) as client:
            told = json.loads(client.request("GET", "/api/status").body)
        assert set(told["watchdog"]["stuck"]) & named
        assert told["state"] == "degraded"
        said = manager.until("STATUS=stuck")
        assert signs(said) >= 2
        assert signs(manager.until("STATUS=answers again")) == 0
        assert running.until("a part of the daemon answers again")["part"] in named
        manager.until("WATCHDOG=1")
        assert running.end() == 0


@fault("F30")
@pytest.mark.slow
def test_a_loop_that_spins_is_named_before_the_manager_acts(tmp_path: Path) -> None:
    with watched(tmp_path, "driver.before_actions=spin:2@3") as (running, manager, _path):
        told = running.until("a part of the daemon does not answer")
        assert told["part"] == "loop"
        assert "failpoints.py" in told["standing"]
        assert running.until("a part of the daemon answers again")["part"] == "loop"
        manager.heard()
        manager.until("WATCHDOG=1")
        assert running.end() == 0


@fault("F20")
@pytest.mark.slow
def test_a_socket_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    with watched(tmp_path, "") as (running, manager, path):
        Path(path).unlink()
        assert running.until("a part of the daemon does not answer")["part"] == "api"
        manager.until("STATUS=stuck: api")
        assert running.end() == 0
