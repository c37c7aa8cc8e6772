"""A thousand who follow: each hears everything, and when they are gone nothing of them is left."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from polysync.api.client import Client
from tests.service.daemons import READY, daemon

MANY: Final = 1000
RUNS: Final = 20
DEADLINE: Final = 60.0
LEFT_OVER: Final = 12 << 20  # bytes that one more crowd may cost: a thousand connections were ten times that
TASKS = '[tasks.fine]\nrun = "true"\nmax_concurrent = 5\non_overlap = "queue"\nqueue_max = 50\n'


@pytest.fixture(autouse=True)
def _descriptors() -> Iterator[None]:
    """A thousand sockets are more than most shells allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * MANY)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Listener:
    """One follower of events."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.numbers: list[int] = []

    async def begin(self) -> None:
        """Follow from now on."""
        self._writer.write(b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head

    async def hear(self, event: str, count: int) -> None:
        """Listen until that has happened so many times."""
        while count:
            line = await self._reader.readline()
            assert line, "it was hung up on"
            if line.startswith(b"{"):
                told = json.loads(line)
                assert told["event"] != "gap"
                self.numbers.append(told["seq"])
                count -= told["event"] == event

    def close(self) -> None:
        self._writer.close()


async def listener(path: str) -> Listener:
    connection = socket.socket(socket.AF_UNIX)
    await asyncio.to_thread(connection.connect, path)
    return Listener(*await asyncio.open_unix_connection(sock=connection))


def ask(path: str, method: str, target: str) -> Any:
    with Client(path) as client:
        return json.loads(client.request(method, target, b"{}" if method == "POST" else None).body)


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


async def a_crowd(path: str, pid: int) -> None:
    """Have so many follow some runs, and leave."""
    before = descriptors(pid)
    async with asyncio.timeout(DEADLINE):
        listeners = [await listener(path) for _ in range(MANY)]
        await asyncio.gather(*(one.begin() for one in listeners))
        assert descriptors(pid) > before + MANY - 9  # its own workings open and close files now and then
        for _ in range(RUNS):
            await asyncio.to_thread(ask, path, "POST", "/api/tasks/fine/run")
        await asyncio.gather(*(one.hear("run.succeeded", RUNS) for one in listeners))
        first = listeners[0].numbers
        assert first == list(range(first[0], first[0] + len(first)))
        assert all(one.numbers == first for one in listeners)
        for one in listeners:
            one.close()
        while descriptors(pid) > before + 4:
            await asyncio.to_thread(ask, path, "GET", "/api/status")


@pytest.mark.slow
async def test_a_thousand_followers_hear_everything_and_leave_nothing(tmp_path: Path) -> None:
    with daemon(tmp_path, config=TASKS) as running:
        running.until(READY)
        path, pid = str(tmp_path / ".polysync" / "polysync.sock"), running.process.pid
        await a_crowd(path, pid)
        after_one = resident(pid)
        for _ in range(2):
            await a_crowd(path, pid)
        assert resident(pid) < after_one + LEFT_OVER
