"""The server against clients that are slow, rude, many or gone."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from polysync.api.asked import Asked
from polysync.api.auth import Peer
from polysync.api.client import StaleSocket
from polysync.api.connection import Limits
from polysync.api.doors import LOBBY
from polysync.api.office import Office
from polysync.api.response import Response
from polysync.api.route import Route
from polysync.domain.settings import Access
from polysync.domain.values import Role
from tests.api.stage import DEADLINE, Stage, a_run, descriptors, staged
from tests.faults import fault

GET = b"GET /api/health HTTP/1.1\r\nHost: x\r\n"
BIG = 8 << 20
HASTY = Limits(tick=0.02, request=3, idle=6, stall=5, stream_stall=5, answer=0.1)


def connect(stage: Stage) -> socket.socket:
    """A connection that does nothing yet."""
    caller = socket.socket(socket.AF_UNIX)
    caller.settimeout(DEADLINE)
    caller.connect(str(stage.path))
    return caller


def stream_route(make: Callable[[], AsyncIterator[bytes]], *, endless: bool = False) -> Route:
    """A route that streams what the test makes."""

    async def answer(_office: Office, _asked: Asked) -> Response:
        return Response(stream=make(), endless=endless)

    return Route("GET", "health", Role.VIEWER, answer)


async def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(*map(a_run, (1, 2)))
        asked = b"".join(b"GET /api/runs/%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in (1, 2))
        got = await stage.raw(asked + GET + b"Connection: close\r\n\r\n" + GET)
    heads = [line for line in got.split(b"\r\n") if line.startswith(b"HTTP/1.1") or b"HTTP/1.1 200" in line]
    assert len(heads) == 3
    assert got.index(b'"id":1') < got.index(b'"id":2') < got.index(b'"ok":true')


async def test_a_request_may_come_byte_by_byte(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        whole = GET + b"Connection: close\r\n\r\n"
        assert b"200 OK" in await stage.raw(*(bytes([byte]) for byte in whole))


async def test_old_clients_get_a_closed_connection_and_no_chunks(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1))
        stage.books.say(1, 1, "out", b"hello")
        got = await stage.raw(b"GET /api/runs/1/log HTTP/1.0\r\n\r\n")
    assert got.endswith(b"\r\n\r\nhello")
    assert b"chunked" not in got


async def test_a_client_that_waits_is_told_to_go_on(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        head = b"POST /api/tasks/backup/run HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
        reader, writer = await asyncio.open_unix_connection(str(stage.path))
        writer.write(head + b"Connection: close\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        assert b"201 Created" in await reader.read()
        writer.close()


@fault("F43")
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01garbage", b"400"),
        (b"BREW /pot HTTP/1.1\r\n\r\n", b"501"),
        (b"GET /" + b"a" * 10_000, b"414"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", b"413"),
    ],
)
async def test_rubbish_is_answered_and_hung_up_on(tmp_path: Path, data: bytes, status: bytes) -> None:
    async with staged(tmp_path) as stage:
        got = await stage.raw(data)
        head, _, body = got.partition(b"\r\n\r\n")
        assert head.split(b" ")[1] == status
        assert json.loads(body)["error"]["message"]
        assert (await stage.ask("GET", "/api/health")).status == 200
        assert stage.said == []


async def test_half_a_request_and_no_more_gets_nothing(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        assert await stage.raw(GET, half=True) == b""
        assert b"200 OK" in await stage.raw(GET + b"\r\n", half=True)


async def test_patience_ends(tmp_path: Path) -> None:
    async with staged(tmp_path, limits=HASTY) as stage:
        assert b" 408 " in await stage.raw(GET)
        assert await stage.raw() == b""  # idle from the first
        first = await stage.raw(GET + b"\r\n")
        assert first.count(b"HTTP/1.1") == 1
        await stage.until(lambda: stage.server.connections == 0)


async def test_an_answer_that_never_comes_is_given_up(tmp_path: Path) -> None:
    async with staged(tmp_path, limits=HASTY) as stage:
        stage.desk.hold = asyncio.Event()
        got = await stage.ask("POST", "/api/tasks/backup/run")
        assert (got.status, json.loads(got.body)["error"]["code"]) == (503, "unavailable")


@fault("F43")
async def test_whoever_does_not_read_is_hung_up_on(tmp_path: Path) -> None:
    async with staged(tmp_path, limits=HASTY) as stage:
        stage.books.keep(a_run(1))
        stage.books.say(1, 1, "out", *[b"x" * (64 << 10)] * 64)
        with connect(stage) as caller:
            caller.sendall(b"GET /api/runs/1/log HTTP/1.1\r\nHost: x\r\n\r\n")
            await stage.until(lambda: stage.server.connections == 1)
            await stage.until(lambda: stage.server.connections == 0)


async def test_a_stream_makes_no_more_than_is_read(tmp_path: Path) -> None:
    made = 0

    async def pour() -> AsyncIterator[bytes]:
        nonlocal made
        while made < 50 << 20:
            made += 64 << 10
            yield b"x" * (64 << 10)

    async with staged(tmp_path, routes=[stream_route(pour)]) as stage:
        with connect(stage) as caller:
            caller.sendall(GET + b"\r\n")
            await stage.until(lambda: made > 0)
            assert (await stage.ask("HEAD", "/api/health")).status == 200
            held = made
            assert held < 2 << 20
            got = await asyncio.to_thread(_read_to, caller, 50 << 20)
            assert got >= 50 << 20


def _read_to(caller: socket.socket, size: int) -> int:
    got = 0
    while got < size:
        got += len(caller.recv(1 << 20))
    return got


async def test_a_stream_that_breaks_is_seen_to_break(tmp_path: Path) -> None:
    async def pour() -> AsyncIterator[bytes]:
        yield b""
        yield b"first"
        raise RuntimeError("s3cret")

    async with staged(tmp_path, routes=[stream_route(pour)]) as stage:
        got = await stage.raw(GET + b"\r\n")
        assert not got.endswith(b"0\r\n\r\n")
        assert b"s3cret" not in got
        assert [text for text, _ in stage.said] == ["a stream broke off"]


@pytest.mark.parametrize("rude", [True, False])
async def test_a_follower_that_goes_ends_its_stream(tmp_path: Path, rude: bool) -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def pour() -> AsyncIterator[bytes]:
        try:
            yield b"first\n"
            begun.set()
            await asyncio.Event().wait()
        finally:
            over.set()

    async with staged(tmp_path, routes=[stream_route(pour, endless=True)]) as stage:
        caller = connect(stage)
        caller.sendall(GET + b"\r\n")
        async with asyncio.timeout(DEADLINE):
            await begun.wait()
            caller.close() if rude else caller.shutdown(socket.SHUT_WR)
            await over.wait()
        caller.close()
        await stage.until(lambda: stage.server.connections == 0)
        assert stage.said == []


async def test_one_too_many_is_told_so(tmp_path: Path) -> None:
    async with staged(tmp_path, limits=Limits(connections=2)) as stage:
        callers = [connect(stage) for _ in range(2)]
        await stage.until(lambda: stage.server.connections == 2)
        got = await stage.ask("GET", "/api/health")
        assert (got.status, got.headers["connection"], got.headers["retry-after"]) == (503, "close", "1")
        for caller in callers:
            caller.close()
        await stage.until(lambda: stage.server.connections == 0)
        assert (await stage.ask("GET", "/api/health")).status == 200


@fault("F43")
async def test_a_crowd_does_not_get_past_the_lobby(tmp_path: Path) -> None:
    async with staged(tmp_path, limits=Limits(connections=1, tick=0.02)) as stage:
        callers = [connect(stage) for _ in range(1 + LOBBY)]
        await stage.until(lambda: stage.server.connections == 1 + LOBBY)
        assert b" 503 " in await stage.raw()
        await stage.until(lambda: stage.server.connections == 1)  # whoever only stands in the lobby is sent away
        for caller in callers:
            caller.close()


async def test_viewers_leave_room_for_the_owner(tmp_path: Path) -> None:
    uids = iter([7, 7, 7, 7, os.geteuid()])
    async with staged(
        tmp_path,
        access=Access(viewers=("@root",)),
        limits=Limits(connections=4),
        peer=lambda _s: Peer(1, next(uids), frozenset({0})),
    ) as stage:
        callers = [connect(stage) for _ in range(3)]
        await stage.until(lambda: stage.server.connections == 3)
        assert (await stage.ask("GET", "/api/health")).status == 503
        await stage.until(lambda: stage.server.connections == 3)
        assert (await stage.ask("GET", "/api/health")).status == 200
        for caller in callers:
            caller.close()


@fault("F43")
async def test_a_thousand_callers_leave_no_descriptor(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.ask("GET", "/api/health")
        await stage.until(lambda: stage.server.connections == 0)
        before = descriptors()
        for number in range(1000):
            with connect(stage) as caller:
                caller.sendall([b"", GET, GET + b"\r\n", b"\x00"][number % 4])
            if number % 25 == 0:  # connections are accepted in order: after this one, all are
                await stage.ask("GET", "/api/health")
        await stage.until(lambda: stage.server.connections == 0)
        assert descriptors() == before
        assert (await stage.ask("GET", "/api/health")).status == 200
        assert stage.said == []


async def test_a_client_that_sends_ahead_is_slowed_down(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.desk.hold = asyncio.Event()
        post = b"POST /api/tasks/backup/run HTTP/1.1\r\nHost: x\r\n\r\n"
        many = 40_000
        with connect(stage) as caller:
            caller.setblocking(False)
            caller.send(post)
            sent = 0
            while sent < BIG and (more := _sent(caller, (GET + b"\r\n") * many)):
                sent += more
                await stage.ask("HEAD", "/api/health")
            assert sent < BIG  # the kernel's buffer and the server's are full
            stage.desk.hold.set()
            assert b"201 Created" in await asyncio.get_running_loop().sock_recv(caller, 4096)


def _sent(caller: socket.socket, data: bytes) -> int:
    try:
        return caller.send(data)
    except BlockingIOError:
        return 0


async def test_who_asks_much_at_once_waits_for_the_others(tmp_path: Path) -> None:
    order: list[str] = []

    async def answer(_office: Office, asked: Asked) -> Response:
        order.append(asked.request.target)
        return Response(body=b"{}")

    many = 300
    async with staged(tmp_path, routes=[Route("GET", "{any}", Role.VIEWER, answer)]) as stage:
        with connect(stage) as greedy, connect(stage) as modest:
            await stage.until(lambda: stage.server.connections == 2)
            greedy.sendall(b"GET /api/greedy HTTP/1.1\r\nHost: x\r\n\r\n" * many)
            modest.sendall(b"GET /api/modest HTTP/1.1\r\nHost: x\r\n\r\n")
            await stage.until(lambda: len(order) == many + 1)
    assert order.index("/api/modest") < many // 2


@fault("F43")
async def test_answers_that_nobody_reads_have_a_bound_together(tmp_path: Path) -> None:
    limits = Limits(tick=0.02, stall=10_000, stream_stall=10_000, unread=1 << 20)
    async with staged(tmp_path, limits=limits) as stage:
        stage.books.keep(a_run(1))
        stage.books.say(1, 1, "out", *[b"x" * (64 << 10)] * 64)
        callers = [connect(stage) for _ in range(12)]
        for caller in callers:
            caller.sendall(b"GET /api/runs/1/log HTTP/1.1\r\nHost: x\r\n\r\n")
        await stage.until(lambda: 0 < stage.server.connections < 6)
        assert (await stage.ask("GET", "/api/health")).status == 200
        for caller in callers:
            caller.close()


async def test_close_hangs_up_on_everybody(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.desk.hold = asyncio.Event()
        with connect(stage) as caller:
            caller.sendall(b"POST /api/tasks/backup/run HTTP/1.1\r\nHost: x\r\n\r\n")
            await stage.until(lambda: stage.server.connections == 1)
            await stage.server.close()
            assert caller.recv(10) == b""
        with pytest.raises(StaleSocket):
            await stage.ask("GET", "/api/health")


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_curl_understands(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1))
        stage.books.say(1, 1, "out", b"hello\n")
        for arguments, expected in (
            (["http://polysync/api/health", "http://polysync/api/health"], b'{"ok":true}' * 2),
            (["http://polysync/api/runs/1/log"], b"hello\n"),
            (
                [
                    "-o",
                    "/dev/null",
                    "-w",
                    "%{http_code}",
                    "-d",
                    '{"hold":true}',
                    "http://polysync/api/tasks/backup/run",
                ],
                b"201",
            ),
        ):
            words = ["curl", "-s", "--unix-socket", str(stage.path), *arguments]
            curl = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
            assert (await curl.communicate())[0] == expected
