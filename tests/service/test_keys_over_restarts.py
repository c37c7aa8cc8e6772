"""A key holds over a restart of the daemon: what was carried out under it is told, and not done again."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any, Final

import pytest

from tests.service.daemons import READY, daemon
from tests.service.described import Called, Told, asked

pytestmark = pytest.mark.slow

CONFIG: Final = """
[tasks.hello]
run = "echo hello"
[tasks.closed]
run = "true"
cron = "0 0 1 1 *"
api_trigger = false
"""
BODY: Final = b'{"hold": true}'


def post(socket: Path, target: str, key: str, body: bytes = b"") -> Told:
    return asked(socket, Called("POST", f"/api/{target}", body, {"Idempotency-Key": key}))


def data(told: Told) -> Any:
    return json.loads(told.body)


def test_what_was_done_before_the_restart_is_told_after_it(tmp_path: Path) -> None:
    with daemon(tmp_path, config=CONFIG) as before:
        socket = Path(before.until(READY)["socket"])
        first = post(socket, "tasks/hello/run", "k", BODY)
        assert first.status == 201
        assert post(socket, "tasks/closed/run", "closed").status == 403
        assert post(socket, "tasks/hello/pause", "pause").status == 200
        assert before.end(signal.SIGTERM) == 0
    with daemon(tmp_path) as after:
        socket = Path(after.until(READY)["socket"])
        other = post(socket, "tasks/hello/run", "k", b"{}")
        again = post(socket, "tasks/hello/run", "k", BODY)
        third = post(socket, "tasks/hello/run", "k", BODY)
        assert (other.status, data(other)["error"]["problems"][0]["parameter"]) == (422, "Idempotency-Key")
        assert (again.status, data(again)["id"], data(again)["state"]) == (201, data(first)["id"], "held")
        assert third.body == again.body
        assert post(socket, "tasks/closed/run", "closed").status == 403
        assert post(socket, "tasks/hello/pause", "pause").status == 409
        assert post(socket, "tasks/hello/run", "another", BODY).status == 201
        runs = json.loads(asked(socket, Called("GET", "/api/runs")).body)["items"]
        assert len(runs) == 2


def test_a_daemon_that_was_killed_had_it_stored(tmp_path: Path) -> None:
    with daemon(tmp_path, config=CONFIG, leave=True) as before:
        socket = Path(before.until(READY)["socket"])
        first = post(socket, "tasks/hello/run", "k", BODY)
        before.process.kill()
        before.process.wait()
    with daemon(tmp_path) as after:
        socket = Path(after.until(READY)["socket"])
        assert data(post(socket, "tasks/hello/run", "k", BODY))["id"] == data(first)["id"]
