"""Bar 23: a reload of ten thousand tasks of which one has changed, beside the parser alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from polysync.api.client import Client
from tests.bench.bars import Bar, Family, Figures, percentile
from tests.bench.bursts import Beside
from tests.bench.daemons import folder_of, living, pause_until
from tests.bench.starts import PARSE, TASKS, not_due
from tests.config.many import many

OLD: Final = '--number 4"'
CALM: Final = 3.0  # seconds after the start: it fills its cache, and a file that was just edited is waited for
BODY: Final = b'{"dry_run": false}'


def ours(folder: Path) -> Figures:
    """How long a reload takes, and how late others were meanwhile; the daemon has read the file once before."""
    file, late = folder / "polysync.toml", folder / "late"
    late.unlink(missing_ok=True)
    program = (sys.executable, str(Path(__file__).with_name("ticking.py")), str(late))
    text = file.read_text()
    with living(folder, program) as daemon:
        daemon.ready()
        file.write_text(text.replace(OLD, f'--number {time.time_ns()}"', 1))
        pause_until(time.time() + CALM)
        with Beside(daemon) as beside, Client(str(daemon.home / "polysync.sock"), timeout=None) as client:
            began = time.time()
            answer = client.request("POST", "/api/reload", BODY)
            ended = time.time()
        assert answer.status == 200, answer.body[:200]
        assert len(json.loads(answer.body)["changed"]) == 1
    file.write_text(text)
    lags = [lag for at, lag in json.loads(late.read_text()) if began <= at <= ended]
    return {
        "reload": ended - began,
        "lag": max(lags, default=0.0) * 1000,
        "ticker": percentile(beside.lateness, 0.999) * 1000,
    }


@contextmanager
def many_tasks() -> Iterator[Callable[[], Figures]]:
    """The same file parsed and no more, and read again by a daemon."""
    with folder_of(not_due(many(TASKS))) as folder:

        def once() -> Figures:
            words = [sys.executable, "-c", PARSE, str(folder / "polysync.toml")]
            parsed = subprocess.run(words, check=True, stdout=subprocess.PIPE)
            return {"tomllib": float(parsed.stdout), **ours(folder)}

        yield once


FAMILIES: Final = (
    Family(
        "reload",
        (
            Bar(23, "reload of 10,000 tasks, one changed", "tomllib", "reload", "tomllib", at_most=1.5),
            Bar(
                23,
                "longest that the loop was held in it",
                "",
                "lag",
                at_most=50,
                unit="ms",
                control="ticker",
                control_at_most=50,
            ),
        ),
        many_tasks,
    ),
)
