"""What a service manager hears."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path

import pytest

from polysync.daemon.notify import Supervisor, forget_supervisor, supervisor


@pytest.mark.parametrize("abstract", [False, True])
def test_words_arrive(abstract: bool, tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind("\0" + path[1:] if abstract else path)
        supervisor({"NOTIFY_SOCKET": "@" + path[1:] if abstract else path}, 1).tell(READY="1", STATUS="well")
        assert line.recv(1024) == b"READY=1\nSTATUS=well"


def test_nobody_need_listen(tmp_path: Path) -> None:
    Supervisor().tell(READY="1")
    Supervisor(str(tmp_path / "gone")).tell(READY="1")


@pytest.mark.parametrize(
    ("env", "watchdog"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "2000000"}, timedelta(seconds=2)),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "7"}, timedelta(seconds=2)),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_a_watchdog_is_ours_or_not(env: dict[str, str], watchdog: timedelta | None) -> None:
    assert supervisor(env, 7).watchdog == watchdog


def test_work_does_not_inherit_the_line() -> None:
    env = {"NOTIFY_SOCKET": "x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "A": "1"}
    forget_supervisor(env)
    assert env == {"A": "1"}
