"""`exec` where much happens at once: two hundred of them, a great log, a daemon that is away, a reader who left."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from polysync.api.client import Client
from tests.cli.test_command_line import PLAIN
from tests.cli.test_hot import hot
from tests.service.daemons import READY, daemon

pytestmark = pytest.mark.slow

CROWD = 200
GREAT = 128 << 20
WRITER = f"""\
import os, random
dice = random.Random(7)
for _ in range({GREAT >> 20}):
    os.write(1, dice.randbytes(1 << 16) * 16)
"""
TASKS = f"""
[daemon]
max_running = 300
[tasks.one]
run = 'echo "out $PARAM_N"; echo "err $PARAM_N" >&2; sleep 0.3; exit $PARAM_N'
parameters = {{ n = "0" }}
max_concurrent = 250
[tasks.great]
command = {json.dumps([sys.executable, "-c", WRITER])}
log_max_size = "2gb"
log_on_full = "kill_task"
[tasks.slow]
run = 'for n in 1 2 3 4 5 6 7 8; do echo $n; sleep 0.1; done; touch done'
[tasks.quick]
run = 'exit 3'
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with daemon(tmp_path, config=TASKS) as running:
        running.until(READY)
        yield tmp_path


def program(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "polysync", *words],
        cwd=folder,
        env=PLAIN,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def asked(folder: Path, target: str) -> Mapping[str, Any]:
    with Client(str(folder / ".polysync" / "polysync.sock")) as client:
        found: Mapping[str, Any] = json.loads(client.request("GET", target).body)
        return found


@pytest.mark.slow
def test_two_hundred_at_once_have_each_their_own_output_and_code(folder: Path) -> None:
    codes = [number % 60 for number in range(CROWD)]  # below those that mean something to the engine
    crowd = [program(folder, "exec", "one", "-p", f"n={code}") for code in codes]

    for code, process in zip(codes, crowd, strict=True):
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out, err) == (code, b"out %d\n" % code, b"err %d\n" % code)
    assert len(asked(folder, "/api/runs?task=one&limit=500")["items"]) == CROWD


@pytest.mark.slow
def test_great_log_comes_through_to_the_byte(folder: Path) -> None:
    process = program(folder, "exec", "great")
    assert process.stdout is not None
    told = hashlib.sha256()
    while data := process.stdout.read(1 << 16):
        told.update(data)
    assert (process.wait(60), process.communicate()[1]) == (0, b"")

    stored = hashlib.sha256()
    with Client(str(folder / ".polysync" / "polysync.sock"), timeout=None) as client:
        for piece in client.stream("GET", "/api/runs/1/log").pieces():
            stored.update(piece)
    assert told.digest() == stored.digest()
    assert asked(folder, "/api/runs/1")["attempts"][0]["log_bytes"] == GREAT


@pytest.mark.slow
def test_exec_waits_for_a_daemon_that_is_just_being_restarted(tmp_path: Path) -> None:
    with daemon(tmp_path, config=TASKS, leave=True) as first:
        first.until(READY)
        first.end(signal.SIGTERM)
    waiting = program(tmp_path, "exec", "quick")
    assert waiting.stderr is not None
    said = waiting.stderr.readline()
    with daemon(tmp_path) as second:
        second.until(READY)
        waiting.communicate(timeout=60)
        runs = asked(tmp_path, "/api/runs")["items"]

    assert b"waiting for it to come back" in said
    assert (waiting.returncode, [run["task"] for run in runs]) == (3, ["quick"])


@pytest.mark.slow
def test_daemon_that_dies_before_it_answers_has_not_started_it_twice(tmp_path: Path) -> None:
    with daemon(tmp_path, config=TASKS, leave=True, env={"POLYSYNC_FAILPOINT": "api.before_answer=kill"}) as first:
        first.until(READY)
        waiting = program(tmp_path, "exec", "quick")
        first.process.wait(60)  # the run is durable, and nobody was told
    with daemon(tmp_path) as second:
        second.until(READY)
        out, err = waiting.communicate(timeout=60)
        runs = asked(tmp_path, "/api/runs")["items"]

    assert (waiting.returncode, out, [run["id"] for run in runs]) == (3, b"", [1]), err


def test_reader_who_leaves_ends_exec_and_not_the_run(folder: Path) -> None:
    process = program(folder, "exec", "slow")
    assert process.stdout is not None
    assert process.stdout.readline() == b"1\n"
    process.stdout.close()
    try:
        assert process.wait(30) == 141  # as shells have it
    finally:
        process.communicate()
    with Client(str(folder / ".polysync" / "polysync.sock"), timeout=60) as client:
        last = client.request("GET", "/api/runs/1/log?follow=1").body.splitlines()[-1]
    assert json.loads(last)["run"]["state"] == "succeeded"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_user_who_may_not_is_told_so(folder: Path) -> None:
    folder.chmod(0o755)
    for above in [folder, *folder.parents][:3]:
        above.chmod(0o755)
    (folder / ".polysync").chmod(0o711)
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-m", "polysync"]
    for verb, status in ((["status"], 5), (["exec", "quick"], 125)):
        done = subprocess.run([*words, *verb], cwd=folder, env=PLAIN, capture_output=True, text=True, check=False)
        assert (done.returncode, "may not talk to the daemon" in done.stderr) == (status, True), done.stderr
        assert "[access]" in done.stderr


def test_hot_verbs_of_a_real_daemon(folder: Path) -> None:
    assert hot(folder, ["exec", "quick"]) == (3, b"", b"")
    status, out, _ = hot(folder, ["runs"])
    assert (status, b"quick" in out, b"failed/exit_code" in out) == (0, True, True)
    assert hot(folder, ["status"])[1].startswith(b"polysync ")
    assert b"quick\n" in hot(folder, ["_names", "tasks"])[1]
    assert hot(folder, ["_names", "runs"])[1] == b"1\n"
    assert json.loads(hot(folder, ["run", "1", "--json"])[1])["exit_code"] == 3
