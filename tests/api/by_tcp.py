"""A served office whose door to TCP is open, with a token for each role."""

from __future__ import annotations

import asyncio
import atexit
import http.client
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from polysync.api.auth import Doorkeeper
from polysync.api.connection import Limits
from polysync.api.doors import TcpDoor
from polysync.api.gate import Rates
from polysync.api.pacing import Pace
from polysync.api.tcp import listen_on, tls_of
from polysync.api.tokens import hash_of
from polysync.domain.settings import Access, Token
from polysync.domain.values import Role
from tests.api.stage import DEADLINE, Stage, staged

TOKENS: Final = {role: f"the token of the {role}" for role in Role}
KEPT: Final = tuple(Token(name=f"by-{role}", role=role, sha256=hash_of(shown)) for role, shown in TOKENS.items())
ENDLESS: Final = Pace(1_000_000, 1_000_000)
PATIENT: Final = Rates(requests=ENDLESS, failures=ENDLESS, notes=ENDLESS, handshakes=ENDLESS)


@cache
def certificate() -> tuple[Path, Path]:
    """A certificate of localhost and its key."""
    folder = Path(mkdtemp(prefix="polysync-tls-"))
    atexit.register(shutil.rmtree, folder)
    made = folder / "cert.pem", folder / "key.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,DNS:box.example,IP:127.0.0.1"]
    where = ["-out", str(made[0]), "-keyout", str(made[1])]
    subprocess.run(["openssl", *words.split(), *names, *where], check=True, capture_output=True)  # noqa: S607 - as found on the path
    return made


@dataclass(frozen=True)
class Got:
    """An answer by TCP."""

    status: int
    headers: Mapping[str, str]  # by lower-case name
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """What it says about why not."""
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found


@dataclass
class TcpStage:
    """The office, and where its TCP listener is."""

    stage: Stage
    port: int
    tls: bool

    @property
    def door(self) -> TcpDoor:
        """The door itself."""
        return self.stage.server.tcp

    async def ask(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        token: str | None = TOKENS[Role.ADMIN],
    ) -> Got:
        """One request over a connection of its own."""
        return await asyncio.to_thread(self._ask, method, target, body, {**bearing(token), **(headers or {})})

    def _ask(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Got:
        with closing(self.dial()) as line:
            line.request(method, target, body, dict(headers))
            answer = line.getresponse()
            return Got(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def dial(self) -> http.client.HTTPConnection:
        """A client that keeps its connection."""
        if self.tls:
            return http.client.HTTPSConnection("localhost", self.port, timeout=DEADLINE, context=trusting())
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def connect(self) -> socket.socket:
        """A connection that says nothing yet, not even hello."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)


def bearing(token: str | None) -> dict[str, str]:
    """The header that shows a token."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def trusting() -> ssl.SSLContext:
    """TLS of a client that trusts the certificate of these tests."""
    return ssl.create_default_context(cafile=str(certificate()[0]))


@asynccontextmanager
async def staged_by_tcp(
    folder: Path, *, tls: bool = False, limits: Limits | None = None, access: Access | None = None, **more: Any
) -> AsyncIterator[TcpStage]:
    """A server on a port of its own beside the socket in `folder`; without `limits` nobody asks too often."""
    async with staged(folder, limits=limits or Limits(rates=PATIENT), **more) as stage:
        stage.server.doorkeeper = Doorkeeper(access or Access(), tokens=KEPT)
        door = stage.server.tcp
        listening = listen_on("127.0.0.1:0")
        door.speak(tls_of(*certificate()) if tls else None)
        door.open(listening, speaks=not tls)
        yield TcpStage(stage, listening[0].getsockname()[1], tls)
