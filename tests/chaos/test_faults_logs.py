"""Logs that are too large, too fast, too strange, or have no room: exact counters, and no other task hears of it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from polysync.store.check import check_file, full_check_of_logs
from polysync.store.log_schema import LOGS
from polysync.store.logs import STREAMS
from polysync.store.packing import Codec, Packer
from tests.chaos.scenes import IS_ROOT, ask, run_of, said, started
from tests.chaos.site import Site, until
from tests.faults import fault

pytestmark = pytest.mark.slow
LINES = "seq -f '%015.0f' {count}"  # lines of 16 bytes
CANARY = '[tasks.canary]\nrun = "true"\ncron = "* * * * * *"\n'
HEAD = '[storage]\nmin_free_space = "1mb"\n'


def task(run: str, size: str, policy: str, more: str = "") -> str:
    return f'{HEAD}[tasks.work]\nrun = {json.dumps(run)}\nlog_max_size = "{size}"\nlog_on_full = "{policy}"\n{more}'


def stored(site: Site, number: int) -> dict[str, list[tuple[int, int, bytes | None]]]:
    """What is stored of a run by stream: offset, length, and the bytes where they are kept."""
    packer, found = Packer(), dict[str, list[tuple[int, int, bytes | None]]]()
    with closing(sqlite3.connect(f"file:{site.home / 'logs.db'}?mode=ro", uri=True)) as connection:
        asked = "SELECT stream, offset, length, codec, data FROM chunks WHERE run_id = ? ORDER BY stream, offset"
        for stream, offset, length, codec, data in connection.execute(asked, (number,)):
            kept = None if codec == Codec.LEFT_OUT else packer.unpack(codec, data)
            found.setdefault(STREAMS[stream], []).append((offset, length, kept))
    for rows in found.values():
        assert rows[0][0] == 0
        assert all(a + length == b for (a, length, _), (b, _, _) in pairwise(rows))
    return found


def used(site: Site, number: int) -> dict[str, Any]:
    """The last attempt of a run as it is written down."""
    docs = [doc for run, doc in site.rows("SELECT run_id, doc FROM attempts ORDER BY number") if run == number]
    written: dict[str, Any] = json.loads(docs[-1])
    return written


def over(site: Site, number: int) -> dict[str, Any]:
    """A run, once its end is stored."""
    assert until(lambda: (number,) in site.rows("SELECT id FROM runs WHERE ended_at IS NOT NULL"), 60, 0.1), said(site)
    return run_of(site, number)


def check(site: Site) -> None:
    assert check_file(site.home / "logs.db", LOGS, full_check_of_logs) == []


def numbered(count: int) -> bytes:
    return b"".join(b"%015d\n" % number for number in range(1, count + 1))


@fault("F35")
def test_the_oldest_output_goes_and_the_newest_is_kept(site: Site) -> None:
    site.configure(task(LINES.format(count=500_000), "1mb", "drop_old"))
    process = started(site)
    run = over(site, ask(site, "work"))
    assert run["state"] == "succeeded"
    text, (hole, *kept) = numbered(500_000), stored(site, run["id"])["out"]
    assert hole[2] is None
    assert b"".join(data or b"" for _, _, data in kept) == text[hole[1] :]
    assert (7 << 17) - 20_000 <= len(text) - hole[1] <= 1 << 20
    assert (used(site, run["id"])["log_bytes"], used(site, run["id"])["log_dropped"]) == (len(text), hole[1])
    assert [message["code"] for message in run["messages"]] == ["log_dropped"]
    assert site.end(process) == 0
    check(site)


@fault("F35")
def test_the_newest_output_is_dropped_and_the_first_is_kept(site: Site) -> None:
    site.configure(task(f"{LINES.format(count=500_000)}; echo more >&2", "1mb", "drop_new"))
    process = started(site)
    run = over(site, ask(site, "work"))
    assert run["state"] == "succeeded"
    found, text = stored(site, run["id"]), numbered(500_000)
    (first, hole) = found["out"] if len(found["out"]) == 2 else (None, found["out"][-1])
    kept = b"".join(data or b"" for _, _, data in found["out"])
    assert (kept, hole[2]) == (text[: 1 << 20], None) or (len(kept) == (1 << 20) - 5 and text.startswith(kept)), first
    assert used(site, run["id"])["log_bytes"] == len(text) + 5
    assert used(site, run["id"])["log_dropped"] == len(text) + 5 - (1 << 20)
    assert site.end(process) == 0
    check(site)


@fault("F35")
def test_a_task_that_is_to_end_at_a_full_log_ends(site: Site) -> None:
    more = 'retry_attempts = 3\nretry_delay = "1s"\n'
    site.configure(task(f"{LINES.format(count=500_000)}; exec sleep 600", "1mb", "kill_task", more))
    process = started(site)
    run = over(site, ask(site, "work"))
    assert (run["state"], run["end_reason"], run["attempt"]) == ("failed", "log_full", 1)
    assert sum(length for _, length, data in stored(site, run["id"])["out"] if data is not None) == 1 << 20
    assert used(site, run["id"])["log_dropped"] == used(site, run["id"])["log_bytes"] - (1 << 20)
    assert site.end(process) == 0


@fault("F35")
def test_any_bytes_are_stored_as_they_were_written(site: Site, tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(b"\0\xff\xfe\x80\r\r\n" * 50_000 + b"x" * (100 << 20) + b"\n" * 1_000_000 + bytes(1 << 20))
    site.configure(task(f"cat {blob}", "300mb", "drop_new"))
    process = started(site)
    run = over(site, ask(site, "work"))
    assert b"".join(data or b"" for _, _, data in stored(site, run["id"])["out"]) == blob.read_bytes()
    assert site.end(process) == 0
    check(site)


@fault("F35", "F4")
def test_what_is_passed_over_is_counted_also_when_the_daemon_dies_meanwhile(site: Site) -> None:
    total = 1 << 30
    site.configure(task(f"yes | head -c {total}; sleep 3", "20mb", "drop_old", CANARY))
    process = started(site)
    number = ask(site, "work")
    assert until(lambda: (number,) in site.rows("SELECT id FROM runs WHERE state = 'running'"), 20)
    assert until(lambda: (site.home / "logs.db-wal").stat().st_size > 1 << 20, 20)
    process.kill()
    process.wait()
    process = started(site)
    run = over(site, number)
    assert run["state"] == "succeeded", said(site)
    rows = stored(site, number)["out"]
    assert used(site, number)["log_bytes"] == total == sum(length for _, length, _ in rows)
    assert used(site, number)["log_dropped"] == sum(length for _, length, data in rows if data is None)
    assert all(set(data) <= set(b"y\n") for _, _, data in rows if data is not None)
    assert sum(length for _, length, data in rows if data is not None) <= 20 << 20
    assert site.end(process) == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if not IS_ROOT or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)  # noqa: S607 - as above


@fault("F18")
@pytest.mark.parametrize("policy", ["drop_old", "drop_new", "kill_task"])
def test_a_full_disk_for_logs_changes_no_outcome_and_counts_exactly(site: Site, small_disk: Path, policy: str) -> None:
    site.home.mkdir(mode=0o700)
    (site.home / "logs.db").symlink_to(small_disk / "logs.db")
    noise = "head -c 20000000 /dev/urandom"
    site.configure(task(noise, "1gb", policy, '[tasks.quiet]\nrun = "echo fine"\n'))
    process = started(site)
    run = over(site, ask(site, "work"))
    if policy == "kill_task":
        assert (run["state"], run["end_reason"]) == ("failed", "log_full")
    else:
        assert run["state"] == "succeeded", said(site)
        assert used(site, run["id"])["log_bytes"] == 20_000_000
    kept = sum(length for _, length, data in stored(site, run["id"])["out"] if data is not None)
    assert kept > 0
    assert used(site, run["id"])["log_dropped"] == used(site, run["id"])["log_bytes"] - kept
    assert process.poll() is None
    assert over(site, ask(site, "quiet"))["state"] in {"succeeded", "failed"}
    assert site.end(process) == 0
