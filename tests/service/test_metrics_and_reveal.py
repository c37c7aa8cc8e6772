"""Figures, traces and sensitive values as a real daemon tells them."""

from __future__ import annotations

import os
import pwd
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from polysync.clock import SystemClock
from tests.cli.terminal import Terminal
from tests.daemon.openmetrics import Labels, samples
from tests.service.daemons import READY, Daemon, daemon

pytestmark = pytest.mark.slow
CONFIG: Final = """
[tasks.good]
run = "echo hello"
[tasks.bad]
run = "exit 3"
[services.up]
run = "exec sleep 60"
[services.down]
run = "exec sleep 60"
autostart = false
[tasks.secretive]
run = "true"
[tasks.secretive.parameters]
pin = { value = "4713-canary", sensitive = true }
plain = { value = "x" }
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[tuple[Terminal, Daemon]]:
    me = pwd.getpwuid(os.geteuid()).pw_name
    with daemon(tmp_path, config=f'{CONFIG}[access]\nreveal = ["{me}"]\n') as running:
        running.until(READY)
        terminal = Terminal(tmp_path)
        terminal.now = SystemClock().read().wall
        yield terminal, running


def take(terminal: Terminal, running: Daemon, text: str) -> None:
    """Have another configuration hold."""
    terminal.write(text)
    running.process.send_signal(signal.SIGHUP)
    running.until("config.reloaded")


def test_the_verb_prints_what_a_parser_reads_and_counters_only_grow(here: tuple[Terminal, Daemon]) -> None:
    terminal, running = here
    before: dict[tuple[str, Labels], float] = {}
    for task in ("good", "bad", "good"):
        terminal.polysync("exec", task)
        told = samples(terminal.polysync("metrics").out)
        shrunk = {name for name, value in before.items() if name[0].endswith("_total") and told.get(name, -1) < value}
        assert not shrunk
        before = told
    good = (("task", "good"),)
    ended = "polysync_runs_ended_total"
    assert before[ended, (("reason", ""), ("state", "succeeded"), *good)] == 2
    assert before[ended, (("reason", "exit_code"), ("state", "failed"), ("task", "bad"))] == 1
    assert before["polysync_log_bytes_total", ()] == 12
    assert before["polysync_service_up", (("service", "up"),)] == 1
    assert before["polysync_service_up", (("service", "down"),)] == 0
    assert before["polysync_run_duration_seconds_count", ()] == 3
    assert before["polysync_task_last_success_timestamp_seconds", good] > 0
    said = terminal.polysync("metrics", "--json")
    assert (said.status, "no JSON" in said.out) == (2, True)
    assert running.end() == 0
    with daemon(terminal.folder) as again:
        again.until(READY)
        after = samples(terminal.polysync("metrics").out)
    assert ended not in {name for name, _ in after}
    assert after["polysync_task_last_success_timestamp_seconds", good] > 0
    assert after["process_start_time_seconds", ()] > before["process_start_time_seconds", ()]


def test_they_can_be_switched_off_while_it_runs(here: tuple[Terminal, Daemon]) -> None:
    terminal, running = here
    take(terminal, running, CONFIG + "[api]\nmetrics = false\n")
    said = terminal.polysync("metrics")
    assert (said.status, "[api] metrics = false" in said.err) == (3, True)


def test_what_is_sensitive_is_shown_to_those_who_may_and_written_down(here: tuple[Terminal, Daemon]) -> None:
    terminal, running = here
    terminal.polysync("exec", "secretive")
    number = str(terminal.polysync("runs", "--task", "secretive", "--json").data["items"][0]["id"])
    assert terminal.polysync("run", number, "--json").data["parameters"] == {"pin": "***", "plain": "x"}
    shown = terminal.polysync("run", number, "--reveal", "--json").data["parameters"]
    assert shown == {"pin": "4713-canary", "plain": "x"}
    row = terminal.polysync("audit", "-n", "1", "--json").data["items"][0]
    assert (row["verb"], row["subject"], row["detail"]) == ("reveal", f"run {number}", {"names": ["pin"]})
    take(terminal, running, CONFIG)
    said = terminal.polysync("run", number, "--reveal")
    assert said.status == 4
    assert "[access] reveal" in said.err
    assert "canary" not in said.out + said.err
    assert terminal.polysync("audit", "-n", "1", "--json").data["items"][0]["outcome"] == "denied"
