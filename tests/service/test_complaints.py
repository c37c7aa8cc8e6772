"""What libraries and the interpreter complain of goes into the daemon's own log, never to a stream that may hang."""

from __future__ import annotations

import asyncio
import logging
import resource
import subprocess
import sys
import threading
from typing import Any

import pytest

from polysync.daemon.descriptors import raise_descriptors
from polysync.daemon.logging import capturing
from tests.faults import fault


class Lines:
    """A log."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, dict[str, Any]]] = []

    def error(self, event: str, **values: Any) -> None:
        self.told.append(("error", event, values))

    def warning(self, event: str, **values: Any) -> None:
        self.told.append(("warning", event, values))


class Sore:
    """Something that cannot even go quietly."""

    def __del__(self) -> None:
        raise ValueError("sore")


def fail() -> None:
    raise ValueError("in a thread")


@fault("F49")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_complaints_are_lines_of_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    log, before = Lines(), (sys.unraisablehook, threading.excepthook, list(logging.getLogger().handlers))
    with capturing(log):
        logging.getLogger("asyncio").warning("slow %s", "callback")
        logging.getLogger("asyncio").debug("not worth a line")
        Sore()
        thread = threading.Thread(target=fail, name="tailor")
        thread.start()
        thread.join()
    assert [(level, event) for level, event, _ in log.told] == [
        ("warning", "something complains"),
        ("error", "an error that nobody could hear"),
        ("error", "a thread died"),
    ]
    assert log.told[0][2] == {"by": "asyncio", "about": "slow callback", "error": "None"}
    assert "sore" in log.told[1][2]["error"]
    assert log.told[2][2] == {"error": "ValueError('in a thread')", "thread": "tailor"}
    assert (sys.unraisablehook, threading.excepthook, logging.getLogger().handlers) == before
    assert capfd.readouterr().err == ""


async def test_what_the_loop_complains_of_is_one_of_them() -> None:
    log, loop = Lines(), asyncio.get_running_loop()
    with capturing(log):
        loop.call_soon(fail)
        turned = loop.create_future()
        loop.call_soon(turned.set_result, None)
        await turned
    [(level, _, values)] = log.told
    assert (level, values["error"]) == ("error", "ValueError('in a thread')")


@fault("F32")
@pytest.mark.parametrize(
    ("soft", "hard", "before"), [(300, 400, "300"), (400, 400, "None")], ids=["there is more", "there is no more"]
)
def test_all_descriptors_are_taken_and_the_limit_before_is_told(soft: int, hard: int, before: str) -> None:
    script = "from polysync.daemon.descriptors import raise_descriptors as r; import resource; "
    script += "print(r(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    words = ["sh", "-c", f'ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$@"', "sh", sys.executable, "-c", script]
    said = subprocess.run(words, capture_output=True, text=True, check=True)
    assert said.stdout == f"{before} {hard} {hard}\n"


def test_a_host_that_forbids_it_is_taken_as_it_is() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    def forbid(_which: int, _limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    assert raise_descriptors(lambda _which: (10, 20), forbid) is None
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == limits
