"""Bars 9 and 22: how soon a daemon is ready, with runs to take up again, and with thousands of tasks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Final

from polysync.clock import SystemClock
from tests.bench.bars import Bar, Family, Figures, Round
from tests.bench.daemons import argv, due_soon, folder_of, living
from tests.config.many import many

TASKS: Final = 10_000
LIVE: Final = 200
PARSE: Final = """\
import sys, time, tomllib
text = open(sys.argv[1]).read()
began = time.perf_counter()
tomllib.loads(text)
print(time.perf_counter() - began)
"""


def again() -> Round:
    """A start on an empty home, and one after a death that left runs behind."""

    def once() -> Figures:
        with due_soon(LIVE, argv(("/bin/sleep", "3600"))) as (daemon, _):
            plain = daemon.ready_after
            daemon.running(LIVE)
            daemon.stop(SIGKILL)
            with living(daemon.home.parent) as again:
                return {"more": again.ready() - plain, "plain": plain}

    return once


@contextmanager
def many_tasks() -> Iterator[Callable[[], Figures]]:
    """The same file parsed and no more, started on for the first time, and again without a change."""
    with folder_of(not_due(many(TASKS))) as folder:

        def once() -> Figures:
            parsed = subprocess.run(
                [sys.executable, "-c", PARSE, folder / "polysync.toml"], check=True, stdout=subprocess.PIPE
            )
            for file in folder.glob(".polysync/*.cache"):
                file.unlink()
            times = [_start(folder) for _ in range(2)]
            return {"tomllib": float(parsed.stdout), "cold": times[0], "unchanged": times[1]}

        yield once


def not_due(text: str) -> str:
    """The same tasks, none of which is due for the next months."""
    month = (SystemClock().read().wall.month + 5) % 12 + 1
    for was, becomes in (
        ('* * *"', f'* {month} *"'),
        ("* * mon-fri", f"* {month} mon-fri"),
        ("* * sun", f"* {month} sun"),
        ('"@hourly"', f'"0 * * {month} *"'),
    ):
        text = text.replace(was, becomes)
    return text


def _start(folder: Path) -> float:
    with living(folder) as daemon:
        return daemon.ready()


FAMILIES: Final = (
    Family(
        "restart",
        (Bar(9, "ready with 200 live runs, over a plain start", "", "more", at_most=0.5, unit="s"),),
        again,
    ),
    Family(
        "start",
        (
            Bar(22, "start with 10,000 tasks, for the first time", "tomllib", "cold", "tomllib", at_most=2.0),
            Bar(22, "start with 10,000 tasks, nothing changed", "tomllib", "unchanged", "tomllib", at_most=0.8),
        ),
        many_tasks,
    ),
)
