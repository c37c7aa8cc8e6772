"""Quick commands on terminals, without streams and in completion; and the demo as one document."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.cli.test_command_line import PLAIN, REPOSITORY
from tests.cli.test_completion import offered
from tests.cli.test_hot import hot
from tests.service.daemons import READY, daemon

TASKS = """
[tasks.backup]
run = 'printf "\\\\033]0;title\\\\007one\\n"; exit 4'
[tasks.report]
run = 'true'
[services.web]
run = 'sleep 60'
autostart = false
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("light")
    with daemon(folder, config=TASKS) as running:
        running.until(READY)
        yield folder


def on_a_terminal(folder: Path, *words: str) -> tuple[int, bytes]:
    """The exit status, and everything that the screen was sent."""
    here, there = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "polysync", *words],
        cwd=folder,
        env={**PLAIN, "COLUMNS": "100"},
        stdin=there,
        stdout=there,
        stderr=there,
    )
    os.close(there)
    said = b""
    try:
        while data := os.read(here, 1 << 16):
            said += data
    except OSError:  # nobody holds the other side any more
        pass
    finally:
        os.close(here)
    return process.wait(), said


def test_exec_on_a_terminal_lets_nothing_act(folder: Path) -> None:
    status, said = on_a_terminal(folder, "exec", "backup")
    assert (status, b"\x1b]0" in said, b"one\r\n" in said) == (4, False, True)


def test_tables_on_a_terminal_are_coloured_and_documents_have_lines(folder: Path) -> None:
    hot(folder, ["exec", "report"])
    assert b"\x1b[" in on_a_terminal(folder, "runs")[1]
    assert b'\r\n  "version"' in on_a_terminal(folder, "status", "--json")[1]


@pytest.mark.parametrize(
    "words", [["status"], ["runs", "--json"], ["exec", "report"], ["_names", "tasks"]], ids=" ".join
)
def test_a_closed_output_is_no_trouble(folder: Path, words: list[str]) -> None:
    line = [sys.executable, "-m", "polysync", *words]
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *line], cwd=folder, env=PLAIN, stderr=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("words", [["status"], ["runs", "--json"], ["logs", "backup"]], ids=" ".join)
def test_a_full_output_is_told(folder: Path, words: list[str]) -> None:
    hot(folder, ["exec", "backup"])
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "polysync", *words],
            cwd=folder,
            env=PLAIN,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, b"no space left" in done.stderr) == (1, True), done.stderr


def test_names_come_from_the_daemon_that_is_there(folder: Path) -> None:
    shell = Terminal(folder)
    entry = shell.write(
        f'#!/bin/sh\nPYTHONPATH="{REPOSITORY}" exec "{sys.executable}" -m polysync "$@"\n', "bin/polysync"
    )
    entry.chmod(0o755)
    hot(folder, ["exec", "report"])
    assert offered(shell, "exec", "ba") == ["backup"]
    assert offered(shell, "runs", "--task", "re") == ["report"]
    assert offered(shell, "service", "stop", "w") == ["web"]
    assert "1" in offered(shell, "run", "")


def test_logs_of_a_task_that_is_meant(folder: Path) -> None:
    hot(folder, ["exec", "backup"])
    assert hot(folder, ["logs", "back"])[1].endswith(b"one\n")
    status, _, err = hot(folder, ["logs", "bakcup"])
    assert (status, b"backup" in err) == (3, True)
    status, _, err = hot(folder, ["exec", "bakcup"])
    assert (status, b"did you mean" in err) == (125, True)


@pytest.mark.slow
def test_demo_is_one_document(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "polysync", "demo", "--json"], cwd=tmp_path, env=PLAIN, capture_output=True, check=False
    )
    told = json.loads(done.stdout)
    assert (done.returncode, told["kept"], told["run"]["exit_code"]) == (0, True, 3), done.stderr
    assert {run["task"] for run in told["runs"]} >= {"long", "heartbeat"}
