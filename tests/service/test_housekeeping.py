"""Retention in a real daemon: killed while it removes, reloaded, on a small disk, beside a reader that holds on."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from polysync.api.client import Client
from polysync.home import Home
from tests.bench.pruning import make
from tests.chaos.scenes import EACH_SECOND, IS_ROOT, ask, ended, said, slots, started
from tests.chaos.site import Site, until
from tests.faults import fault
from tests.store.pruned import count, everything_is_sound

pytestmark = pytest.mark.slow
NOW = '[storage]\ncleanup_every = "1s"\n'
RUNS = 4_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "site")
    yield made
    made.clear()


def runs_of(site: Site, task: str) -> int:
    return int(site.rows(f"SELECT count(*) FROM runs WHERE task = '{task}'")[0][0])  # noqa: S608 - a name of ours


def test_no_slot_fires_again_because_its_run_is_gone(site: Site) -> None:
    site.configure(f"{NOW}{EACH_SECOND}keep_runs = 1\n")
    for _ in range(2):
        process = started(site)
        assert until(lambda: "removed old runs" in said(site), 20), said(site)
        before = len(slots(site)), max(slots(site), default=0)
        assert until(lambda before=before: max(slots(site)) >= before[1] + 3, 20)  # type: ignore[misc]  # bound now
        assert len(slots(site)) < 5
        process.send_signal(signal.SIGKILL)
        process.wait()
    fired = (site.folder / "witness").read_text().split()
    assert len(fired) == len(set(fired)) > 6
    assert everything_is_sound(Home(site.home))


def test_a_changed_number_applies_to_what_is_there(site: Site) -> None:
    text = '[tasks.one]\nrun = "true"\n'
    site.configure(text)
    process = started(site)
    numbers = [ask(site, "one") for _ in range(5)]
    for number in numbers:
        ended(site, number)
    site.configure(f"{text}keep_runs = 2\n")
    process.send_signal(signal.SIGHUP)
    assert until(lambda: runs_of(site, "one") == 2, 20), said(site)
    assert site.rows("SELECT min(id) FROM runs") == [(numbers[3],)]
    assert site.end(process) == 0


def test_killed_while_it_removes_nothing_dangles_for_ever(site: Site) -> None:
    tasks = "".join(
        f'[tasks.task-{number}]\nrun = "true"\nkeep_runs = 1\nkeep_for = "forever"\n' for number in range(50)
    )
    site.configure(NOW + tasks)
    home = Home(site.home)
    home.path.mkdir(mode=0o700)
    make(home, RUNS, 40 << 20)
    left, kills = RUNS, 0
    for _ in range(3):
        process = started(site)
        assert until(lambda left=left: count(home, "count(*) FROM runs") < left, 20)  # type: ignore[misc]  # bound now
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = count(home, "count(*) FROM runs")
        kills += left > 50
    assert kills  # some came in the middle
    process = started(site)
    assert until(lambda: count(home, "count(*) FROM runs") == 50, 40), said(site)
    output = "count(DISTINCT run_id) FROM chunks"
    assert until(lambda: count(home, output, home.logs) <= 50, 20), said(site)
    assert until(lambda: home.logs.stat().st_size < 4 << 20, 20), home.logs.stat().st_size
    assert site.end(process) == 0
    owners = {row[0] for row in site.rows("SELECT id FROM runs")}
    with closing(sqlite3.connect(home.logs)) as connection:
        assert {row[0] for row in connection.execute("SELECT DISTINCT run_id FROM chunks")} <= owners
    assert everything_is_sound(home)


def test_a_reader_that_does_not_let_go_is_shown_and_holds_up_nobody(site: Site) -> None:
    site.configure('[tasks.noisy]\nrun = "head -c 3000000 /dev/urandom"\ncron = "* * * * * *"\n')
    process = started(site)
    assert until(lambda: len(slots(site)) >= 1, 20)
    home = Home(site.home)
    with closing(sqlite3.connect(f"file:{home.logs}?mode=ro", uri=True, isolation_level=None)) as slow:
        slow.execute("BEGIN")
        slow.execute("SELECT max(id) FROM chunks").fetchone()
        assert until(lambda: storage(site)["oldest_reader_s"] > 0, 60, 0.5), storage(site)
        assert storage(site)["logs_wal_bytes"] > 1 << 20
        before = len(slots(site))
        assert until(lambda: len(slots(site)) >= before + 2, 10)
        slow.execute("COMMIT")
    assert until(lambda: storage(site)["oldest_reader_s"] == 0, 30, 0.5)
    assert site.end(process) == 0


def storage(site: Site) -> dict[str, Any]:
    """What `status` shows of the storage."""
    with Client(str(site.socket)) as client:
        found: dict[str, Any] = json.loads(client.request("GET", "/api/status").body)["storage"]
        return found


@pytest.fixture
def small_disk(site: Site) -> Iterator[Path]:
    """A home on a file system of its own, of 96 MB."""
    site.home.mkdir(mode=0o700)
    words = ["mount", "-t", "tmpfs", "-o", "size=96m,mode=0700", "tmpfs", str(site.home)]
    if not IS_ROOT or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield site.home
    subprocess.run(["umount", "-l", str(site.home)], check=True)  # noqa: S607 - as above


@fault("F17")
def test_a_disk_that_fills_with_our_own_output_makes_room_by_itself(site: Site, small_disk: Path) -> None:
    work = '[tasks.noisy]\nrun = "head -c 4000000 /dev/urandom"\ncron = "* * * * * *"\n'
    site.configure(f'[storage]\nmin_free_space = "30mb"\n{work}')
    process = started(site)
    assert until(lambda: "the disk is almost full" in said(site), 90, 0.2), said(site)
    assert until(lambda: storage(site)["pruned"]["why"].get("space", 0) > 0, 60, 0.5), storage(site)
    newest = max(slots(site))
    assert until(lambda: max(slots(site)) >= newest + 5, 30)
    states = {row[0] for row in site.rows("SELECT DISTINCT state FROM runs WHERE ended_at IS NOT NULL")}
    assert states == {"succeeded"}
    assert site.end(process) == 0
    assert everything_is_sound(Home(small_disk))
