"""The blocking client: what it understands, what it says when nobody answers, and what it costs."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import polysync
from polysync.api import client as module
from polysync.api.client import Client
from tests.api.stage import a_run, descriptors, staged

HEAD = b"HTTP/1.1 200 OK\r\nPolysync-Version: 1\r\n"


@contextmanager
def scripted(path: Path, *answers: bytes) -> Iterator[str]:
    """A server that gives these answers, one a connection, and hangs up."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def work() -> None:
        for answer in answers:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield str(path)
    finally:
        thread.join(20)
        listening.close()


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (HEAD + b"Content-Length: 3\r\n\r\nabc", b"abc"),
        (HEAD + b"\r\nabc", b"abc"),
        (
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\nT: u\r\n\r\n".replace(b";x", b""),
            b"abc",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 0\r\n\r\n", b""),
    ],
)
def test_bodies_of_all_kinds_are_read(tmp_path: Path, answer: bytes, body: bytes) -> None:
    with scripted(tmp_path / "s", answer) as path, Client(path, timeout=20) as client:
        assert client.request("GET", "/").body == body


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", module.TurnedAway),
        (HEAD + b"Content-Length: 3\r\n\r\nab", module.TurnedAway),
        (b"HTTP/1.1 200 OK\r\n\r\n", module.Garbled),
        (b"SSH-2.0-x\r\n\r\n", module.Garbled),
        (HEAD + b"Content-Length: x\r\n\r\n", module.Garbled),
        (HEAD.replace(b"1\r\n", b"2\r\n") + b"Content-Length: 0\r\n\r\n", module.OtherVersion),
        (b"x" * (1 << 17), module.Garbled),
    ],
)
def test_what_is_wrong_has_a_name(tmp_path: Path, answer: bytes, error: type[module.Unreachable]) -> None:
    client = Client(str(tmp_path / "s"), timeout=20, version="1")
    with scripted(tmp_path / "s", answer), pytest.raises(error, match=r"\w"):
        client.request("GET", "/")


def test_no_daemon_is_not_running(tmp_path: Path) -> None:
    with pytest.raises(module.NotRunning), Client(str(tmp_path / "none")) as client:
        client.request("GET", "/")


def test_a_daemon_that_is_silent_times_out(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        with pytest.raises(module.TimedOut), Client(str(tmp_path / "s"), timeout=0.05) as client:
            client.request("GET", "/")


def test_a_full_queue_turns_away(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen(0)
        with socket.socket(socket.AF_UNIX) as first, Client(str(tmp_path / "s"), timeout=0.05) as client:
            first.connect(str(tmp_path / "s"))
            with pytest.raises(module.Full):
                client.request("GET", "/")


def test_a_line_break_cannot_be_smuggled_in(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line break"), Client(str(tmp_path / "s")) as client:
        client.request("GET", "/", headers={"X": "a\r\nB: c"})


async def test_a_connection_is_kept_and_the_version_checked(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1))

        def work() -> list[int]:
            with stage.client(version=polysync.__version__) as client:
                first = [client.request("GET", "/api/health").status for _ in range(3)]
                unread = client.stream("GET", "/api/runs/1")
                return [*first, unread.status, client.request("GET", "/api/runs/1").status]

        import asyncio  # noqa: PLC0415 - the rest of this file is about a world without it

        assert await asyncio.to_thread(work) == [200] * 5


async def test_a_deep_socket_is_reached(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d" * 50] * 4)
    deep.mkdir(parents=True)
    async with staged(deep) as stage:
        before = descriptors()
        assert (await stage.ask("GET", "/api/health")).status == 200
        await stage.until(lambda: descriptors() == before)


def test_the_client_imports_next_to_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import polysync.api.client; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"__future__", "_socket", "polysync", "polysync.api", "polysync.api.client"}
