"""The TCP listener follows the configuration, and trouble with it is told and not fatal."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from polysync.api.tcp import listen_on
from polysync.api.tokens import hash_of
from polysync.daemon.listener import Listener
from polysync.daemon.spawn import Tasks
from polysync.domain.settings import Api
from tests.api.by_tcp import TcpStage, certificate, staged_by_tcp, trusting
from tests.api.stage import DEADLINE
from tests.service.daemons import Daemon, daemon

pytestmark = pytest.mark.slow

SHOWN = "one of the tokens"
OTHER = "another one"


@dataclass
class Log:
    """Keeps what it is told."""

    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __getattr__(self, level: str) -> Any:
        return lambda event, **more: self.told.append((event, more))

    def count(self, event: str) -> int:
        """How often it was told that."""
        return sum(one == event for one, _ in self.told)


def a_port() -> int:
    """A port that is free at the moment."""
    (one,) = listen_on("127.0.0.1:0")
    with one:
        return int(one.getsockname()[1])


@dataclass
class Scene:
    """A listener, its door and its log."""

    listener: Listener
    place: TcpStage
    log: Log

    async def want(self, api: Api) -> None:
        """Have it follow another configuration."""
        self.listener.configure(api)
        await self.listener.follow()


@asynccontextmanager
async def scene(folder: Path, api: Api) -> AsyncIterator[Scene]:
    """A listener of a configuration, beside a door."""
    async with staged_by_tcp(folder) as place:
        place.door.shut()
        log = Log()
        listener = Listener(place.door, api, folder, log)
        await listener.follow()
        yield Scene(listener, place, log)


def dialled(port: int) -> bool:
    """Whether somebody takes calls there."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


async def test_it_comes_and_moves_and_goes_with_the_configuration(tmp_path: Path) -> None:
    one, two = a_port(), a_port()
    async with scene(tmp_path, Api()) as here:
        assert here.listener.facts()["listen"] is None
        await here.want(Api(listen=f"127.0.0.1:{one}"))
        assert (dialled(one), dialled(two)) == (True, False)
        caller = socket.create_connection(("127.0.0.1", one), timeout=DEADLINE)
        await here.place.stage.until(lambda: here.listener.facts()["connections"] > 0)
        await here.want(Api(listen=f"127.0.0.1:{two}"))
        assert (dialled(one), dialled(two)) == (False, True)
        with suppress(ConnectionResetError):
            assert caller.recv(1) == b""  # whoever came by the old one is hung up on
        caller.close()
        await here.want(Api())
        assert not dialled(two)
        assert here.listener.troubles() == []


async def test_an_address_that_is_taken_is_tried_again(tmp_path: Path) -> None:
    (taken,) = listen_on("127.0.0.1:0")
    port = taken.getsockname()[1]
    api = Api(listen=f"127.0.0.1:{port}")
    async with scene(tmp_path, api) as here:
        assert here.listener.troubles() == ["tcp"]
        assert "Address already in use" in here.listener.facts()["trouble"]
        await here.listener.follow()
        assert here.log.count("the TCP listener is not as it should be") == 1  # told once
        taken.close()
        await here.listener.follow()
        assert here.listener.troubles() == []
        assert dialled(port)


async def test_it_tries_again_by_itself(tmp_path: Path) -> None:
    (taken,) = listen_on("127.0.0.1:0")
    port = taken.getsockname()[1]
    async with scene(tmp_path, Api(listen=f"127.0.0.1:{port}")) as here:
        here.listener.again = 0.02
        running = Tasks(lambda _error: None).spawn(here.listener.run(), "listener")
        taken.close()
        await here.place.stage.until(lambda: here.listener.troubles() == [])
        here.listener.configure(Api())
        await here.place.stage.until(lambda: here.listener.facts()["listen"] is None)
        running.cancel()


def copied(folder: Path) -> tuple[Path, Path]:
    """A certificate and a key in `folder`."""
    for source, name in zip(certificate(), ("cert.pem", "key.pem"), strict=True):
        shutil.copy(source, folder / name)
    (folder / "key.pem").chmod(0o600)
    return folder / "cert.pem", folder / "key.pem"


def serial(port: int) -> Any:
    """The certificate that is shown at a port."""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as caller:
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        plain.check_hostname, plain.verify_mode = False, ssl.CERT_NONE
        with plain.wrap_socket(caller) as line:
            return line.getpeercert(binary_form=True)


async def test_a_certificate_is_read_again_and_the_old_one_stays_where_that_fails(tmp_path: Path) -> None:
    shown, key = copied(tmp_path)
    port = a_port()
    api = Api(listen=f"127.0.0.1:{port}", tls_cert="cert.pem", tls_key="key.pem")
    async with scene(tmp_path, api) as here:
        first = await asyncio.to_thread(serial, port)
        shown.write_text("damaged")
        await here.want(api)
        assert here.listener.troubles() == ["tcp"]
        assert await asyncio.to_thread(serial, port) == first
        certificate.cache_clear()
        copied(tmp_path)
        await here.want(api)
        assert here.listener.troubles() == []
        assert await asyncio.to_thread(serial, port) != first
        key.chmod(0o644)
        await here.want(api)
        assert here.log.count("everybody on this host may read the key") == 1


async def test_nothing_is_served_in_the_clear_where_tls_fails(tmp_path: Path) -> None:
    port = a_port()
    async with scene(tmp_path, Api(listen=f"127.0.0.1:{port}", tls_cert="none.pem", tls_key="none.pem")) as here:
        assert not dialled(port)
        assert "none.pem" in here.listener.facts()["trouble"]


CONFIG = """
[api]
listen = "127.0.0.1:{port}"
{tls}
[[api.token]]
name = "ops"
role = "operator"
sha256 = "{ops}"
[[api.token]]
name = "eyes"
sha256 = "{eyes}"
[tasks.t]
run = "echo hello"
"""


def configured(port: int, tls: str = "") -> str:
    return CONFIG.format(port=port, tls=tls, ops=hash_of(SHOWN), eyes=hash_of(OTHER))


def asked(line: http.client.HTTPConnection, method: str, target: str, token: str = SHOWN) -> tuple[int, Any]:
    line.request(method, target, headers={"Authorization": f"Bearer {token}"})
    answer = line.getresponse()
    return answer.status, json.loads(answer.read())


def reload(running: Daemon, folder: Path, text: str, event: str) -> None:
    (folder / "polysync.toml").write_text(text)
    os.kill(running.process.pid, signal.SIGHUP)
    running.until(event)


def test_a_daemon_by_tls(tmp_path: Path) -> None:
    port = a_port()
    copied(tmp_path)
    text = configured(port, 'tls_cert = "cert.pem"\ntls_key = "key.pem"')
    with daemon(tmp_path, config=text) as running:
        running.until("polysync is ready")
        assert any(line["event"] == "listens on TCP" and line["tls"] for line in running.lines)
        dial = http.client.HTTPSConnection("localhost", port, timeout=DEADLINE, context=trusting())
        with closing(dial) as line:
            assert asked(line, "POST", "/api/tasks/t/run")[0] == 201
            assert asked(line, "POST", "/api/reload")[0] == 403
            status = asked(line, "GET", "/api/status", OTHER)[1]
            assert (status["tcp"]["tls"], status["tcp"]["listen"]) == (True, f"127.0.0.1:{port}")


@pytest.mark.parametrize("gone", ["token", "listen"])
def test_a_reload_takes_away_what_it_gave(tmp_path: Path, gone: str) -> None:
    port = a_port()
    with daemon(tmp_path, config=configured(port)) as running:
        running.until("polysync is ready")
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)) as line:
            assert asked(line, "GET", "/api/health", OTHER)[0] == 200
            text, event = configured(port), "the configuration was read again"
            if gone == "token":
                text = text.replace(hash_of(OTHER), hash_of("a new one"))
            else:
                text, event = text.replace(f'listen = "127.0.0.1:{port}"', ""), "listens on TCP no more"
            reload(running, tmp_path, text, event)
            with pytest.raises((http.client.HTTPException, OSError)):
                asked(line, "GET", "/api/health", OTHER)
        if gone == "token":
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)) as line:
                assert asked(line, "GET", "/api/health", OTHER)[0] == 401
        assert running.end() == 0


def test_a_daemon_starts_without_its_port(tmp_path: Path) -> None:
    (taken,) = listen_on("127.0.0.1:0")
    with taken, daemon(tmp_path, config=configured(taken.getsockname()[1])) as running:
        running.until("the TCP listener is not as it should be")
        running.until("polysync is ready")
        assert running.end() == 0


def test_refusals_that_were_only_counted_are_put_down_when_the_daemon_ends(tmp_path: Path) -> None:
    port = a_port()
    config = f"""
[api]
listen = "127.0.0.1:{port}"
[[api.token]]
name = "eve"
role = "viewer"
sha256 = "{hash_of(SHOWN)}"
[tasks.one]
run = "true"
"""
    with daemon(tmp_path, config=config) as process:
        process.until("polysync is ready")
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)) as line:
            for _ in range(25):
                line.request("POST", "/api/reload", headers={"Authorization": f"Bearer {SHOWN}"})
                answer = line.getresponse()
                answer.read()
                assert answer.status == 403
        assert process.end() == 0
    with closing(sqlite3.connect(tmp_path / ".polysync" / "polysync.db")) as database:
        rows = [
            json.loads(row[0]) for row in database.execute("SELECT detail FROM audit WHERE actor = 'eve' ORDER BY seq")
        ]
    assert sum(row.get("times", 1) for row in rows) == 25
    assert len(rows) < 25
