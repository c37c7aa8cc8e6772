"""Bars 5 to 7: a thousand runs due at one moment, beside the limit and beside peers."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Final, Self

from polysync.api.client import Client
from tests.bench import peers
from tests.bench.bars import CONTROL, Bar, Family, Figures, percentile
from tests.bench.daemons import BenchDaemon, argv, due_soon, in_seconds, pause_until, shell
from tests.bench.loops import looped, stamping, stamps

RUNS: Final = 1000
TICK: Final = 0.001
ASK: Final = 0.01


class Beside:
    """What is looked at while a burst goes on: answers of the API, and a ticker that has nothing else to do."""

    def __init__(self, daemon: BenchDaemon) -> None:
        self.answers: list[float] = []
        self.lateness: list[float] = []
        self._socket = str(daemon.home / "polysync.sock")
        self._over = Event()

    def __enter__(self) -> Self:
        self._threads = [Thread(target=self._tick), Thread(target=self._ask)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _tick(self) -> None:
        due = time.monotonic() + TICK
        while not self._over.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            self.lateness.append(now - due)
            due = now + TICK

    def _ask(self) -> None:
        with Client(self._socket) as client:
            while not self._over.wait(ASK):
                began = time.monotonic()
                client.request("GET", "/api/status")
                self.answers.append(time.monotonic() - began)


def ours(folder: Path, work: Callable[[Sequence[str]], str]) -> Figures:
    """The last start, and how the daemon behaved meanwhile."""
    out, late = folder / "stamps", folder / "late"
    out.unlink(missing_ok=True)
    late.unlink(missing_ok=True)
    program = (sys.executable, str(Path(__file__).with_name("ticking.py")), str(late))
    with due_soon(RUNS, work(stamping(out)), program) as (daemon, due):
        pause_until(due)
        with Beside(daemon) as beside:
            last = daemon.ended(RUNS)
    lags = [lag for at, lag in json.loads(late.read_text()) if due <= at <= last]
    return {
        "last": stamps(out)[RUNS - 1] - due,
        "lag": max(lags, default=0.0) * 1000,
        "api": percentile(beside.answers, 0.99) * 1000,
        "ticker": percentile(beside.lateness, 0.999) * 1000,
    }


@contextmanager
def at_once() -> Iterator[Callable[[], Figures]]:
    """C, our daemon with plain commands and with shell strings, and every peer that can be had."""
    with TemporaryDirectory(prefix="polysync-bench-") as name:
        folder = Path(name)
        found = [peer for peer in peers.PEERS if not peer.lacks()]

        def once() -> Figures:
            limit = _last(folder / "c", lambda due, words: looped(RUNS, RUNS, " ".join(words), due))
            plain, string = ours(folder, argv), ours(folder, shell)
            beside = {peer.name: peer.last(RUNS, folder) for peer in found}
            figures = {"plain": plain["last"], "shell": string["last"], "lag": max(plain["lag"], string["lag"])}
            measured = {"api": max(plain["api"], string["api"]), "ticker": median((plain["ticker"], string["ticker"]))}
            return {**figures, **measured, **beside, CONTROL: limit, "C": limit}

        yield once


def absent() -> dict[str, str]:
    """The peers that cannot be measured here, and why."""
    return {peer.name: lack for peer in peers.PEERS if (lack := peer.lacks())}


def _last(out: Path, start: Callable[[float, Sequence[str]], object]) -> float:
    out.unlink(missing_ok=True)
    due = in_seconds(0.2)
    start(due, stamping(out))
    return stamps(out)[RUNS - 1] - due


WHAT: Final = "1,000 runs due at once, last start"
FAMILIES: Final = (
    Family(
        "burst",
        (
            Bar(5, f"{WHAT}, plain argv", "C", "plain", "C", at_most=2.0),
            Bar(5, f"{WHAT}, shell string", "C", "shell", "C", at_most=2.8),
            Bar(6, f"{WHAT}, shell string", "Debian cron", "shell", "cron", at_most=1 / 3),
            Bar(6, f"{WHAT}, shell string", "yacron", "shell", "yacron", at_most=1 / 8),
            Bar(6, f"{WHAT}, shell string", "APScheduler", "shell", "APScheduler", at_most=1.3),
            Bar(
                7,
                "longest that the loop was held in that burst",
                "",
                "lag",
                at_most=20,
                unit="ms",
                control="ticker",
                control_at_most=20,
            ),
            Bar(
                7,
                "API answers in that burst, p99",
                "",
                "api",
                at_most=25,
                unit="ms",
                control="ticker",
                control_at_most=20,
            ),
        ),
        at_once,
        absent,
    ),
)
