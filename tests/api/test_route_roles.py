"""Every route, asked in every role over every channel: nobody gets more than the table below says.

The table is written by hand and knows nothing of the one in the program: a new route without a line here fails.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from polysync.api.auth import Doorkeeper, Peer
from polysync.api.routes import ROUTES
from polysync.domain.settings import Access
from polysync.domain.values import Role
from tests.api.by_tcp import TOKENS, staged_by_tcp
from tests.api.stage import DEADLINE, Stage, a_run, staged

VIEWERS: Final = """
GET /api/openapi.json
GET /api/health
GET /api/status
GET /api/runs
GET /api/runs/1
GET /api/runs/1/history
GET /api/runs/1/why
GET /api/runs/1/log
GET /api/runs/1/trace
GET /api/events
GET /api/names?kind=tasks
GET /api/search?q=word
GET /api/services
GET /api/tasks
GET /api/tasks/backup
GET /api/tasks/backup/next
GET /api/tasks/backup/stats
GET /api/tasks/backup/slots
GET /api/graph
GET /api/jobs
GET /api/platforms
GET /api/vaults
GET /api/contention
GET /api/notifications
GET /api/metrics
GET /metrics
"""
OPERATORS: Final = """
GET /api/tasks/backup/conditions
POST /api/services/web/start
POST /api/services/web/stop
POST /api/services/web/restart
POST /api/tasks/backup/run
POST /api/tasks/backup/pause
POST /api/tasks/backup/resume
POST /api/tasks/backup/skip-next
POST /api/runs/1/stop
POST /api/runs/1/release
POST /api/runs/1/approve
POST /api/runs/1/deny
POST /api/runs/1/request-changes
POST /api/runs/1/rerun
POST /api/runs/1/archive
"""
ADMINS: Final = """
GET /api/audit
GET /api/audit/verify
POST /api/reload
POST /api/prune
POST /api/backup
POST /api/shutdown
"""
LEAST: Final[Mapping[str, Role]] = {
    line: role
    for role, lines in ((Role.VIEWER, VIEWERS), (Role.OPERATOR, OPERATORS), (Role.ADMIN, ADMINS))
    for line in lines.strip().splitlines()
}
ABLE: Final[Mapping[Role | None, frozenset[Role]]] = {
    None: frozenset(),
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.OPERATOR: frozenset({Role.VIEWER, Role.OPERATOR}),
    Role.ADMIN: frozenset(Role),
}
OPEN: Final = {"id": "1", "task": "backup", "service": "web"}
UID: Final = 4242
Ask = Callable[[str, str], Awaitable[int]]


def line_of(method: str, parts: tuple[str, ...]) -> str:
    """How the table above writes a route, without its query."""
    path = [OPEN.get(part[1:-1], "open") if part.startswith("{") else part for part in parts]
    return f"{method} /{'/'.join(path)}"


EXISTING: Final = {line_of(route.method, route.parts): route for route in ROUTES}
LINES: Final = {line: role for line, role in LEAST.items() if line.partition("?")[0] in EXISTING}


@asynccontextmanager
async def by_socket(folder: Path, role: Role | None) -> AsyncIterator[tuple[Stage, Ask]]:
    """Over the socket, as somebody whom the configuration gives this role."""
    access = Access() if role is None else Access(**{f"{role}s": (f"@g{UID}",)})
    async with staged(folder, peer=lambda _socket: Peer(1, UID, frozenset({UID}))) as stage:
        stage.server.doorkeeper = Doorkeeper(access, 900, gid_of=lambda _name: UID)

        async def ask(method: str, target: str) -> int:
            return (await stage.ask("HEAD" if method == "GET" else method, target)).status

        yield stage, ask


@asynccontextmanager
async def by_token(folder: Path, role: Role | None) -> AsyncIterator[tuple[Stage, Ask]]:
    """Over TCP, with a token of this role."""
    async with staged_by_tcp(folder) as tcp:

        async def ask(method: str, target: str) -> int:
            token = None if role is None else TOKENS[role]
            return (await tcp.ask("HEAD" if method == "GET" else method, target, token=token)).status

        yield tcp.stage, ask


CHANNELS: Final[Mapping[str, Callable[[Path, Role | None], AbstractAsyncContextManager[tuple[Stage, Ask]]]]] = {
    "socket": by_socket,
    "tcp": by_token,
}


def test_every_route_has_its_line() -> None:
    assert EXISTING.keys() - {line.partition("?")[0] for line in LEAST} == set()
    assert {line: EXISTING[line.partition("?")[0]].role for line in LINES} == LINES


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("channel", CHANNELS)
async def test_nobody_gets_more_than_the_table_says(tmp_path: Path, channel: str, role: Role | None) -> None:
    async with CHANNELS[channel](tmp_path, role) as (stage, ask):
        stage.books.keep(a_run(1))
        refused = {line for line in LINES if await ask(*line.split(" ", 1)) in {401, 403}}
        assert refused == {line for line, least in LINES.items() if least not in ABLE[role]}
        if Role.OPERATOR not in ABLE[role]:
            assert stage.desk.requests == []
        noted = [verb for _, verb, _ in stage.desk.denied if verb not in {"sign-in", "connect"}]
        assert len(noted) == (len(refused) if role else 0)  # whoever has no role at all is turned away at the door


async def test_what_is_put_down_of_a_refusal(tmp_path: Path) -> None:
    async with by_socket(tmp_path, Role.VIEWER) as (stage, ask):
        for line in ("POST /api/tasks/backup/run", "POST /api/runs/7/stop", "POST /api/services/web/stop"):
            assert await ask(*line.split(" ", 1)) == 403
        assert await ask("POST", "/api/reload") == 403
        said = [(verb, subject) for _, verb, subject in stage.desk.denied]
    assert said == [
        ("run", "task backup"),
        ("stop", "run 7"),
        ("service stop", "service web"),
        ("reload", "configuration"),
    ]


ASKING: Final = """
import http.client, json, socket, sys
found = {}
for line in json.loads(sys.argv[2]):
    method, target = line.split(" ", 1)
    caller = http.client.HTTPConnection("polysync", timeout=20)
    caller.sock = socket.socket(socket.AF_UNIX)
    caller.sock.connect(sys.argv[1])
    caller.request("HEAD" if method == "GET" else method, target)
    found[line] = caller.getresponse().status
    caller.close()
print(json.dumps(found))
"""


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
@pytest.mark.parametrize("role", [None, *Role])
async def test_the_same_for_users_whom_the_kernel_names(tmp_path: Path, role: Role | None) -> None:
    access = Access() if role is None else Access(**{f"{role}s": (f"@g{UID}",)})
    async with staged(tmp_path) as stage:
        stage.server.doorkeeper = Doorkeeper(access, gid_of=lambda _name: UID)
        stage.books.keep(a_run(1))
        stage.path.chmod(0o666)
        for folder in (stage.path.parent, *stage.path.parent.parents):
            folder.chmod(folder.stat().st_mode | 0o011)
        found = await in_a_process(stage, f"--reuid={UID}", f"--regid={UID}", "--clear-groups")
    refused = {line for line, status in found.items() if status == 403}
    assert refused == {line for line, least in LINES.items() if least not in ABLE[role]}


async def in_a_process(stage: Stage, *ids: str) -> dict[str, int]:
    """What each line of the table is answered with when a process of that user asks."""
    python = getattr(sys, "_base_executable", sys.executable)
    words = ["setpriv", *ids, python, "-I", "-c", ASKING, str(stage.path), json.dumps(list(LINES))]
    caller = await asyncio.create_subprocess_exec(*words, stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(DEADLINE):
        out, err = await caller.communicate()
    assert caller.returncode == 0, err
    found: dict[str, int] = json.loads(out)
    return found
