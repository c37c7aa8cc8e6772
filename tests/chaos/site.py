"""A place for daemons to live and die in: configuration, home, witness, journals, and what was alive at each kill."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any, Final

from polysync.clock import SystemClock
from tests.chaos.work import JOB, SCRIPT, config
from tests.house.sources import ROOT

DAEMON: Final = ("-m", "polysync", "daemon")
OPEN: Final = "'held', 'scheduled', 'waiting', 'queued', 'retrying', 'starting', 'running', 'stopping'"
STEP: Final = 0.02  # between two looks at a condition


def monotonic() -> float:
    """Seconds of a clock that never jumps."""
    return SystemClock().read().monotonic.total_seconds()


def until(condition: Callable[[], bool], seconds: float, step: float = STEP) -> bool:
    """Look until a condition holds; False where it does not within that time."""
    deadline, never = monotonic() + seconds, Event()
    while not condition():
        if monotonic() > deadline:
            return False
        never.wait(step)
    return True


class Site:
    """One folder with everything in it."""

    def __init__(self, folder: Path, program: Sequence[str] = DAEMON, text: str | None = None) -> None:
        self.folder = folder
        self.home = folder / ".polysync"
        self.socket = self.home / "polysync.sock"
        self.program = program
        self.prefix: tuple[str, ...] = ()  # what goes before the interpreter
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SCRIPT).write_text(JOB)
        (folder / "witness").touch()
        self.configure(config() if text is None else text)

    def configure(self, text: str) -> None:
        """Write the configuration that the next daemon reads."""
        (self.folder / "polysync.toml").write_text(text)

    def start(self, failpoint: str = "", **env: str) -> subprocess.Popen[bytes]:
        """Start a daemon; what it says is added to `daemon.log`."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("POLYSYNC_")}
        added = {"CHAOS_SITE": str(self.folder), "PYTHONPATH": str(ROOT), **env}
        if failpoint:
            added["POLYSYNC_FAILPOINT"] = failpoint
        with (self.folder / "daemon.log").open("ab") as log:
            log.write(f"---- {failpoint or 'no failpoint'}\n".encode())
            log.flush()
            return subprocess.Popen(
                [*self.prefix, sys.executable, *self.program],
                cwd=self.folder,
                env={**clean, **added},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def ready(self, process: subprocess.Popen[bytes], seconds: float = 30) -> bool:
        """Wait until it listens; False where it died before, or took too long."""
        until(lambda: self.listens() or process.poll() is not None, seconds)
        return process.poll() is None and self.listens()

    def listens(self) -> bool:
        """Whether somebody listens on the socket."""
        with socket.socket(socket.AF_UNIX) as line:
            try:
                line.connect(str(self.socket))
            except OSError:
                return False
            return True

    def end(self, process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
        """Ask a daemon to end: its exit status."""
        process.send_signal(number)
        try:
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def alive(self) -> list[tuple[int, int]]:
        """The attempts whose shim runs just now, by run and number."""
        found = []
        for status in (path / name for path, names in self.spools() for name in names if name.endswith(".status")):
            try:
                text = status.read_text()
            except OSError:
                continue
            if text.count("\n") == 1 and Path(f"/proc/{text.split()[0]}").exists():
                found.append((int(status.parts[-3]), int(status.parts[-2])))
        return found

    def spools(self) -> list[tuple[Path, list[str]]]:
        """The folders of attempts and what is in them; not by glob, which fails where a folder goes meanwhile."""
        walked = ((Path(path), names) for path, _, names in os.walk(self.home / "runs"))
        return [(path, names) for path, names in walked if path.parent.parent.name == "runs"]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Look into polysync.db, as a reader that changes nothing; empty where it is not there yet."""
        path = self.home / "polysync.db"
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
                return connection.execute(statement).fetchall()
        except sqlite3.OperationalError:
            return []

    def open_runs(self, most: int = 1 << 62) -> int:
        """How many runs up to that number are not over; -1 where nothing can be read."""
        found = self.rows(f"SELECT count(*) FROM runs WHERE id <= {most} AND state IN ({OPEN})")  # noqa: S608 - words of ours
        return int(found[0][0]) if found else -1

    def processes(self) -> list[str]:
        """Everything that was started from here and still runs, by number and command line."""
        mark, found = f"CHAOS_SITE={self.folder}".encode(), []
        for place in Path("/proc").iterdir():
            if not place.name.isdigit() or int(place.name) == os.getpid():
                continue
            try:
                environment, words = (place / "environ").read_bytes(), (place / "cmdline").read_bytes()
            except OSError:
                continue
            if mark in environment.split(b"\0"):
                found.append(f"{place.name} {words.replace(bytes(1), b' ').decode(errors='replace')}")
        return found

    def clear(self) -> None:
        """End whatever a test that failed left behind."""
        for line in self.processes():
            try:
                os.kill(int(line.split()[0]), signal.SIGKILL)
            except ProcessLookupError:
                continue

    def note(self, name: str, **facts: Any) -> None:
        """Add a line to a journal of the harness."""
        with (self.folder / name).open("a") as journal:
            journal.write(json.dumps(facts) + "\n")
