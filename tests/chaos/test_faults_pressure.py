"""Things that hold a daemon up: another process on its file, a slow disk, a loop that stands, a disk that is full."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from polysync.api.client import Client, Unreachable
from tests.chaos.scenes import EACH_SECOND, IS_ROOT, ask, ended, said, slots, started, unbroken
from tests.chaos.site import Site, monotonic, until
from tests.faults import fault

pytestmark = pytest.mark.slow
CONFIG = f'{EACH_SECOND}[tasks.one]\nrun = "true"\nmax_concurrent = "unlimited"\n'


def whole_again(site: Site, more: int = 3) -> bool:
    """Whether some slots more are decided, and none is missing among all of them."""
    count = len(slots(site))
    return until(lambda: len(slots(site)) >= count + more, 30, 0.1) and unbroken(slots(site))


def health(site: Site) -> float:
    """How long an answer takes that needs nothing but the loop, in seconds."""
    before = monotonic()
    with Client(str(site.socket), timeout=10) as client:
        assert client.request("GET", "/api/health").status == 200
    return monotonic() - before


@fault("F19")
@pytest.mark.parametrize(("error", "survives"), [("EIO@9+", False), ("ENOSPC@9", True), ("EBUSY@9", True)])
def test_a_commit_that_fails_is_never_promised(error: str, survives: bool, site: Site) -> None:
    site.configure(CONFIG)
    process = started(site, f"journal.before_commit=raise:{error}")
    promised = []
    for _ in range(12):
        try:
            promised.append(ask(site, "one"))
        except (AssertionError, Unreachable):  # refused, or gone: it promised nothing
            continue
    if survives:
        assert whole_again(site), said(site)
        site.end(process)
    else:
        assert process.wait(20) == 1
    assert {number for (number,) in site.rows("SELECT id FROM runs")} >= set(promised)


@fault("F20")
def test_a_disk_that_hangs_holds_up_nobody_who_only_asks(site: Site) -> None:
    site.configure(CONFIG)
    process = started(site, "logs.before_commit=spin:3@2")
    number = [ask(site, "one") for _ in range(3)][-1]
    assert until(lambda: len(slots(site)) > 1, 20)
    assert min(health(site) for _ in range(20)) < 1.0
    ended(site, number)
    assert whole_again(site)
    site.end(process)


@fault("F21")
def test_a_stranger_on_the_database_is_waited_for(site: Site) -> None:
    site.configure(CONFIG)
    process = started(site)
    assert until(lambda: len(slots(site)) >= 1, 20)
    with closing(sqlite3.connect(site.home / "polysync.db", isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        held = len(slots(site))
        Event().wait(6.5)  # longer than a statement waits: commits fail meanwhile
        assert health(site) < 1.0
        assert len(slots(site)) == held
        stranger.execute("ROLLBACK")
    assert whole_again(site, more=7)
    ended(site, ask(site, "one"))
    assert site.end(process) == 0


@fault("F30")
def test_a_loop_that_stands_still_is_late_and_complete(site: Site) -> None:
    site.configure(CONFIG)
    process = started(site, "driver.before_actions=spin:4@3")
    assert until(lambda: len(slots(site)) >= 6, 30)
    assert whole_again(site)
    assert site.end(process) == 0


@fault("F27", "F31")
def test_a_daemon_that_gets_no_time_is_late_and_complete(site: Site) -> None:
    site.configure(CONFIG)
    process = started(site)
    assert until(lambda: len(slots(site)) >= 1, 20)
    process.send_signal(signal.SIGSTOP)
    Event().wait(4.0)
    process.send_signal(signal.SIGCONT)
    assert whole_again(site)
    assert site.end(process) == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    if not IS_ROOT or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)  # noqa: S607 - as above


@fault("F17")
def test_a_full_disk_loses_no_slot_and_heals_by_itself(site: Site, small_disk: Path) -> None:
    home = small_disk / "home"
    home.mkdir(mode=0o700)
    (site.folder / ".polysync").symlink_to(home)
    site.configure(f'[storage]\nmin_free_space = "1mb"\n{CONFIG}')
    process = started(site)
    assert until(lambda: len(slots(site)) >= 2, 20)
    hog = small_disk / "hog"
    try:
        with hog.open("wb", buffering=0) as file:
            while file.write(bytes(1 << 16)) == 1 << 16:
                continue
    except OSError:
        pass  # full
    Event().wait(4.0)
    assert process.poll() is None, said(site)
    hog.unlink()
    assert whole_again(site, more=4), said(site)
    assert until(lambda: site.open_runs(site.rows("SELECT max(id) FROM runs")[0][0] - 3) == 0, 30)
    assert site.end(process) == 0
