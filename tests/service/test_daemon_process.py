"""The daemon from outside: how it starts, says no, takes signals and ends."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from polysync.daemon.pointer import read_pointer
from tests.faults import fault
from tests.service.daemons import READY, daemon

pytestmark = pytest.mark.slow

ONE = '[tasks.t]\nrun = "true"\n'
HAS_ACCESS = os.geteuid() == 0  # root may write everywhere


def test_it_starts_listens_and_ends(tmp_path: Path) -> None:
    with daemon(tmp_path, config=ONE) as running:
        ready = running.until(READY)
        assert (ready["tasks"], ready["running"], ready["pid"]) == (1, 0, running.process.pid)
        assert status(ready["socket"])["state"] == "running"
        assert running.end() == 0
        assert running.until("polysync ends")["tasks"] == "detach"
        running.until("polysync ended")
    home = tmp_path / ".polysync"
    assert home.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in home.iterdir()} == {0}
    assert not (home / "polysync.sock").exists()


@pytest.mark.slow
def test_a_home_that_others_could_look_into_is_closed(tmp_path: Path) -> None:
    (tmp_path / ".polysync").mkdir()
    (tmp_path / ".polysync").chmod(0o755)
    with daemon(tmp_path, config=ONE) as running:
        running.until(READY)
        assert (tmp_path / ".polysync").stat().st_mode & 0o777 == 0o700
        assert running.end() == 0


def status(path: str) -> dict[str, object]:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
        line.sendall(b"GET /api/status HTTP/1.1\r\nHost: polysync\r\nConnection: close\r\n\r\n")
        with line.makefile("rb") as answer:
            found: dict[str, object] = json.loads(answer.read().partition(b"\r\n\r\n")[2])
            return found


@pytest.mark.slow
def test_ctrl_c_ends_it_too(tmp_path: Path) -> None:
    with daemon(tmp_path, config=ONE) as running:
        running.until(READY)
        assert running.end(signal.SIGINT) == 0


@pytest.mark.slow
def test_a_home_elsewhere_is_pointed_at_while_it_is_served(tmp_path: Path) -> None:
    env = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    with daemon(tmp_path, "--data", "else where", config=ONE, env=env) as running:
        running.until(READY)
        assert read_pointer(tmp_path / "polysync.toml", env, os.geteuid()) == tmp_path / "else where"
        assert running.end() == 0
    assert read_pointer(tmp_path / "polysync.toml", env, os.geteuid()) is None


def empty(_folder: Path) -> None: ...


def wrong(folder: Path) -> None:
    (folder / "polysync.toml").write_text('[tasks.t]\nrum = "true"\n')


def right(folder: Path) -> None:
    (folder / "polysync.toml").write_text(ONE)
    (folder / "file").touch()


@pytest.mark.parametrize(
    ("prepare", "words", "env", "exit_status", "said"),
    [
        (empty, (), {}, 2, "there is no configuration"),
        (wrong, (), {}, 2, "polysync.toml:2:1: tasks.t.rum: unknown key"),
        (right, ("--data", "file"), {}, 1, "cannot be made"),
        (right, ("--data", "file"), {}, 1, "--data DIR, or data_dir"),
        (right, (), {"POLYSYNC_FAILPOINT": "nowhere=kill"}, 2, "no such place"),
    ],
)
@pytest.mark.slow
def test_it_says_why_it_does_not_start(
    prepare: Callable[[Path], None],
    words: tuple[str, ...],
    env: dict[str, str],
    exit_status: int,
    said: str,
    tmp_path: Path,
) -> None:
    prepare(tmp_path)
    with daemon(tmp_path, *words, env={"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", **env}) as running:
        ended, words_said = running.said()
    assert said in words_said
    assert ended == exit_status


@pytest.mark.skipif(HAS_ACCESS, reason="root writes into every folder")
@pytest.mark.slow
def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / ".polysync").mkdir(mode=0o500)
    with daemon(tmp_path, config=ONE) as running:
        ended, said = running.said()
    assert ended == 1
    assert "cannot be written" in said


@fault("F9")
@pytest.mark.slow
def test_a_second_daemon_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    with daemon(tmp_path, config=ONE) as first:
        first.until(READY)
        with daemon(tmp_path) as second:
            ended, said = second.said()
        assert ended == 4
        assert f"another daemon owns {tmp_path}/.polysync: process {first.process.pid}" in said
        assert first.end() == 0


@pytest.mark.slow
def test_the_service_manager_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.settimeout(10)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        with daemon(tmp_path, config=ONE, env=env) as running:
            heard = line.recv(1024).decode()
            while "READY=1" not in heard:
                heard = line.recv(1024).decode()
            assert f"READY=1\nMAINPID={running.process.pid}\nSTATUS=1 tasks, 0 running" == heard
            assert line.recv(1024) == b"WATCHDOG=1"
            assert line.recv(1024) == b"WATCHDOG=1"
            running.process.terminate()
            while "STOPPING=1" not in heard:
                heard = line.recv(1024).decode()
            assert running.process.wait(10) == 0


@pytest.mark.slow
def test_hang_up_takes_a_good_configuration_and_keeps_the_old_one_for_a_bad_one(tmp_path: Path) -> None:
    with daemon(tmp_path, config=ONE) as running:
        ready = running.until(READY)
        (tmp_path / "polysync.toml").write_text("[tasks.t]\nrum = 5\n")
        running.process.send_signal(signal.SIGHUP)
        assert running.until("the configuration has errors: the old one stays in force")["problems"] >= 1
        assert any("unknown key" in str(line.get("problem")) for line in running.lines)
        (tmp_path / "polysync.toml").write_text(ONE + '[tasks.u]\nrun = "true"\n[daemon]\ndata_dir = "elsewhere"\n')
        running.process.send_signal(signal.SIGHUP)
        running.until("config.reloaded")
        assert any(line.get("changed") == "daemon.data_dir" for line in running.lines)
        assert status(ready["socket"])["tasks"] == 2
        assert running.end() == 0


def test_a_task_runs_and_its_end_is_told(tmp_path: Path) -> None:
    config = '[tasks.tick]\nrun = "echo $POLYSYNC_TASK >> done"\ncron = "* * * * * *"\n'
    with daemon(tmp_path, config=config) as running:
        assert running.until("run.succeeded")["task"] == "tick"
        assert running.end() == 0
    assert (tmp_path / "done").read_text().startswith("tick\n")


@fault("F3")
def test_work_goes_on_without_the_daemon_and_is_found_again(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    config = '[tasks.long]\nrun = "echo begun > started; read word < gate; exit 7"\nrun_on_start = true\n'
    with daemon(tmp_path, config=config, leave=True) as running:
        running.until(READY)
        while not (tmp_path / "started").exists():
            assert running.process.poll() is None
        assert running.end() == 0
    (tmp_path / "polysync.toml").write_text(config.replace("run_on_start = true\n", ""))
    with daemon(tmp_path) as running:
        assert running.until(READY)["running"] == 1
        with (tmp_path / "gate").open("w") as gate:
            gate.write("go\n")
        assert running.until("run.failed")["reason"] == "exit_code"
        assert running.end() == 0


@pytest.mark.slow
def test_on_shutdown_stop_ends_the_work(tmp_path: Path) -> None:
    config = """
[daemon]
on_shutdown = "stop"
[tasks.long]
run = "echo begun > started; exec sleep 600"
run_on_start = true
"""
    with daemon(tmp_path, config=config) as running:
        running.until(READY)
        while not (tmp_path / "started").exists():
            assert running.process.poll() is None
        assert running.end() == 0
        assert running.until("run.cancelled")["reason"] == "shutdown"


@fault("F19")
@pytest.mark.slow
def test_a_broken_journal_ends_the_daemon(tmp_path: Path) -> None:
    env = {"POLYSYNC_FAILPOINT": "journal.before_commit=raise:EIO@6+"}
    with daemon(tmp_path, config='[tasks.t]\nrun = "true"\ncron = "* * * * * *"\n', env=env) as running:
        assert "EIO" in str(running.until("the daemon cannot go on")["error"])
        assert running.process.wait(10) == 1


@fault("F49")
@pytest.mark.parametrize("passage", ["1+", "3+"])
@pytest.mark.slow
def test_whoever_waits_for_a_full_disk_can_be_ended(passage: str, tmp_path: Path) -> None:
    env = {"POLYSYNC_FAILPOINT": f"journal.before_commit=raise:ENOSPC@{passage}"}
    with daemon(tmp_path, config='[tasks.t]\nrun = "true"\ncron = "* * * * * *"\n', env=env) as running:
        running.until("polysync starts" if passage != "1+" else "waits for the disk before it can begin")
        assert running.end() == 0
        running.until("polysync ends before it was ready")


@pytest.mark.slow
def test_a_full_log_pipe_stops_nothing(tmp_path: Path) -> None:
    config = '[daemon]\nlog_level = "debug"\n[tasks.t]\nrun = "echo x >> done"\ncron = "* * * * * *"\n'
    reading, writing = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(writing, False)
    try:
        while os.write(writing, b"x" * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(writing, True)
    with daemon(tmp_path, config=config, stderr=writing) as running:
        while not (tmp_path / "done").exists():
            assert running.process.poll() is None
        assert running.end() == 0
    os.close(reading)
    os.close(writing)


@pytest.mark.slow
def test_asking_twice_ends_it_at_once(tmp_path: Path) -> None:
    config = """
[daemon]
on_shutdown = "stop"
shutdown_timeout = "1h"
[tasks.long]
run = "trap '' TERM; echo begun > started; while :; do read -r x < gate; done"
run_on_start = true
graceful_stop = "1h"
"""
    os.mkfifo(tmp_path / "gate")
    with daemon(tmp_path, config=config) as running:
        running.until(READY)
        while not (tmp_path / "started").exists():
            assert running.process.poll() is None
        running.process.terminate()
        running.until("polysync ends")
        assert running.end() == 0
        running.until("polysync ended")
    (tmp_path / "polysync.toml").write_text('[daemon]\non_shutdown = "stop"\n')
