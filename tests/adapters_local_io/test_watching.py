"""Watches and measures: they say what happened, and cost nothing while nothing does."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import pytest

from polysync.adapters.local.quick import Cost
from polysync.adapters.local.tail import Spools
from polysync.adapters.local.usage import Meter, family, peak, peak_of, peaks_by_session
from polysync.adapters.local.watch import Watcher
from tests.adapters_local_io.spooling import Recorder, breath, spawn, until


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    yield watcher
    watcher.close()


async def test_change_is_told_to_all_who_watch_and_to_nobody_afterwards(watcher: Watcher, tmp_path: Path) -> None:
    told: list[str] = []
    calls = [lambda name=name: told.append(name) for name in "ab"]
    watches = [watcher.watch(tmp_path, call) for call in calls]
    assert watches[0] is not None
    assert watches[0] == watches[1]
    (tmp_path / "f").write_bytes(b"x")
    await until(lambda: told[:2] == ["a", "b"])
    watcher.unwatch(watches[0], calls[0])
    watcher.unwatch(watches[0], calls[0])
    told.clear()
    (tmp_path / "f").write_bytes(b"y")
    await until(lambda: "b" in told)
    watcher.unwatch(watches[0], calls[1])
    assert "a" not in told


async def test_folder_that_is_not_there_cannot_be_watched(watcher: Watcher, tmp_path: Path) -> None:
    assert watcher.watch(tmp_path / "missing", print) is None


async def test_watcher_without_descriptors_says_so(tmp_path: Path) -> None:
    assert Watcher(available=False).watch(tmp_path, print) is None
    closed = Watcher()
    closed.close()
    assert closed.watch(tmp_path, print) is None


async def test_lost_events_call_everybody(watcher: Watcher, tmp_path: Path) -> None:
    told: list[int] = []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        assert watcher.watch(tmp_path / str(number), partial(told.append, number)) is not None
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())  # noqa: ASYNC240 - in memory
    with (tmp_path / "0" / "f").open("wb", buffering=0) as one, (tmp_path / "0" / "g").open("wb", buffering=0) as two:
        for _ in range(limit // 2 + 10):  # in turns, or equal events would become one
            one.write(b"x")
            two.write(b"x")
    await until(lambda: 1 in told)


@pytest.mark.slow
async def test_two_hundred_quiet_attempts_cost_next_to_nothing(tmp_path: Path) -> None:
    watcher, ended, folders = Watcher(), asyncio.Event(), [tmp_path / str(number) for number in range(200)]
    for folder in folders:
        folder.mkdir()
        for name in ("out", "err", "report"):
            (folder / name).touch()
    tasks = [spawn(Spools(folder, Recorder(), watcher).follow(ended)) for folder in folders]
    await breath(1.0)
    before, descriptors = getrusage(RUSAGE_SELF), len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only counted
    await breath(3.0)
    after = getrusage(RUSAGE_SELF)
    ended.set()
    await asyncio.gather(*tasks)
    watcher.close()
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime <= 0.003 * 3.0 + 0.005
    assert after.ru_nvcsw - before.ru_nvcsw <= 5 * 3
    assert descriptors < 100


class TestMeter:
    HUNGRY = "x = bytearray(64 << 20); import sys; sys.stdin.read()"

    @pytest.fixture
    def hungry(self) -> Iterator[subprocess.Popen[bytes]]:
        """A session with a process in it that needs 64 MB."""
        argv = ["/bin/sh", "-c", '"$@"; exit', "sh", sys.executable, "-I", "-S", "-c", self.HUNGRY]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True) as process:
            yield process
            process.communicate(b"")

    async def test_peak_is_seen_soon_after_the_start(self, hungry: subprocess.Popen[bytes]) -> None:
        await until(lambda: max(map(peak_of, family(hungry.pid))) > 64 << 20)
        meter = Meter(looks=(0.0,))
        meter.begin(hungry.pid)
        await breath(0.05)
        assert (meter.end(hungry.pid) or 0) > 64 << 20
        assert meter.end(hungry.pid) is None

    async def test_old_sessions_are_looked_at_together(self, hungry: subprocess.Popen[bytes]) -> None:
        await until(lambda: peaks_by_session(frozenset({hungry.pid})).get(hungry.pid, 0) > 64 << 20)
        meter = Meter(looks=(), every=0.01)
        meter.begin(hungry.pid)
        meter.begin(0)
        await breath(0.3)
        assert (meter.end(hungry.pid) or 0) > 64 << 20
        meter.close()
        meter.close()

    async def test_short_attempt_is_never_looked_at(self) -> None:
        meter = Meter()
        meter.begin(os.getpid())
        assert meter.end(os.getpid()) is None

    def test_process_that_is_gone_needs_nothing(self) -> None:
        assert peak_of(2**22 + 1) == 0
        assert family(2**22 + 1) == [2**22 + 1]

    def test_kernels_figure_counts_only_above_our_own(self) -> None:
        size = getrusage(RUSAGE_SELF).ru_maxrss * 1024
        own, above = Cost(0.0, size), Cost(0.0, size + (1 << 30))
        assert peak([], own) is None
        assert peak([None, 5], own) == 5
        assert peak([5], above) == above.max_rss
        assert peak([]) is None
