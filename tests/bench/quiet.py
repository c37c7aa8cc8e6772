"""Bars 8, 15, 24 and 25: what a daemon costs that has little to do, and how it keeps the time then."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from polysync.clock import SystemClock
from tests.bench.bars import Bar, Family, Figures, percentile
from tests.bench.daemons import HEAD, BenchDaemon, Spent, argv, due_soon, serving, spent, until
from tests.bench.loops import METRONOME, compiled, stamping, stamps

TASKS: Final = 10_000
LIVE: Final = 200
WINDOW: Final = 20  # seconds, and firings, of a round
MINUTE: Final = 60.0
GROWN: Final = 2_000  # runs of one round of the growth
BUSY_TASKS: Final = 250
BARE: Final = "import asyncio; asyncio.run(asyncio.Event().wait())"


def sleepers(count: int = TASKS) -> str:
    """Tasks of which none is due for the next months."""
    month = (SystemClock().read().wall.month + 5) % 12 + 1
    lines = (
        f'[tasks.t{number}]\nrun = "/srv/step --number {number}"\ncron = "{number % 60} {number % 24} 1 {month} *"\n'
        for number in range(count)
    )
    return HEAD.format(at_once=64) + "".join(lines)


@contextmanager
def watched() -> Iterator[Callable[[], Figures]]:
    """Three daemons beside each other: one idle, one with quiet runs, one with a run each second; and a bare loop."""
    metronome = compiled(METRONOME)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="polysync-bench-")))
        empty = stack.enter_context(serving(HEAD.format(at_once=64))).spent().resident
        idle = stack.enter_context(serving(sleepers()))
        quiet, _ = stack.enter_context(due_soon(LIVE, argv(("/bin/sleep", "3600"))))
        quiet.running(LIVE)
        bare = stack.enter_context(subprocess.Popen([sys.executable, "-c", BARE]))
        stack.callback(bare.kill)
        ours, beside = folder / "ours", folder / "c"
        clock = f'[tasks.clock]\n{argv(stamping(ours))}\ncron = "* * * * * *"\n'
        stack.enter_context(serving(HEAD.format(at_once=64) + clock))

        def once() -> Figures:
            ours.unlink(missing_ok=True)
            beside.unlink(missing_ok=True)
            before = [spent(pid) for pid in (idle.process.pid, quiet.process.pid, bare.pid)]
            subprocess.run([metronome, str(WINDOW), " ".join(stamping(beside))], check=True)
            after = [spent(pid) for pid in (idle.process.pid, quiet.process.pid, bare.pid)]
            late, control = _lateness(ours, 0.0), _lateness(beside, 0.5)
            figures = {"p50": median(late), "p99": percentile(late, 0.99), "C p99": percentile(control, 0.99)}
            (idle_cpu, idle_wakes), (live_cpu, live_wakes), (bare_cpu, _) = map(_per_second, before, after)
            return {
                **figures,
                "empty": empty,
                "10,000": after[0].resident,
                "idle cpu": idle_cpu * MINUTE,
                "idle wakeups": idle_wakes,
                "live cpu": live_cpu * 100,
                "live wakeups": live_wakes,
                "bare cpu": bare_cpu * MINUTE,
            }

        yield once


@contextmanager
def growing() -> Iterator[Callable[[], Figures]]:
    """A daemon that runs thousands of runs, one round after the other."""
    lines = (f'[tasks.t{number}]\n{argv(("/bin/true",))}\ncron = "* * * * * *"\n' for number in range(BUSY_TASKS))
    with serving(HEAD.format(at_once=64) + "".join(lines)) as daemon:
        first, runs = daemon.spent().resident, 0

        def once() -> Figures:
            nonlocal runs
            runs += GROWN
            until(lambda: _finished(daemon) >= runs, every=0.5)
            return {"growth": daemon.spent().resident - first}

        yield once


def _finished(daemon: BenchDaemon) -> int:
    daemon.check()
    return int(daemon.query("SELECT count(*) FROM runs WHERE started_at IS NOT NULL"))


def _lateness(file: Path, phase: float) -> list[float]:
    """Milliseconds after the moment in each second at which it was due."""
    return [(moment - phase) % 1 * 1000 for moment in stamps(file)]


def _per_second(before: Spent, after: Spent) -> tuple[float, float]:
    return (after.cpu - before.cpu) / WINDOW, (after.switches - before.switches) / WINDOW


FAMILIES: Final = (
    Family(
        "quiet",
        (
            Bar(8, "one run, due to exec'd, p50", "", "p50", at_most=5, unit="ms", control="C p99", control_at_most=5),
            Bar(
                8, "one run, due to exec'd, p99", "", "p99", at_most=20, unit="ms", control="C p99", control_at_most=20
            ),
            Bar(15, "200 quiet runs, share of a core", "", "live cpu", at_most=0.3, unit="%"),
            Bar(15, "200 quiet runs, wakeups", "", "live wakeups", at_most=5, unit="/s"),
            Bar(24, "10,000 tasks idle, processor time in 60 s", "", "idle cpu", at_most=0.05, unit="s"),
            Bar(24, "10,000 tasks idle, wakeups", "", "idle wakeups", at_most=1, unit="/s"),
            Bar(25, "resident, empty", "", "empty", at_most=40, unit="MB"),
            Bar(25, "resident, 10,000 tasks", "", "10,000", at_most=70, unit="MB"),
        ),
        watched,
    ),
    Family(
        "growth",
        (Bar(25, "growth after 10,000 runs", "", "growth", at_most=10, unit="MB", fold=max),),
        growing,
    ),
)
