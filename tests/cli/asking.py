"""A daemon with tasks of every kind, and requests whose answers are held to what their routes promise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from polysync.api.client import Client
from polysync.api.routes import ROUTES
from polysync.api.schemas import SHARED
from polysync.clock import SystemClock
from tests.cli.terminal import Terminal
from tests.service.daemons import READY, daemon

TASKS = """
[scheduler]
timezone = "UTC"
[contention.few]
type = "concurrency"
max = 1
[contention.often]
type = "rate"
limit = 5
window = "1h"
[platforms.far]
type = "local"
max_running = 2
labels = { gpu = true }
[vaults.main]
type = "env"
[jobs.etl]
title = "Extract"
[jobs.etl.parameters.key]
type = "secret"
default = "hunter2"
[jobs.hidden]
unlisted = true
[calendars.never]
windows = ["00:00-24:00"]
[tasks.backup]
title = "Backup"
group = "Nightly"
tags = { team = "ops", night = "" }
cron = "0 3 * * *"
run = "true"
[tasks.backup-far]
group = "Nightly"
cron = "30 3 * * *"
run = "true"
[tasks.report]
run = 'echo "$PARAM_DAY for $PARAM_KEY"; test "$PARAM_DAY" = good'
parameters = { day = "good", key = { value = "hunter2", sensitive = true } }
[tasks.after]
depends_on = "backup"
run = "true"
[tasks.shy]
cron = "0 4 * * *"
run = "true"
api_trigger = false
[tasks.deploy]
run = "true"
approval = { before = true, ttl = "1h" }
[tasks.letter]
run = 'echo "draft ${POLYSYNC_REVIEW_COMMENT:-one}"'
approval = { after = true, ttl = "1h", request_changes = 1 }
[tasks.long]
run = "sleep 60"
contention = "few"
max_concurrent = 5
[tasks.here]
run = 'echo "$0 here: $HERE $(pwd)"; exit 4'
env = { HERE = "set" }
umask = "027"
[tasks.secret]
unlisted = true
run = "true"
[tasks.base]
mode = "template"
run = "true"
"""


@contextmanager
def tasks_daemon(folder: Path) -> Iterator[Path]:
    """A daemon of all these tasks, in this folder."""
    with daemon(folder, config=TASKS, env={"TZ": "UTC"}) as running:
        running.until(READY)
        yield folder


@contextmanager
def asking(folder: Path) -> Iterator[Asking]:
    """Requests to the daemon of this folder."""
    with Client(str(folder / ".polysync" / "polysync.sock"), timeout=20) as client:
        yield Asking(client)


def terminal_in(folder: Path) -> Terminal:
    """A terminal that is there at this moment."""
    terminal = Terminal(folder)
    terminal.zone = "UTC"
    terminal.now = SystemClock().read().wall
    return terminal


class Asking:
    """Requests whose answers are held to what their routes promise."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, target: str) -> Any:
        return self.ask("GET", target, None)

    def post(self, target: str, **body: Any) -> Any:
        return self.ask("POST", target, body)

    def ask(self, method: str, target: str, body: Any, status: int | None = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        answer = self.client.request(method, f"/api/{target}", raw)
        found = json.loads(answer.body)
        if status is not None:
            assert answer.status == status, found
            return found
        assert answer.status in {200, 201}, found
        parts = target.partition("?")[0].split("/")
        (route,) = [one for one in ROUTES if one.method == method and fits(one.pattern.split("/"), parts)]
        assert answer.status == route.success
        schema = {**route.answer, "components": {"schemas": SHARED}}
        Draft202012Validator(schema).validate(found)
        return found

    def refused(self, method: str, target: str, status: int, **body: Any) -> str:
        message: str = self.ask(method, target, body or None, status)["error"]["message"]
        return message

    def until(self, number: int, *states: str) -> Any:
        """The run once it is in one of these states, and that is stored."""
        for _ in range(2000):
            run = self.get(f"runs/{number}")
            if run["state"] in states and run["history"][-1]["state"] == run["state"]:
                return run
        raise AssertionError(f"run {number} never came to be {states}")

    def ended(self, task: str, **body: Any) -> Any:
        run = self.post(f"tasks/{task}/run", **body)
        return self.until(run["id"], "succeeded", "failed")


def fits(pattern: list[str], parts: list[str]) -> bool:
    pairs = list(zip(pattern, parts, strict=False))
    return len(pattern) == len(parts) and all(a == b or a.startswith("{") for a, b in pairs)
