"""Every mutation there is, over the socket of a real daemon: each leaves a row of the audit, and nothing else does."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from polysync.api.client import Client
from polysync.api.routes import ROUTES
from polysync.clock import SystemClock
from tests.cli.terminal import Terminal
from tests.service.daemons import READY, Daemon, daemon

CONFIG: Final = """
[tasks.t]
run = "true"
cron = "0 3 1 1 *"
[tasks.long]
run = "sleep 60"
[tasks.asked]
run = "true"
approval = { before = true }
[tasks.judged]
run = "true"
approval = { after = true, request_changes = 3 }
[tasks.closed]
run = "true"
api_trigger = false
[services.s]
run = "exec sleep 60"
autostart = false
"""
# Each mutation by the route it takes: its target and its body, the row it leaves, and whether a row changes by it.
# Run numbers are those that the requests before it made.
WALK: Final[tuple[tuple[str, str, Mapping[str, Any], tuple[str, str, str], bool], ...]] = (
    ("tasks/{task}/run", "tasks/t/run", {}, ("run", "task t", "done"), False),
    ("tasks/{task}/run", "tasks/closed/run", {}, ("run", "task closed", "forbidden"), False),
    ("tasks/{task}/run", "tasks/t/run", {"hold": True}, ("run", "task t", "done"), False),
    ("runs/{id}/release", "runs/2/release", {}, ("release", "run 2", "done"), True),
    ("runs/{id}/release", "runs/2/release", {}, ("release", "run 2", "conflict"), False),
    ("tasks/{task}/run", "tasks/long/run", {}, ("run", "task long", "done"), False),
    ("runs/{id}/stop", "runs/3/stop", {"reason": "enough"}, ("stop", "run 3", "done"), True),
    ("tasks/{task}/run", "tasks/asked/run", {}, ("run", "task asked", "done"), False),
    ("runs/{id}/approve", "runs/4/approve", {"comment": "fine"}, ("approve", "run 4", "done"), True),
    ("tasks/{task}/run", "tasks/asked/run", {}, ("run", "task asked", "done"), False),
    ("runs/{id}/deny", "runs/5/deny", {}, ("deny", "run 5", "done"), True),
    ("tasks/{task}/run", "tasks/judged/run", {}, ("run", "task judged", "done"), False),
    ("runs/{id}/request-changes", "runs/6/request-changes", {}, ("request-changes", "run 6", "done"), True),
    ("runs/{id}/rerun", "runs/5/rerun", {}, ("rerun", "task asked", "done"), False),
    ("runs/{id}/archive", "runs/5/archive", {}, ("archive", "run 5", "done"), False),
    ("tasks/{task}/pause", "tasks/t/pause", {"reason": "holidays"}, ("pause", "task t", "done"), True),
    ("tasks/{task}/resume", "tasks/t/resume", {}, ("resume", "task t", "done"), True),
    ("tasks/{task}/skip-next", "tasks/t/skip-next", {}, ("skip-next", "task t", "done"), True),
    ("services/{service}/start", "services/s/start", {}, ("service start", "service s", "done"), True),
    ("services/{service}/restart", "services/s/restart", {}, ("service restart", "service s", "done"), True),
    ("services/{service}/stop", "services/s/stop", {}, ("service stop", "service s", "done"), True),
    ("reload", "reload", {}, ("reload", "configuration", "done"), False),
    ("prune", "prune", {}, ("prune", "storage", "done"), False),
    ("shutdown", "shutdown", {"mode": "stop"}, ("shutdown", "daemon", "done"), False),
)
HARMLESS: Final = frozenset({"reload", "prune"})  # with `dry_run`


class Place:
    """A daemon's folder, and ways to ask and to look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = str(folder / ".polysync" / "polysync.sock")
        self.terminal = Terminal(folder)
        self.terminal.now = SystemClock().read().wall

    def ask(self, method: str, target: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        with closing(Client(self.socket)) as client:
            answer = client.request(method, f"/api/{target}", None if body is None else json.dumps(body).encode())
        return answer.status, json.loads(answer.body)

    def rows(self) -> list[dict[str, Any]]:
        path = f"file:{self.folder}/.polysync/polysync.db?mode=ro"
        names = ("seq", "actor", "role", "channel", "verb", "subject", "outcome", "detail")
        with closing(sqlite3.connect(path, uri=True)) as connection:
            found = connection.execute(
                "SELECT seq, actor, role, channel, verb, subject, outcome, detail FROM audit ORDER BY seq"
            ).fetchall()
        return [dict(zip(names, row, strict=True)) for row in found]

    def until_waiting(self, number: int) -> None:
        """Wait until a run waits for approval: its log of moves says so, or the test runs out of time."""
        while (self.ask("GET", f"runs/{number}")[1]["blocked_on"] or {}).get("kind") != "approval":
            assert self.ask("GET", f"runs/{number}")[1]["ended_at"] is None

    def until_over(self, number: int) -> None:
        """Wait until a run is over: its log, followed, ends with it."""
        with closing(Client(self.socket, timeout=20)) as client:
            assert b"".join(client.stream("GET", f"/api/runs/{number}/log?follow=1").pieces())


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Place, Daemon]]:
    with daemon(tmp_path, config=CONFIG) as running:
        running.until(READY)
        yield Place(tmp_path), running


def test_the_walk_knows_every_mutation() -> None:
    assert {route.pattern for route in ROUTES if route.method != "GET"} == {pattern for pattern, *_ in WALK}


@pytest.mark.slow
def test_every_mutation_leaves_one_row(place: tuple[Place, Daemon]) -> None:
    here, running = place
    me = pwd.getpwuid(os.geteuid()).pw_name
    for number, (_, target, body, row, changes) in enumerate(WALK, start=1):
        if target == "runs/6/request-changes":
            here.until_waiting(6)
        status, _told = here.ask("POST", target, body)
        rows = here.rows()
        assert len(rows) == number, (target, status, rows)
        left = rows[-1]
        assert (left["verb"], left["subject"], left["outcome"]) == row
        assert (left["actor"], left["role"], left["channel"]) == (me, "admin", "socket")
        detail = json.loads(left["detail"])
        if changes:
            assert detail["before"] != detail["after"], target
        if row[0] in {"run", "rerun"} and row[2] == "done":
            assert len(detail["after"]) == 32
        if target.startswith(("tasks/long", "services/s/start")):
            continue
        for name in HARMLESS & {target}:
            assert here.ask("POST", name, {"dry_run": True})[0] == 200
    assert running.process.wait(20) == 0
    assert len(here.rows()) == len(WALK), "what only reads, and rehearsals, leave nothing"


@pytest.mark.slow
def test_what_the_verb_shows_and_verifies(place: tuple[Place, Daemon]) -> None:
    here, running = place
    screen = here.terminal
    for words in (("exec", "t"), ("reload",), ("exec", "closed")):
        screen.polysync(*words)
    running.process.send_signal(signal.SIGHUP)
    running.until("config.reloaded")
    while len(here.rows()) < 4:
        here.ask("GET", "health")
    told = screen.polysync("audit", "--json").data["items"]
    assert [(row["verb"], row["subject"], row["outcome"]) for row in told] == [
        ("reload", "configuration", "done"),
        ("run", "task closed", "forbidden"),
        ("reload", "configuration", "done"),
        ("run", "task t", "done"),
    ]
    assert (told[0]["actor"], told[0]["channel"]) == ("SIGHUP", "signal")
    assert told[2]["before"] == told[2]["after"], "the file was as it is"
    assert told[3]["before"] is None
    assert len(told[3]["after"]) == 32
    assert told[1]["detail"]["message"] == "API triggering disabled for this task"
    assert [row["seq"] for row in screen.polysync("audit", "--json", "--verb", "run").data["items"]] == [3, 1]
    assert [row["seq"] for row in screen.polysync("audit", "--json", "-n", "1").data["items"]] == [4]
    assert "forbidden" in screen.polysync("audit", "--outcome", "forbidden").lines[1]
    assert screen.polysync("audit", "--actor", "nobody-like-that").out == ""
    assert screen.polysync("audit", "--since", "tomorrow").out == ""
    said = screen.polysync("audit", "--verify")
    assert (said.status, said.lines[0].lstrip("✓ ")) == (0, "4 rows: the chain is whole")
    verdict = screen.polysync("audit", "--verify", "--json").data
    assert (verdict["ok"], verdict["first"], verdict["last"]) == (True, 1, 4)
    assert verdict["tip"] in said.out


@pytest.mark.slow
def test_a_row_that_was_changed_is_found_while_the_daemon_runs(place: tuple[Place, Daemon]) -> None:
    here, _ = place
    for _round in range(3):
        here.terminal.polysync("exec", "t")
    with closing(sqlite3.connect(here.folder / ".polysync" / "polysync.db")) as connection:
        connection.execute("UPDATE audit SET actor = 'somebody' WHERE seq = 2")
        connection.commit()
    said = here.terminal.polysync("audit", "--verify")
    assert said.status == 1
    assert said.out.startswith("✗ row 2: ")
    assert here.terminal.polysync("audit", "--verify", "--json").data["broken"]["seq"] == 2
    checked = here.terminal.polysync("check")
    assert checked.status == 1
    assert "  audit 2: " in checked.out


DIAL: Final = """
import socket, sys
for line in sys.argv[2:]:
    with socket.socket(socket.AF_UNIX) as dialled:
        dialled.connect(sys.argv[1])
        method, target = line.split()
        head = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", "Content-Length: 0", "", ""]
        dialled.sendall("\\r\\n".join(head).encode())
        print(dialled.makefile("rb").readline().decode().split()[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_what_another_user_may_not_is_put_down(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    with daemon(tmp_path, config=CONFIG + '[access]\nviewers = ["daemon"]\n') as running:
        socket_path = running.until(READY)["socket"]
        uid = str(pwd.getpwnam("daemon").pw_uid)
        who = ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups"]
        lines = ["POST /api/tasks/t/run", "GET /api/audit", "POST /api/reload", "GET /api/status"]
        words = [*who, "/usr/bin/env", "python3", "-I", "-c", DIAL, socket_path, *lines]
        got = subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)
        assert got.stdout.split() == ["403", "403", "403", "200"], got.stderr
        here = Place(tmp_path)
        denied = here.terminal.polysync("audit", "--outcome", "denied", "--json", "--socket", socket_path).data["items"]
        assert {(row["actor"], row["role"], row["channel"]) for row in denied} == {("daemon", "viewer", "socket")}
        assert [row["verb"] for row in reversed(denied)] == ["run", "read", "reload"]
        assert denied[-1]["subject"] == "task t"
        assert running.end() == 0


def test_it_needs_a_daemon(tmp_path: Path) -> None:
    assert Terminal(tmp_path).polysync("audit", "--data", str(tmp_path)).status == 5
