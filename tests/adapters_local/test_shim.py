"""The shim: what it records of every way to end, in every shell that may stand behind /bin/sh."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from polysync.adapters.local.identity import identity_of, same
from polysync.adapters.local.spawn import PosixSpawn, Spawn, spawn_by_subprocess
from tests.adapters_local.shims import HERE, start_shim
from tests.adapters_local.waiting_for import until_now
from tests.faults import fault

SLEEPER = ["sh", "-c", "echo ready; exec sleep 30"]
TRAPPER = ["sh", "-c", "trap 'echo got; exit 3' TERM; echo ready; sleep 30 & wait"]
pytestmark = pytest.mark.parametrize("shell", HERE)


@pytest.mark.parametrize(
    ("argv", "code", "executed"),
    [
        (["/bin/true"], 0, True),
        (["sh", "-c", "echo hi; exit 7"], 7, True),
        (["sh", "-c", "exit 127"], 127, True),
        (["sh", "-c", "kill -SEGV $$"], 139, True),
        (["sh", "-c", "kill -KILL $$"], 137, True),
        (["/nonexistent"], 127, False),
        (["/etc/passwd"], 126, False),
    ],
)
def test_it_records_how_the_command_ended(
    tmp_path: Path, shell: str, argv: Sequence[str], code: int, executed: bool
) -> None:
    shim = start_shim(tmp_path, argv, shell)
    identity = identity_of(shim.pid)
    assert shim.wait() == code
    assert shim.status.code == code
    assert shim.status.identity == identity or identity is None
    assert shim.status.cpu_seconds is not None
    # Only dash runs the trap of a subshell whose exec failed; elsewhere the check before the start has to do.
    assert shim.status.executed is (executed or shell != "sh")


@pytest.mark.parametrize(
    ("argv", "number", "code"),
    [
        (SLEEPER, signal.SIGTERM, 143),
        (SLEEPER, signal.SIGINT, 130),
        (SLEEPER, signal.SIGHUP, 129),
        (SLEEPER, signal.SIGQUIT, 131),
        (SLEEPER, signal.SIGUSR1, 138),
        (TRAPPER, signal.SIGTERM, 3),
    ],
)
def test_a_signal_to_the_group_reaches_the_command_and_not_the_shim(
    tmp_path: Path, shell: str, argv: Sequence[str], number: signal.Signals, code: int
) -> None:
    shim = start_shim(tmp_path, argv, shell)
    shim.signal_group(number)
    assert shim.wait() == code
    assert shim.status.code == code
    assert "erminated" not in shim.out + shim.err


@fault("F6")
def test_a_kill_of_the_group_leaves_an_identity_without_a_status(tmp_path: Path, shell: str) -> None:
    shim = start_shim(tmp_path, SLEEPER, shell)
    shim.signal_group(signal.SIGKILL)
    assert shim.wait() == -signal.SIGKILL
    assert shim.status.identity is not None
    assert shim.status.code is None


@fault("F7")
def test_it_does_not_wait_for_a_late_writer(tmp_path: Path, shell: str) -> None:
    release = tmp_path / "release"
    os.mkfifo(release)
    shim = start_shim(tmp_path, ["sh", "-c", f"(read x <{release}; echo late) & exit 5"], shell)
    assert shim.wait() == 5
    assert shim.out == ""
    release.write_text("go\n")
    until_now(lambda: shim.out == "late\n")


@fault("F10")
@pytest.mark.parametrize("spawn", [PosixSpawn().spawn, spawn_by_subprocess], ids=["posix_spawn", "subprocess"])
def test_the_command_gets_three_descriptors_a_session_and_default_signals(
    tmp_path: Path, shell: str, spawn: Spawn
) -> None:
    program = (
        "import json, os, signal; names = sorted(int(n) for n in os.listdir('/proc/self/fd')); "
        "blocked = len(signal.pthread_sigmask(signal.SIG_BLOCK, [])); status = open('/proc/self/status').read(); "
        "ignored = [l.split()[1] for l in status.splitlines() if l.startswith('SigIgn')][0]; "
        "print(json.dumps([names, os.getsid(0), os.getpgid(0), os.getcwd(), blocked, int(ignored, 16)]))"
    )
    leak = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leak, True)
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        shim = start_shim(tmp_path, [sys.executable, "-I", "-S", "-c", program], shell, spawn)
    finally:
        signal.signal(signal.SIGUSR1, before)
        os.close(leak)
    assert shim.wait() == 0, shim.err
    names, session, group, folder, blocked, ignored = json.loads(shim.out)
    assert (session, group, folder) == (shim.pid, shim.pid, str(tmp_path))
    assert names[:3] == [0, 1, 2]
    assert len(names) == 4  # the fourth is the listing itself
    assert blocked == 0
    if spawn is not spawn_by_subprocess:
        python_itself = (1 << (signal.SIGPIPE - 1)) | (1 << (signal.SIGXFSZ - 1))
        assert ignored & ~python_itself == 0


def test_the_lock_is_held_by_the_shim_alone_and_as_long_as_it_lives(tmp_path: Path, shell: str) -> None:
    shim = start_shim(tmp_path, [*SLEEPER], shell)
    until_now(lambda: shim.out == "ready\n")
    status = (tmp_path / "status").stat()
    holders = [
        link.parts[2]
        for link in Path("/proc").glob("[0-9]*/fd/9")
        if link.exists() and os.path.samestat(link.stat(), status)
    ]
    assert holders == [str(shim.pid)]
    assert shim.status.identity is not None
    assert same(shim.status.identity)
    os.killpg(shim.pid, signal.SIGTERM)
    shim.wait()
