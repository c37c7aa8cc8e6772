"""Bars 14, 26 and 27: what a command costs beside an interpreter that does nothing, and how soon output is seen."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from polysync.api.client import Client
from tests.bench.bars import Bar, Family, Figures, percentile
from tests.bench.daemons import UNWANTED, BenchDaemon, argv, serving

TIMES: Final = 11  # of each command in a round, in turn
ENTRY: Final = "import sys\nfrom polysync.cli.main import main\nsys.exit(main())\n"  # as an installed script has it
WRITER: Final = """\
import os, time
for number in range({lines}):
    os.write(1, b"%d\\n" % time.monotonic_ns())
    time.sleep(0.05)
"""
LINES: Final = 100
TASKS: Final = '[tasks.true]\ncommand = ["/bin/true"]\n[tasks.writer]\n{writer}\n'


@contextmanager
def commands() -> Iterator[Callable[[], Figures]]:
    """Hot verbs, help, version and a whole run, each as a process of its own."""
    with serving(TASKS.format(writer=argv(("/bin/true",)))) as daemon:
        folder, program = daemon.home.parent, _program(daemon)
        words: Mapping[str, Sequence[str]] = {
            "pass": (sys.executable, "-c", "pass"),
            "status": (*program, "status"),
            "runs": (*program, "runs", "--json"),
            "names": (*program, "_names", "tasks"),
            "version": (*program, "--version"),
            "help": (*program, "--help"),
            "exec": (*program, "exec", "true"),
        }

        def once() -> Figures:
            taken: dict[str, list[float]] = {name: [] for name in words}
            for _ in range(TIMES):
                for name, line in words.items():
                    taken[name].append(_seconds(line, folder))
            figures = {name: median(found) for name, found in taken.items()}
            return {**figures, "hot": max(figures[name] for name in ("status", "runs", "names"))}

        once()  # so that all has its bytecode
        yield once


@contextmanager
def followers() -> Iterator[Callable[[], Figures]]:
    """Stamped lines through a daemon to `logs -f`, and the same lines through a bare pipe."""
    writer = (sys.executable, "-c", WRITER.format(lines=LINES))
    with serving(TASKS.format(writer=argv(writer))) as daemon:
        program = _program(daemon)

        def once() -> Figures:
            bare = _lags(subprocess.Popen(writer, stdout=subprocess.PIPE))
            with Client(str(daemon.home / "polysync.sock")) as client:
                number = int(client.request("POST", "/api/tasks/writer/run").headers["location"].rpartition("/")[2])
            words = [*program, "logs", str(number), "-f"]
            ours = _lags(subprocess.Popen(words, cwd=daemon.home.parent, env=_clean(), stdout=subprocess.PIPE))
            half = {"p50": 0.5, "p99": 0.99}
            figures = {name: percentile(ours, share) for name, share in half.items()}
            return {**figures, **{f"bare {name}": percentile(bare, share) for name, share in half.items()}}

        yield once


def _lags(process: subprocess.Popen[bytes]) -> list[float]:
    """Milliseconds from the writing of each line to its arrival here; those from before we came are left out."""
    assert process.stdout is not None
    with process:
        arrived = [(time.monotonic_ns(), int(line)) for line in process.stdout]
    first = arrived[0][0]
    return [(now - written) / 1e6 for now, written in arrived if written >= first]


def _program(daemon: BenchDaemon) -> tuple[str, ...]:
    entry = daemon.home.parent / "entry"
    entry.write_text(ENTRY)
    return (sys.executable, str(entry))


def _seconds(words: Sequence[str], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(words, cwd=folder, env=_clean(), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(UNWANTED)}


FAMILIES: Final = (
    Family(
        "commands",
        (
            Bar(26, "the slowest of status, runs and completion", "python -c pass", "hot", "pass", at_most=1.5),
            Bar(26, "--version", "python -c pass", "version", "pass", at_most=1.3),
            Bar(26, "--help", "python -c pass", "help", "pass", at_most=5),
            Bar(27, "exec of /bin/true, whole round trip", "python -c pass", "exec", "pass", at_most=2.5),
        ),
        commands,
    ),
    Family(
        "followers",
        (
            Bar(
                14,
                "write to CLI follower, p50",
                "a bare pipe",
                "p50",
                at_most=2,
                unit="ms",
                control="bare p50",
                control_at_most=1,
            ),
            Bar(
                14,
                "write to CLI follower, p99",
                "a bare pipe",
                "p99",
                at_most=25,
                unit="ms",
                control="bare p99",
                control_at_most=10,
            ),
        ),
        followers,
    ),
)
