"""Real daemons for the bench: in processes of their own, on homes in temporary folders, looked at from outside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from threading import Event
from typing import Any, Final

from polysync.api.client import Client, Unreachable

UNWANTED: Final = ("POLYSYNC_", "PYTHONDONTWRITE")  # an installed package has its bytecode
PATIENCE: Final = 120.0
HEAD: Final = '[daemon]\nmax_running = {at_once}\n[scheduler]\ntimezone = "UTC"\n'
LEADS: Final = (1.5, 4.0, 10.0, 30.0)  # seconds until what is due at once is due
CALM: Final = 0.3  # seconds before that in which the daemon must be idle already
NOW_AND_THEN: Final = 0.02  # seconds between two looks
BALLAST: Final = 500 << 20
HEAVY: Final = f"""\
import sys
ballast = b"x" * {BALLAST}
from polysync.cli.main import main
sys.exit(main())
"""
PLAIN: Final = (sys.executable, "-m", "polysync")


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process has used so far."""

    cpu: float  # seconds, of all threads that ever were
    switches: int  # voluntary ones of the threads that are: each is a wakeup
    resident: float  # MB


class BenchDaemon:
    """A daemon of the configuration in `folder`."""

    def __init__(self, folder: Path, program: Sequence[str] = PLAIN) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(UNWANTED)}
        self.home = folder / ".polysync"
        self.began = time.monotonic()
        self.ready_after = 0.0
        with (folder / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*program, "daemon"], cwd=folder, env=clean, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def ready(self) -> float:
        """Wait until it answers: the seconds since its start."""
        until(self._answers, every=0.002)
        self.ready_after = time.monotonic() - self.began
        return self.ready_after

    def ask(self, target: str) -> Any:
        """What its API says."""
        with Client(str(self.home / "polysync.sock")) as client:
            return json.loads(client.request("GET", target).body)

    def query(self, statement: str) -> Any:
        """One value out of its database."""
        uri = f"file:{self.home / 'polysync.db'}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=5)) as connection:
            return connection.execute(statement).fetchone()[0]

    def ended(self, runs: int) -> float:
        """Wait until so many runs are final: the moment of the last end."""
        self._until("SELECT count(*) FROM runs WHERE ended_at IS NOT NULL", runs)
        return float(self.query("SELECT max(ended_at) FROM runs")) / 1e6

    def running(self, runs: int) -> None:
        """Wait until so many runs are under way."""
        self._until("SELECT count(*) FROM runs WHERE state = 'running'", runs)

    def spent(self) -> Spent:
        """What it has used."""
        return spent(self.process.pid)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, and wait until it is gone."""
        self.process.send_signal(number)
        self.process.wait(30)

    def check(self) -> None:
        """A daemon that died under a measurement ends it, with the end of its log."""
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended: {(self.home.parent / 'daemon.log').read_text()[-2000:]}")

    def _until(self, counted: str, runs: int) -> None:
        def enough() -> bool:
            self.check()
            return bool(self.query(counted) >= runs)

        until(enough, every=0.1)

    def _answers(self) -> bool:
        self.check()
        with suppress(Unreachable):
            return bool(self.ask("/api/health")["ok"])
        return False


@contextmanager
def folder_of(text: str) -> Iterator[Path]:
    """A temporary folder with a configuration; whatever still runs in its home is ended with it."""
    folder = Path(mkdtemp(prefix="polysync-bench-"))
    (folder / "polysync.toml").write_text(text)
    try:
        yield folder
    finally:
        _end_work(folder)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def serving(text: str, program: Sequence[str] = PLAIN) -> Iterator[BenchDaemon]:
    """A daemon of this configuration that answers already, on a home of its own."""
    with folder_of(text) as folder, living(folder, program) as daemon:
        daemon.ready()
        yield daemon


@contextmanager
def due_soon(runs: int, work: str, program: Sequence[str] = PLAIN) -> Iterator[tuple[BenchDaemon, float]]:
    """A daemon with so many runs due at one moment, which has not come yet; on a busy machine it comes later."""
    with ExitStack() as stack:
        for lead in LEADS:
            due = in_seconds(lead)
            daemon = stack.enter_context(serving(burst(runs, work, due), program))
            if time.time() < due - CALM:
                yield daemon, due
                return
            stack.pop_all().close()
        raise AssertionError("the machine is too busy to start a daemon in time")


@contextmanager
def living(folder: Path, program: Sequence[str] = PLAIN) -> Iterator[BenchDaemon]:
    """A daemon in a folder that is there; gone afterwards, whatever happens."""
    daemon = BenchDaemon(folder, program)
    try:
        yield daemon
    finally:
        if daemon.process.poll() is None:
            daemon.stop()


def heavy() -> tuple[str, ...]:
    """A daemon that holds much memory besides its own."""
    return (sys.executable, "-c", HEAVY)


def burst(tasks: int, work: str, due: float, *, at_once: int = 200) -> str:
    """A configuration whose tasks are all due at one moment, a whole second."""
    moment = time.gmtime(due)
    cron = f"{moment.tm_sec} {moment.tm_min} {moment.tm_hour} {moment.tm_mday} {moment.tm_mon} *"
    lines = [f'[tasks.t{number}]\n{work}\ncron = "{cron}"\n' for number in range(tasks)]
    return HEAD.format(at_once=at_once) + "".join(lines)


def argv(words: Sequence[str]) -> str:
    """The line of a task that executes a program."""
    return f"command = {json.dumps(list(words))}"


def shell(words: Sequence[str]) -> str:
    """The line of a task that hands the same to a shell."""
    return f"run = {json.dumps(' '.join(words))}"


def in_seconds(lead: float) -> float:
    """A whole second that is at least so far away."""
    return float(int(time.time() + lead) + 1)


def pause_until(moment: float) -> None:
    """Wait until the clock on the wall says so."""
    Event().wait(max(0.0, moment - time.time()))


def until(true: Callable[[], bool], *, every: float = NOW_AND_THEN) -> None:
    """Look again and again; what never comes true is an error."""
    give_up = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > give_up:
            raise AssertionError("it does not come to its end")
        Event().wait(every)


def spent(pid: int) -> Spent:
    """What a process has used, from what the kernel says of it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    threads = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/status")]
    switches = sum(int(_field(text, "voluntary_ctxt_switches")) for text in threads)
    resident = int(_field(Path(f"/proc/{pid}/status").read_text(), "VmRSS").split()[0]) / 1024
    return Spent(_cpu(pid, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")), switches, resident)


def _cpu(pid: int, coarse: float) -> float:
    """Seconds in nanoseconds where the kernel counts them, of the threads that are; else in hundredths."""
    with suppress(OSError):
        files = Path(f"/proc/{pid}/task").glob("*/schedstat")
        fine = sum(int(file.read_text().split()[0]) for file in files) / 1e9
        return fine if abs(fine - coarse) < 0.05 else coarse
    return coarse


def _field(text: str, name: str) -> str:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name}:")]
    return line.partition(":")[2].strip()


def _end_work(folder: Path) -> None:
    for status in folder.glob(".polysync/runs/*/*/*.status"):
        with suppress(OSError, IndexError, ValueError):
            os.killpg(int(status.read_text().split()[0]), signal.SIGKILL)
