"""TCP: nobody without a token, no foreign pages, no guessing, TLS where it is wanted."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from polysync.api.asked import Asked
from polysync.api.auth import Doorkeeper, allows
from polysync.api.connection import Limits
from polysync.api.gate import Rates
from polysync.api.office import Office
from polysync.api.pacing import Pace
from polysync.api.response import Response
from polysync.api.route import Route
from polysync.api.routes import ROUTES
from polysync.api.tokens import hash_of
from polysync.domain.values import Role
from tests.api.by_tcp import ENDLESS, KEPT, PATIENT, TOKENS, bearing, staged_by_tcp, trusting
from tests.api.stage import a_run, descriptors
from tests.faults import fault

HASTY = Limits(tick=0.02, request=3, idle=20, stall=5, stream_stall=5, rates=PATIENT)
WRONG = "a token of somebody else"
MEAN = Rates(requests=Pace(3, 0.01), failures=Pace(2, 0.01), notes=Pace(3, 0.01), handshakes=ENDLESS)


# ---- who comes in


@pytest.mark.parametrize("tls", [False, True])
async def test_a_token_lets_in_and_names_who_asks(tmp_path: Path, tls: bool) -> None:
    async with staged_by_tcp(tmp_path, tls=tls) as place:
        got = await place.ask("POST", "/api/tasks/backup/run", token=TOKENS[Role.OPERATOR])
        assert got.status == 201
        asker = place.stage.desk.requests[0][1]
        assert (asker.name, asker.role, asker.channel, asker.reveal) == ("by-operator", Role.OPERATOR, "tcp", False)


@pytest.mark.parametrize("role", list(Role))
async def test_a_token_may_do_what_its_role_may(tmp_path: Path, role: Role) -> None:
    async with staged_by_tcp(tmp_path) as place:
        for method, target, needed in (
            ("GET", "/api/health", Role.VIEWER),
            ("POST", "/api/tasks/backup/run", Role.OPERATOR),
            ("POST", "/api/reload", Role.ADMIN),
        ):
            got = await place.ask(method, target, token=TOKENS[role])
            assert (got.status == 403) == (not allows(role, needed))


@pytest.mark.parametrize(
    "headers",
    [{}, *map(bearing, ("", "wrong", hash_of(TOKENS[Role.ADMIN]))), {"Authorization": f"Basic {TOKENS[Role.ADMIN]}"}],
)
async def test_no_route_answers_without_a_token(tmp_path: Path, headers: dict[str, str]) -> None:
    async with staged_by_tcp(tmp_path) as place:
        for route in ROUTES:
            got = await place.ask(route.method, f"/api/{route.pattern}", headers=headers, token=None)
            assert (got.status, got.error["code"]) == (401, "unauthorized"), route
            assert got.headers["www-authenticate"].startswith("Bearer")
            assert got.headers["connection"] == "close"
        assert (await place.ask("GET", "/nothing/here", headers=headers, token=None)).status == 401
        assert place.stage.desk.requests == []


async def test_a_body_is_not_taken_from_strangers(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path) as place:
        head = (
            b"POST /api/reload HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n"
        )
        with place.connect() as caller:
            caller.sendall(head + b"x" * 300_000)
            got = await asyncio.to_thread(_all_of, caller)
        assert b" 401 " in got
        assert b"100 Continue" not in got


def _all_of(caller: socket.socket) -> bytes:
    got = b""
    with suppress(ConnectionResetError):
        while piece := caller.recv(65536):
            got += piece
    return got


async def test_each_request_shows_its_own_token(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path) as place:
        one = "GET /api/health HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n"
        with place.connect() as caller:
            caller.sendall((one.format(TOKENS[Role.VIEWER]) + one.format("wrong")).encode())
            got = await asyncio.to_thread(_all_of, caller)
        assert got.index(b" 200 ") < got.index(b" 401 ")


# ---- names and pages


@pytest.mark.parametrize(
    ("host", "fine"),
    [
        ("127.0.0.1:{}", True),
        ("localhost:{}", True),
        ("LOCALHOST", True),
        ("localhost.", True),
        ("[::1]:8080", True),  # a tunnel has a port of its own
        ("evil.example:{}", False),
        ("127.0.0.1.evil.example", False),
        ("localhost:x", False),
        ("user@localhost", False),
        ("", False),
        ("192.0.2.1", False),
    ],
)
async def test_the_host_header_names_us(tmp_path: Path, host: str, fine: bool) -> None:
    async with staged_by_tcp(tmp_path) as place:
        got = await place.ask("GET", "/api/health", headers={"Host": host.format(place.port)})
        assert got.status == (200 if fine else 403)
        nobody = await place.ask("GET", "/api/health", headers={"Host": host.format(place.port)}, token=None)
        assert nobody.status == (401 if fine else 403)


async def test_a_name_of_the_configuration_is_ours_too(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path) as place:
        place.door.gate.names = frozenset({"box.example"})
        assert (await place.ask("GET", "/api/health", headers={"Host": "box.example:9"})).status == 200


async def test_the_name_that_tls_proved_is_ours(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path, tls=True) as place:

        def ask(name: str, host: str) -> bytes:
            with place.connect() as caller, trusting().wrap_socket(caller, server_hostname=name) as line:
                head = f"GET /api/health HTTP/1.1\r\nHost: {host}\r\n{_header(Role.VIEWER)}\r\n\r\n"
                line.sendall(head.encode())
                return line.recv(100)

        assert b" 200 " in await asyncio.to_thread(ask, "box.example", "box.example")
        assert b" 403 " in await asyncio.to_thread(ask, "box.example", "evil.example")


@pytest.mark.parametrize(
    ("origin", "fine"),
    [
        ("http://localhost:80", True),
        ("https://localhost:80", False),
        ("http://localhost:81", False),
        ("http://evil.example", False),
        ("null", False),
        ("", False),
    ],
)
async def test_pages_of_other_origins_are_not_served(tmp_path: Path, origin: str, fine: bool) -> None:
    async with staged_by_tcp(tmp_path) as place:
        for method in ("GET", "OPTIONS"):
            got = await place.ask(method, "/api/health", headers={"Host": "localhost:80", "Origin": origin})
            assert (got.status != 403) == fine
            assert not any(name.startswith("access-control") for name in got.headers)


async def test_the_unix_socket_asks_for_neither(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path) as place:
        got = await place.stage.ask("GET", "/api/health", headers={"Origin": "http://evil.example"})
        assert got.status == 200


# ---- too often


async def test_who_fails_too_often_waits_and_who_was_here_before_does_not(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path, limits=Limits(rates=MEAN)) as place:
        assert (await place.ask("GET", "/api/health", token=TOKENS[Role.VIEWER])).status == 200
        tries = [await place.ask("GET", "/api/health", token=WRONG) for _ in range(5)]
        assert [one.status for one in tries] == [401, 401, 429, 429, 429]
        assert int(tries[-1].headers["retry-after"]) >= 1
        assert (
            await place.ask("GET", "/api/health", token=TOKENS[Role.ADMIN])
        ).status == 429  # a guess is not told right
        assert (await place.ask("GET", "/api/health", token=TOKENS[Role.VIEWER])).status == 200


async def test_the_audit_is_told_and_never_filled(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path, limits=Limits(rates=MEAN)) as place:
        for _ in range(9):
            await place.ask("GET", "/api/health", token=WRONG)
        told = [(asker.name, asker.channel, asker.known, verb) for asker, verb, _ in place.stage.desk.denied]
        assert told == [("127.0.0.1", "tcp", False, "sign-in")] * 3


async def test_a_token_that_asks_too_often_is_told_so_and_stays_connected(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path, limits=Limits(rates=MEAN)) as place:

        def ask_all() -> list[int]:
            with closing(place.dial()) as line:
                return [_status(line) for _ in range(5)]

        assert await asyncio.to_thread(ask_all) == [200, 200, 200, 429, 429]
        assert (await place.ask("GET", "/api/health", token=TOKENS[Role.VIEWER])).status == 200


def _status(line: http.client.HTTPConnection) -> int:
    line.request("GET", "/api/health", headers=bearing(TOKENS[Role.ADMIN]))
    answer = line.getresponse()
    answer.read()
    return answer.status


# ---- tokens that are taken away


async def test_a_revoked_token_loses_its_streams(tmp_path: Path) -> None:
    async def pour() -> AsyncIterator[bytes]:
        yield b"first\n"
        await asyncio.Event().wait()

    async def answer(_office: Office, _asked: Asked) -> Response:
        return Response(stream=pour(), endless=True)

    routes = [Route("GET", "health", Role.VIEWER, answer)]
    async with staged_by_tcp(tmp_path, routes=routes) as place:
        callers = {role: place.connect() for role in Role}
        for role, caller in callers.items():
            caller.sendall(f"GET /api/health HTTP/1.1\r\nHost: localhost\r\n{_header(role)}\r\n\r\n".encode())
            while b"first" not in await asyncio.to_thread(caller.recv, 4096):
                pass
        kept = tuple(token for token in KEPT if token.role is not Role.VIEWER)
        weaker = tuple(replace(token, role=Role.VIEWER) if token.role is Role.ADMIN else token for token in kept)
        place.stage.server.admit(Doorkeeper(tokens=weaker))
        await place.stage.until(lambda: place.stage.server.connections == 1)
        assert await asyncio.to_thread(_all_of, callers[Role.VIEWER]) == b""
        assert await asyncio.to_thread(_all_of, callers[Role.ADMIN]) == b""
        assert (await place.ask("GET", "/api/health", token=TOKENS[Role.VIEWER])).status == 401
        for caller in callers.values():
            caller.close()


def _header(role: Role) -> str:
    return f"Authorization: Bearer {TOKENS[role]}"


async def test_a_user_who_lost_their_role_is_hung_up_on(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path) as place:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(place.stage.path))
            await place.stage.until(lambda: place.stage.server.connections == 1)
            place.stage.server.admit(Doorkeeper(tokens=KEPT))
            assert place.stage.server.connections == 1
            place.stage.server.admit(Doorkeeper(own_uid=4242, name_of=lambda _uid: "somebody else"))
            await place.stage.until(lambda: place.stage.server.connections == 0)


# ---- rude callers


async def test_strangers_are_not_waited_for(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path, limits=HASTY) as place:
        with place.connect() as caller:
            assert await asyncio.to_thread(_all_of, caller) == b""
        with place.connect() as caller:
            caller.sendall(b"GET /api/health HTTP/1.1\r\nHost: local")
            assert b" 408 " in await asyncio.to_thread(_all_of, caller)


@fault("F43")
@pytest.mark.parametrize("tls", [False, True])
async def test_one_address_takes_half_of_the_room_and_the_socket_has_its_own(tmp_path: Path, tls: bool) -> None:
    async with staged_by_tcp(tmp_path, tls=tls, limits=Limits(tcp_connections=8, rates=PATIENT)) as place:
        before = descriptors()
        callers = [place.connect() for _ in range(12)]
        await place.stage.until(lambda: place.door.turned_away == 8)
        assert (await place.stage.ask("GET", "/api/health")).status == 200
        for caller in callers:
            caller.close()
        await place.stage.until(lambda: descriptors() == before)
        assert (await place.ask("GET", "/api/health")).status == 200


@fault("F43")
async def test_those_who_do_not_speak_tls_leave_nothing(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path, tls=True) as place:
        before = descriptors()
        for rubbish in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
            b"\0" * 70_000,
        ):
            with place.connect() as caller, suppress(ConnectionError):
                caller.sendall(rubbish)
                caller.shutdown(socket.SHUT_WR)
                assert b"HTTP" not in await asyncio.to_thread(_all_of, caller)
        await place.stage.until(lambda: place.door.failed == 3)
        await place.stage.until(lambda: descriptors() == before)
        assert place.stage.said == []
        assert (await place.ask("GET", "/api/health")).status == 200


async def test_handshakes_have_a_pace(tmp_path: Path) -> None:
    limits = Limits(rates=replace(PATIENT, handshakes=Pace(2, 0.01)))
    async with staged_by_tcp(tmp_path, tls=True, limits=limits) as place:
        assert [(await place.ask("GET", "/api/health")).status for _ in range(2)] == [200, 200]
        with pytest.raises(OSError, match=r".*"):
            await place.ask("GET", "/api/health")
        assert place.door.turned_away == 1


async def test_a_door_that_shuts_hangs_up_on_those_in_the_middle_of_a_handshake(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path, tls=True) as place:
        before = descriptors()
        with place.connect() as caller:
            await place.stage.until(lambda: descriptors() == before + 2)
            place.door.shut()
            place.door.clear()
            assert await asyncio.to_thread(_all_of, caller) == b""


async def test_a_stream_by_tls_goes_no_faster_than_it_is_read(tmp_path: Path) -> None:
    made = 0

    async def pour() -> AsyncIterator[bytes]:
        nonlocal made
        while made < 8 << 20:
            made += 64 << 10
            yield b"x" * (64 << 10)

    async def answer(_office: Office, _asked: Asked) -> Response:
        return Response(stream=pour())

    routes = [Route("GET", "health", Role.VIEWER, answer), Route("GET", "other", Role.VIEWER, answer)]
    async with staged_by_tcp(tmp_path, tls=True, routes=routes) as place:
        line = place.dial()

        def begin() -> http.client.HTTPResponse:
            line.request("GET", "/api/health", headers=bearing(TOKENS[Role.VIEWER]))
            return line.getresponse()

        answered = await asyncio.to_thread(begin)
        for _ in range(5):
            assert (await place.stage.ask("HEAD", "/api/health")).status == 200
        assert made < 8 << 20
        assert len(await asyncio.to_thread(answered.read)) == 8 << 20
        line.close()


async def test_an_old_tls_is_refused(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path, tls=True) as place:
        old = trusting()
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
        with place.connect() as caller:
            line = await asyncio.to_thread(lambda: old.wrap_socket(caller, server_hostname="localhost"))
            assert line.version() == "TLSv1.2"
            line.close()


async def test_a_list_over_tcp_is_the_list_of_the_socket(tmp_path: Path) -> None:
    async with staged_by_tcp(tmp_path) as place:
        place.stage.books.keep(a_run(1))
        got = await place.ask("GET", "/api/runs")
        assert json.loads(got.body) == json.loads((await place.stage.ask("GET", "/api/runs")).body)
