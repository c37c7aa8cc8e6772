"""The daemon inside the test's own process, where it can be watched part by part."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from polysync.clock import SystemClock
from polysync.config.decode import Loaded
from polysync.config.load import load
from polysync.daemon.opening import Options, take_home
from polysync.daemon.service import serve

TASK = '[tasks.t]\nrun = "true"\nrun_on_start = true\n'


class Log:
    """Notes every line, and answers some with a signal, as somebody outside would."""

    def __init__(self, **answers: Callable[[], None]) -> None:
        self.events: list[str] = []
        self._answers = {name.replace("_", " "): answer for name, answer in answers.items()}

    def __getattr__(self, level: str) -> Callable[..., None]:
        return self._note

    def configure(self, *_values: Any) -> None:
        """Take another form."""

    def _note(self, event: str, **_values: Any) -> None:
        self.events.append(event)
        answer = self._answers.pop(event.replace(".", " "), None)
        if answer is not None:
            answer()


def sending(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def options(folder: Path, text: str) -> Options:
    config, clock = folder / "polysync.toml", SystemClock()
    config.write_text(text)

    def read() -> Loaded:
        return load(config, env={})

    loaded = read()
    assert loaded.config is not None, loaded.problems
    return Options(config=config, home=folder / ".polysync", configuration=loaded.config, load=read, clock=clock)


async def served(told: Options, log: Log) -> int:
    lock, _ = take_home(told.home, told.clock)
    with lock:
        return await serve(told, lock.home, log)


async def test_a_run_a_reload_and_an_end(tmp_path: Path) -> None:
    told = options(tmp_path, TASK)
    (told.home / "runs" / "999" / "1").mkdir(parents=True)
    told.home.chmod(0o700)

    def change() -> None:
        told.config.write_text("[tasks.t]\nrum = 5\n")
        os.kill(os.getpid(), signal.SIGHUP)

    def mend() -> None:
        told.config.write_text(TASK + '[tasks.u]\nrun = "true"\n')
        os.kill(os.getpid(), signal.SIGHUP)

    bad = "the configuration has errors: the old one stays in force"
    log = Log(**{"run_succeeded": change, bad: mend, "config_reloaded": sending(signal.SIGTERM)})
    assert await served(told, log) == 0
    assert log.events[0] == "polysync starts"
    assert log.events[-1] == "polysync ended"
    assert "removes what finished runs left behind" in log.events
    assert not (told.home / "runs" / "999").exists()


async def test_a_home_that_cannot_be_read_ends_it_in_words(tmp_path: Path) -> None:
    told = options(tmp_path, TASK)
    told.home.mkdir(mode=0o700)
    (told.home / "polysync.db").write_text("this is no database, whatever its name says; " * 100)
    log = Log()
    assert await served(told, log) == 1
    assert log.events == ["polysync starts", "the daemon cannot go on"]


async def test_what_must_stop_is_stopped_or_left_when_asked_twice(tmp_path: Path) -> None:
    text = '[daemon]\non_shutdown = "stop"\n[tasks.t]\nrun = "exec sleep 60"\nrun_on_start = true\n'
    log = Log(run_started=sending(signal.SIGTERM))
    assert await served(options(tmp_path, text), log) == 0
    assert "run.cancelled" in log.events
