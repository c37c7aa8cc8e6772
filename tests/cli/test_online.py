"""The commands that talk to a daemon, beside a real one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polysync.clock import SystemClock
from tests.cli.terminal import Said, Terminal
from tests.service.daemons import READY, daemon

TASKS = r"""
[daemon]
max_running = 8
[tasks.hello]
run = 'echo "hello $PARAM_NAME"; echo "oops" >&2; echo "output rows=42" >> "$POLYSYNC_REPORT"; exit 3'
parameters = { name = "world" }
[tasks.bytes]
run = 'printf "\\000\\377\\033[31m\\r\\n\\303"'
[tasks.long]
run = 'echo "on my way"; sleep 60'
max_concurrent = 8
[tasks.slow]
run = 'sleep 60'
timeout = "100ms"
[tasks.gone]
command = ["/nowhere/to/be/found"]
[tasks.shy]
run = "true"
api_trigger = false
[tasks.signal]
run = 'kill -USR1 $$'
[tasks.secretive]
run = '''
echo '{"output": {"name": "key", "value": "hunter2", "sensitive": true}}' >> "$POLYSYNC_REPORT"
echo '{"output": {"name": "rows", "value": 3}}' >> "$POLYSYNC_REPORT"
'''
[tasks.steps]
run = 'for n in 1 2 3 4 5 6; do echo "$n"; sleep 0.2; done'
[tasks.alone]
run = 'sleep 60'
[tasks.stubborn]
run = 'trap "" TERM; echo up; while :; do sleep 0.1; done'
graceful_stop = "60s"
[tasks.tail]
run = 'seq 1 40000; echo between >&2; printf "no end"'
[tasks.ten]
run = 'for n in 1 2 3 4 5 6 7 8 9 10; do echo "line $n"; done'
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("online")
    with daemon(folder, config=TASKS) as running:
        running.until(READY)
        yield folder


@pytest.fixture
def here(folder: Path) -> Terminal:
    terminal = Terminal(folder)
    terminal.now = SystemClock().read().wall
    return terminal


def run_of(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = said.data
    return found


def until_state(here: Terminal, task: str, state: str) -> dict[str, Any]:
    """The newest run of a task, once it is in that state."""
    for _ in range(1000):
        found: dict[str, Any] = run_of(here.polysync("runs", "--task", task, "--limit", "1", "--json"))["items"][0]
        if found["state"] == state:
            return found
    raise AssertionError(f"{task} never came to be {state}")


def program(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """The command line in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("POLYSYNC_")}
    return subprocess.Popen(
        [sys.executable, "-m", "polysync", *words],
        cwd=folder,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )


def test_exec_streams_both_streams_and_exits_as_the_work_did(here: Terminal) -> None:
    said = here.polysync("exec", "hello", "-p", "name=you")

    assert (said.status, said.out) == (3, "hello you\n")
    assert said.err.startswith("oops\n")


def test_exec_gives_every_byte_as_it_was(folder: Path) -> None:
    running = program(folder, "exec", "bytes")
    out, err = running.communicate(timeout=30)

    assert (running.returncode, out, err) == (0, b"\x00\xff\x1b[31m\r\n\xc3", b"")


def test_on_a_terminal_nothing_in_the_output_can_act(here: Terminal) -> None:
    here.tty = True
    said = here.polysync("exec", "bytes")

    assert set(re.findall("\x1b[^m]*m?", said.out)) == {"\x1b[31m", "\x1b[0m"}
    assert said.out.endswith("\x1b[0m")
    assert "␀" in said.out


def test_exec_tells_a_timeout_a_signal_and_a_failed_start_apart(here: Terminal) -> None:
    gone = here.polysync("exec", "gone")

    assert here.polysync("exec", "slow").status == 124
    assert here.polysync("exec", "signal").status == 128 + signal.SIGUSR1
    assert gone.status == 125
    assert "/nowhere/to/be/found" in gone.err


def test_exec_says_why_it_could_not(here: Terminal) -> None:
    shy, unknown, wrong = (here.polysync("exec", *words) for words in (["shy"], ["helo"], ["hello", "-p", "nme=x"]))

    assert [shy.status, unknown.status, wrong.status] == [125, 125, 125]
    assert "API triggering disabled for this task" in shy.err
    assert "hello" in unknown.err
    assert "nme" in wrong.err


@pytest.mark.parametrize("words", [["-p", "name"], ["-p", "a=1", "-p", "a=2"], ["--tag", "=x"], ["--at", "someday"]])
def test_exec_refuses_what_it_cannot_read(here: Terminal, words: list[str]) -> None:
    assert here.polysync("exec", "hello", *words).status == 125


def test_exec_detached_prints_the_id_and_stop_ends_it(here: Terminal) -> None:
    number = here.polysync("exec", "long", "--detach").out.strip()
    said = here.polysync("stop", number, "--reason", "enough")
    ended = here.polysync("logs", number, "-f")

    assert number.isdigit()
    assert said.status == 0
    assert ended.out == "on my way\n"
    run = run_of(here.polysync("run", number, "--json"))
    assert (run["state"], run["end_reason"]) == ("cancelled", "stopped")
    assert [message["text"] for message in run["messages"]] == ["enough"]


def test_interrupt_at_the_terminal_stops_the_run(folder: Path, here: Terminal) -> None:
    running = program(folder, "exec", "long")
    assert running.stdout is not None
    assert running.stdout.readline() == b"on my way\n"
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)

    assert running.returncode == 130
    newest = run_of(here.polysync("runs", "--task", "long", "--limit", "1", "--json"))["items"][0]
    assert newest["state"] == "cancelled", err


def test_interrupt_writes_nothing_twice_and_a_second_one_does_not_wait(folder: Path, here: Terminal) -> None:
    running = program(folder, "exec", "stubborn")
    assert running.stdout is not None
    assert running.stderr is not None
    assert running.stdout.readline() == b"up\n"
    running.send_signal(signal.SIGINT)
    assert b"stopping run" in running.stderr.readline()
    until_state(here, "stubborn", "stopping")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)

    assert (running.returncode, out) == (130, b""), err
    assert b"is not waited for" in err


def test_hang_up_leaves_the_run(folder: Path, here: Terminal) -> None:
    running = program(folder, "exec", "long")
    assert running.stdout is not None
    assert running.stdout.readline() == b"on my way\n"
    running.send_signal(signal.SIGHUP)
    running.communicate(timeout=30)

    newest = run_of(here.polysync("runs", "--task", "long", "--limit", "1", "--json"))["items"][0]
    assert newest["state"] == "running"
    assert here.polysync("stop", str(newest["id"])).status == 0


def test_runs_and_run_show_what_happened(here: Terminal) -> None:
    here.polysync("exec", "hello")
    listed = here.polysync("runs", "--task", "hello", "--state", "failed")
    number = listed.lines[1].split()[0]
    told = here.polysync("run", number)

    assert "failed/exit_code" in listed.out
    assert "rows=42" in told.out
    assert {"queued", "starting", "running", "failed"} <= set(told.out.split())


def test_runs_is_one_document_with_a_cursor(here: Terminal) -> None:
    for _ in range(3):
        here.polysync("exec", "ten")
    first = run_of(here.polysync("runs", "--task", "ten", "--limit", "2", "--json"))
    rest = run_of(here.polysync("runs", "--task", "ten", "--cursor", str(first["next"]), "--json"))

    assert len(first["items"]) == 2
    assert rest["items"][0]["id"] < first["items"][-1]["id"]


def test_logs_tail_stream_and_timestamps(here: Terminal) -> None:
    here.polysync("exec", "ten")
    here.polysync("exec", "hello")

    assert here.polysync("logs", "ten", "-n", "2").out == "line 9\nline 10\n"
    assert here.polysync("logs", "ten", "-n", "2", "-f").out == "line 9\nline 10\n"
    assert here.polysync("logs", "ten", "-n", "0").out == ""
    assert here.polysync("logs", "hello", "--stream", "err").out == "oops\n"
    assert here.polysync("logs", "ten", "--timestamps").lines[9].endswith("  line 10")


def test_logs_tail_of_a_long_log_over_its_pieces(here: Terminal) -> None:
    here.polysync("exec", "tail")
    whole = here.polysync("logs", "tail", "--stream", "out").out.splitlines(keepends=True)

    assert here.polysync("logs", "tail", "--stream", "out", "-n", "1").out == "no end"
    for count in (2, 3, 20_000, 40_001, 50_000):
        assert here.polysync("logs", "tail", "--stream", "out", "-n", str(count)).out == "".join(whole[-count:])
    assert here.polysync("logs", "tail", "-n", "50000").out.count("\n") == 40_001


def test_logs_as_json_is_a_document_in_every_line(here: Terminal) -> None:
    here.polysync("exec", "ten")
    pieces = [json.loads(line) for line in here.polysync("logs", "ten", "--json").lines]

    assert "".join(piece["data"] for piece in pieces).endswith("line 9\nline 10\n")


def test_what_waits_says_what_for(here: Terminal) -> None:
    first, second = (here.polysync("exec", "alone", "--detach").out.strip() for _ in range(2))
    listed, told = here.polysync("runs", "--task", "alone"), here.polysync("run", second)
    assert here.polysync("stop", second, first).status == 0

    assert "waits for slot max_concurrent" in listed.out
    assert "slot max_concurrent" in told.out


def test_exec_says_what_it_waits_for(folder: Path, here: Terminal) -> None:
    first = here.polysync("exec", "alone", "--detach").out.strip()
    running = program(folder, "exec", "alone")
    assert running.stderr is not None
    assert b"waits for slot max_concurrent" in running.stderr.readline()
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)

    assert running.returncode == 130
    assert here.polysync("stop", first).status == 0


def test_what_is_over_cannot_be_stopped_and_is_told_how_it_ended(here: Terminal) -> None:
    here.polysync("exec", "signal")
    newest = run_of(here.polysync("runs", "--task", "signal", "--limit", "1", "--json"))["items"][0]
    said = here.polysync("stop", str(newest["id"]))

    assert said.status == 4
    assert "is over already: failed/signal" in said.err
    assert "SIGUSR1" in here.polysync("runs", "--task", "signal").out


def test_the_socket_of_a_home_that_others_may_use_is_found(tmp_path: Path) -> None:
    here = Terminal(tmp_path)
    with daemon(tmp_path, config='[access]\nviewers = ["root"]\n[tasks.a]\nrun = "true"\n') as running:
        place = Path(running.until(READY)["socket"])

        assert place.parent.name == "sock"
        assert here.polysync("exec", "a").status == 0
        assert here.polysync("status", "--data", str(place.parent.parent)).status == 0


def test_logs_follow_after_a_tail(folder: Path, here: Terminal) -> None:
    number = here.polysync("exec", "steps", "--detach").out.strip()
    running = program(folder, "logs", number, "-f", "-n", "1")
    assert running.stdout is not None
    first = int(running.stdout.readline())
    rest, err = running.communicate(timeout=30)

    assert [int(line) for line in rest.split()] == list(range(first + 1, 7)), err


def test_status_is_well(here: Terminal) -> None:
    said = here.polysync("status")
    told = run_of(here.polysync("status", "--json"))

    assert said.status == 0
    assert str(told["pid"]) in said.out
    assert told["state"] == "running"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["run", "999999"], 3),
        (["run", "x"], 2),
        (["logs", "nobody"], 3),
        (["stop", "999999"], 3),
        (["runs", "--limit", "0"], 2),
    ],
)
def test_what_is_not_there_is_said_so(here: Terminal, words: list[str], status: int) -> None:
    said = here.polysync(*words, "--json")

    assert said.status == status
    assert json.loads(said.out)["error"]["message"]


def test_without_a_daemon_every_command_says_how_to_start_one(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.write("[tasks.a]\nrun = 'true'\n")

    for words in (["status"], ["runs"], ["run", "1"], ["logs", "1"], ["stop", "1"]):
        said = terminal.polysync(*words)
        assert (said.status, "polysync daemon" in said.err) == (5, True), words
    assert terminal.polysync("exec", "a").status == 125


@pytest.mark.slow
def test_exec_waits_for_a_daemon_that_comes_back(tmp_path: Path) -> None:
    config = "[tasks.steps]\nrun = 'for n in 1 2 3 4 5 6 7 8; do echo $n; sleep 0.25; done; exit 9'\n"
    with daemon(tmp_path, config=config, leave=True) as first:
        first.until(READY)
        running = program(tmp_path, "exec", "steps")
        assert running.stdout is not None
        assert running.stdout.readline() == b"1\n"
    with daemon(tmp_path) as second:
        second.until(READY)
        out, err = running.communicate(timeout=30)

    assert (running.returncode, out) == (9, b"2\n3\n4\n5\n6\n7\n8\n")
    assert b"waiting for it to come back" in err


def test_sensitive_outputs_show_as_stars(here: Terminal) -> None:
    here.polysync("exec", "secretive")
    run = run_of(here.polysync("runs", "--task", "secretive", "--json"))["items"][0]

    assert run["outputs"] == {"key": "***", "rows": 3}


def test_a_held_run_waits_until_it_is_released(here: Terminal) -> None:
    number = here.polysync("exec", "ten", "--hold").out.strip()

    assert run_of(here.polysync("run", number, "--json"))["state"] == "held"
    assert here.polysync("release", number).status == 0
    assert here.polysync("logs", number, "-f").out.endswith("line 10\n")
    assert here.polysync("release", number).status == 4


def test_every_run_that_can_be_released_is(here: Terminal) -> None:
    number = here.polysync("exec", "ten", "--hold").out.strip()
    said = here.polysync("release", "99999", number)

    assert (said.status, said.err) == (3, "error: no run 99999\n hint: polysync runs lists them\n")
    assert said.out.startswith(f"run {number}  ten  ")
    assert here.polysync("logs", number, "-f").out.endswith("line 10\n")
