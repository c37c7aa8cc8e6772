"""Great numbers at once: ten thousand tasks due in one minute, and a start on a home with a million runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Final

from tests.bench.bars import Bar, Family, Figures, Round, percentile
from tests.bench.bursts import Beside
from tests.bench.daemons import argv, burst, due_soon, folder_of, in_seconds, living, pause_until, until
from tests.store_reading.many_runs import make_many

DUE: Final = 10_000
LIVE: Final = 100
PAST: Final = 1_000_000
LEAD: Final = 4.0


def crowd() -> Round:
    """The newest decision about a slot that ten thousand tasks share, and the API meanwhile."""

    def once() -> Figures:
        program = (sys.executable, "-m", "polysync")
        with due_soon(DUE, argv(("/bin/true",)), program) as (daemon, due):
            pause_until(due)
            with Beside(daemon) as beside:
                until(lambda: bool(daemon.query("SELECT count(*) FROM tasks WHERE last_run > 0") >= DUE), every=0.25)
            decided = float(daemon.query("SELECT max(created_at) FROM runs")) / 1e6 - due
        return {
            "decided": decided,
            "api": percentile(beside.answers, 0.99) * 1000,
            "ticker": percentile(beside.lateness, 0.999) * 1000,
        }

    return once


@contextmanager
def million() -> Iterator[Callable[[], Figures]]:
    """A start on a home with a million runs in it, a hundred of which are alive."""
    with folder_of("") as folder:
        (folder / ".polysync").mkdir(mode=0o700)
        make_many(folder / ".polysync" / "polysync.db", PAST, open_runs=0)
        _leave_behind(folder)

        def once() -> Figures:
            with living(folder) as daemon:
                ready = daemon.ready()
                daemon.running(LIVE)
                daemon.stop(SIGKILL)
            return {"ready": ready}

        yield once


def _leave_behind(folder: Path) -> None:
    """A hundred runs that outlive their daemon."""
    (folder / "polysync.toml").write_text(burst(LIVE, argv(("/bin/sleep", "3600")), in_seconds(LEAD)))
    with living(folder) as daemon:
        daemon.ready()
        daemon.running(LIVE)
        daemon.stop(SIGKILL)


FAMILIES: Final = (
    Family(
        "crowd",
        (
            Bar(7, "10,000 tasks due in one minute: all decided after", "", "decided", at_most=2, unit="s"),
            Bar(
                7,
                "API answers meanwhile, p99",
                "",
                "api",
                at_most=25,
                unit="ms",
                control="ticker",
                control_at_most=20,
            ),
        ),
        crowd,
    ),
    Family(
        "million",
        (Bar(9, "ready with 1,000,000 stored runs and 100 live ones", "", "ready", at_most=3, unit="s"),),
        million,
    ),
)
