"""What the daemon counts and measures, for Prometheus and its like.

What belongs to tasks is put into text in slices, so that a scrape of ten thousand tasks holds the loop no longer than
one of ten.  Counters begin anew with the daemon, as `process_start_time_seconds` tells; the last success of a task is
remembered.
"""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from polysync import __version__
from polysync.clock import Clock
from polysync.daemon.counts import Counts
from polysync.daemon.desk import FrontDesk
from polysync.daemon.driver import Driver
from polysync.daemon.exposition import (
    END,
    counter,
    counters,
    gauge,
    gauges,
    head,
    histogram,
    info,
    labelled,
    slices,
    summary_lines,
)
from polysync.domain.run import LIVE, State
from polysync.domain.service_views import Standing

SLICE: Final = 400  # lines between two turns of the loop
PROCESS: Final = Path("/proc/self")
_QUEUED: Final = (State.QUEUED, State.RETRYING)


class Metrics:
    """Tells all of it as text."""

    def __init__(
        self,
        counts: Counts,
        driver: Driver,
        desk: FrontDesk,
        storage: Callable[[], Mapping[str, Any]],
        clock: Clock,
        process: Path = PROCESS,
    ) -> None:
        self._counts = counts
        self._driver = driver
        self._desk = desk
        self._storage = storage
        self._process = process
        self._began = clock.read().wall

    async def text(self) -> AsyncIterator[bytes]:
        """All families, in pieces; the last line says that it is whole."""
        yield "".join((*self._runs(), *self._daemon(), *self._files(), *self._own())).encode()
        for piece in self._by_task():
            yield piece.encode()
            await asyncio.sleep(0)
        yield END.encode()

    def _runs(self) -> Iterator[str]:
        counts, states = self._counts, self._driver.tally.counts()
        yield gauges("polysync_runs", "Runs that have not ended, by their state.", states, "state")
        live = sum(states.get(state.value, 0) for state in LIVE)
        yield gauge("polysync_runs_active", "Runs with an attempt under way.", live)
        queued = sum(states.get(state.value, 0) for state in _QUEUED)
        yield gauge("polysync_queue_depth", "Runs that wait for room, or for another attempt.", queued)
        yield counters("polysync_runs_created", "Runs that were made, by what made them.", counts.created, "trigger")
        yield counter("polysync_retries", "Attempts that were followed by another one.", counts.retries)
        yield histogram("polysync_run_duration_seconds", "From the first start of a run to its end.", counts.durations)
        yield histogram(
            "polysync_run_lateness_seconds", "From a slot to the run that was made for it.", counts.lateness
        )
        yield histogram("polysync_queue_wait_seconds", "From when a run may start to its first start.", counts.waits)
        yield counter("polysync_log_bytes", "Output of attempts that ended.", counts.log_bytes)
        yield counter("polysync_log_dropped_bytes", "Of that, output that was not kept.", counts.log_dropped)

    def _daemon(self) -> Iterator[str]:
        driver, told = self._driver, driver_gauges(self._driver)
        yield info(
            "polysync_build",
            "What runs here.",
            version=__version__,
            python=platform.python_version(),
            sqlite=sqlite3.sqlite_version,
        )
        for name, (text, value) in told.items():
            yield gauge(name, text, value)
        up = {view.name: int(view.state is Standing.RUNNING) for view in driver.engine.services()}
        yield gauges("polysync_service_up", "Whether all that is wanted of a service runs, and is well.", up, "service")
        degraded = dict.fromkeys(self._desk.degraded(), 1)
        yield gauges("polysync_degraded", "What is not as it should be: 1 for each word.", degraded, "what")
        yield counter("polysync_commits", "Transactions of decisions.", driver.gauges.commits)
        yield counter(
            "polysync_rebuilds", "Failed commits, after each of which memory was built anew.", driver.gauges.rebuilds
        )
        yield counter("polysync_denials", "Requests that were refused for want of a right.", self._desk.refusals.total)

    def _files(self) -> Iterator[str]:
        told = self._storage()
        sizes = {
            "polysync.db": told["database_bytes"],
            "polysync.db-wal": told["wal_bytes"],
            "logs.db": told["logs_bytes"],
            "logs.db-wal": told["logs_wal_bytes"],
        }
        yield gauges("polysync_file_bytes", "The files of the home.", sizes, "file")
        yield gauge("polysync_disk_free_bytes", "What may still be written where the home is.", told["free"])
        yield gauge("polysync_disk_low", "Whether new attempts wait for space.", int(told["low"]))
        yield gauge(
            "polysync_oldest_reader_seconds",
            "How long a reader has kept a log from being cut.",
            told["oldest_reader_s"],
        )
        yield counter("polysync_pruned_runs", "Runs that retention removed.", told["pruned"]["runs"])

    def _own(self) -> Iterator[str]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = round(used.ru_utime + used.ru_stime, 6)
        yield counter("process_cpu_seconds", "Time of processors that the daemon itself took.", seconds)
        yield gauge("process_start_time_seconds", "When the daemon began.", self._began.timestamp())
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if most != resource.RLIM_INFINITY:
            yield gauge("process_max_fds", "How many descriptors it may have.", most)
        with suppress(OSError):  # of a process that may not look at itself, nothing is told
            used_fds = len(os.listdir(self._process / "fd"))  # noqa: PTH208 - only how many
            pages = int((self._process / "statm").read_text().split()[1])
            yield gauge("process_open_fds", "Descriptors it has.", used_fds)
            yield gauge("process_resident_memory_bytes", "Memory it holds.", pages * resource.getpagesize())

    def _by_task(self) -> Iterator[str]:
        counts, engine = self._counts, self._driver.engine
        name = "polysync_runs_ended"
        ended = (
            f"{name}_total{labelled(task=task, state=state, reason=reason)} {count}\n"
            for (task, state, reason), count in list(counts.ended.items())
        )
        yield from slices(head(name, "counter", "Runs that ended, and why."), ended, SLICE)
        name = "polysync_task_run_seconds"
        took = summary_lines(name, [(task, tuple(told)) for task, told in counts.took.items()])
        yield from slices(head(name, "summary", "How long the runs of a task took."), took, SLICE)
        name = "polysync_task_last_success_timestamp_seconds"
        yield from slices(
            head(name, "gauge", "When the last success of a task ended."),
            _moments(name, engine.last_successes()),
            SLICE,
        )
        name = "polysync_task_next_timestamp_seconds"
        yield from slices(
            head(name, "gauge", "The next slot of a task."), _moments(name, dict(engine.next_slots())), SLICE
        )


def driver_gauges(driver: Driver) -> dict[str, tuple[str, float]]:
    """How well the loop keeps up."""
    found = driver.gauges
    return {
        "polysync_tasks": ("Tasks of the configuration.", len(driver.configuration.tasks)),
        "polysync_loop_lag_max_seconds": ("The longest that the loop was held.", found.lag.total_seconds()),
        "polysync_lateness_max_seconds": ("The latest that a slot was seen.", found.lateness.total_seconds()),
        "polysync_clock_held": ("Whether nothing fires because the clock cannot be right.", int(found.clock_held)),
    }


def _moments(name: str, moments: Mapping[str, datetime]) -> Iterator[str]:
    for task, at in moments.items():
        yield f"{name}{labelled(task=task)} {at.timestamp()}\n"
