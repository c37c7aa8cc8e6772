"""A real daemon in a process of its own, for tests that look at it from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any, Final

READY: Final = "polysync is ready"


class Daemon:
    """A daemon, and the lines of its log as they come."""

    def __init__(self, folder: Path, *words: str, env: Mapping[str, str] | None = None, stderr: int = PIPE) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("POLYSYNC_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "polysync", "daemon", *words],
            cwd=folder,
            env={**clean, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=PIPE,
            stderr=stderr,
            text=True,
        )
        self.lines: list[dict[str, Any]] = []

    def until(self, event: str) -> dict[str, Any]:
        """The next line of the log with that event; its end before that is an error that shows what came."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            told = json.loads(line) if line.startswith("{") else {"event": line}
            self.lines.append(told)
            if told["event"] == event:
                return told
        raise AssertionError(f"no {event!r}: {self.lines}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end: its exit status."""
        self.process.send_signal(number)
        return self.process.wait(10)

    def said(self) -> tuple[int, str]:
        """The exit status of one that ends by itself, and everything it said."""
        out, err = self.process.communicate(timeout=15)
        return self.process.returncode, out + err


@contextmanager
def daemon(
    folder: Path,
    *words: str,
    config: str = "",
    env: Mapping[str, str] | None = None,
    stderr: int = PIPE,
    leave: bool = False,
) -> Iterator[Daemon]:
    """A daemon of the configuration in `folder`; gone afterwards whatever happens, and its work too unless left."""
    if config:
        (folder / "polysync.toml").write_text(config)
    started = Daemon(folder, *words, env=env, stderr=stderr)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.communicate()
        if not leave:
            _end_work(folder)


def _end_work(folder: Path) -> None:
    """What a test left running would outlive it: that is what it is made for."""
    for status in folder.glob("**/runs/*/*/*.status"):
        identity = status.read_text().split()
        with suppress(ProcessLookupError, IndexError, ValueError):
            os.killpg(int(identity[0]), signal.SIGKILL)
