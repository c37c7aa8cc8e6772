"""Small scenes for tests of single faults: ask, wait, look."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any, Final

from polysync.api.client import Client
from tests.chaos.site import Site, until

SECONDS: Final = 30.0
EACH_SECOND: Final = """\
[tasks.tick]
run = "echo $POLYSYNC_SCHEDULED_FOR >>witness"
cron = "* * * * * *"
catch_up = "all"
max_concurrent = "unlimited"
"""
IS_ROOT: Final = os.geteuid() == 0


def ask(site: Site, task: str, timeout: float = SECONDS) -> int:
    """Start a run of a task: its number."""
    with Client(str(site.socket), timeout=timeout) as client:
        answer = client.request("POST", f"/api/tasks/{task}/run", b"{}")
        assert answer.status == 201, answer.body
        return int(json.loads(answer.body)["id"])


def run_of(site: Site, number: int, timeout: float = SECONDS) -> dict[str, Any]:
    """A run, as the daemon shows it."""
    with Client(str(site.socket), timeout=timeout) as client:
        found: dict[str, Any] = json.loads(client.request("GET", f"/api/runs/{number}").body)
        return found


def ended(site: Site, number: int) -> dict[str, Any]:
    """A run, once it is over."""
    assert until(lambda: bool(run_of(site, number)["ended_at"]), SECONDS), run_of(site, number)
    return run_of(site, number)


def started(site: Site, failpoint: str = "", **env: str) -> subprocess.Popen[bytes]:
    """A daemon that listens."""
    process = site.start(failpoint, **env)
    assert site.ready(process), said(site)
    return process


def slots(site: Site) -> list[int]:
    """The slots that were decided, in seconds, oldest first."""
    found = site.rows("SELECT slot / 1000000 FROM runs WHERE slot IS NOT NULL ORDER BY slot")
    return [int(row[0]) for row in found]


def unbroken(found: list[int]) -> bool:
    """Whether every second from the first to the last is there once."""
    return bool(found) and found == list(range(found[0], found[-1] + 1))


def said(site: Site) -> str:
    """What the daemons of a site said."""
    return (site.folder / "daemon.log").read_text()
