"""A new version takes over a home with a hundred live runs, and gives it back: nothing is lost either way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from polysync.api.client import Client
from polysync.store.migrate import copies, thin_out
from tests.chaos.scenes import ask, run_of, said, started
from tests.chaos.site import Site, until
from tests.faults import fault
from tests.house.sources import ROOT

MANY: Final = 100
NEWER: Final = "9.9.9"
MIGRATIONS: Final = {"polysync": "migrations", "logs": "logs_migrations"}
# A word before, one after, and an exit code that tells the runs apart.  Whoever opens the gate wakes all at once.
CONFIG: Final = f"""\
[daemon]
max_running = {2 * MANY}
[tasks.live]
run = "echo before $POLYSYNC_RUN_ID; read word <gate; echo after $POLYSYNC_RUN_ID; exit $((POLYSYNC_RUN_ID + 20))"
max_concurrent = "unlimited"
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "site", text=CONFIG)
    os.mkfifo(site.folder / "gate")
    yield site
    site.clear()


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Polysync of tomorrow: another version, and one step more for each database."""
    place = tmp_path_factory.mktemp("newer")
    shutil.copytree(ROOT / "polysync", place / "polysync", ignore=shutil.ignore_patterns("__pycache__"))
    front = place / "polysync" / "__init__.py"
    front.write_text(front.read_text() + f'\n__version__ = "{NEWER}"\n')
    for folder in MIGRATIONS.values():
        steps = place / "polysync" / "store" / folder
        (steps / f"{newest(folder) + 1:04}-tomorrow.sql").write_text("CREATE TABLE tomorrow (word TEXT) STRICT;\n")
    return place


def newest(folder: str) -> int:
    """The number of the last step that we have."""
    return len(list((ROOT / "polysync" / "store" / folder).glob("*.sql")))


def status(site: Site) -> dict[str, Any]:
    with Client(str(site.socket)) as client:
        found: dict[str, Any] = json.loads(client.request("GET", "/api/status").body)
        return found


def begin(site: Site) -> list[int]:
    """A hundred runs that wait at the gate, under today's version; what they said so far is stored."""
    runs = [ask(site, "live") for _ in range(MANY)]
    assert until(lambda: len(site.alive()) == MANY, 60), said(site)
    assert until(lambda: all(words(site, number) == f"before {number}\n" for number in runs), 60)
    return runs


def words(site: Site, number: int) -> str:
    with Client(str(site.socket)) as client:
        return client.request("GET", f"/api/runs/{number}/log").body.decode()


def finish(site: Site, runs: list[int]) -> None:
    """Open the gate: every run ends as itself, with all of its words."""
    (site.folder / "gate").write_text("")
    assert until(lambda: site.open_runs() == 0, 60, 0.1), said(site)
    for number in runs:
        run = run_of(site, number)
        assert (run["state"], run["exit_code"], len(run["attempts"])) == ("failed", (number + 20) % 256, 1)
        assert words(site, number) == f"before {number}\nafter {number}\n"


def put_back(site: Site) -> None:
    """What the message of an old version asks for: the copies from before the migrations."""
    for stem, folder in MIGRATIONS.items():
        for left in site.home.glob(f"{stem}.db*"):
            left.unlink()
        shutil.copy(site.home / "snapshots" / f"{stem}-schema-{newest(folder)}.db", site.home / f"{stem}.db")


@fault("F8", "F25")
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["asked to end", "killed"])
def test_a_newer_version_takes_over_a_hundred_live_runs(how: signal.Signals, site: Site, newer: Path) -> None:
    old = started(site)
    runs = begin(site)
    site.end(old, how)
    second = started(site, PYTHONPATH=str(newer))
    told = status(site)
    assert (told["version"], told["runs"]["running"]) == (NEWER, MANY), said(site)
    for stem, folder in MIGRATIONS.items():
        with closing(sqlite3.connect(site.home / "snapshots" / f"{stem}-schema-{newest(folder)}.db")) as before:
            assert before.execute("PRAGMA user_version").fetchone() == (newest(folder),)
            assert before.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'tomorrow'").fetchone() == (0,)
            assert before.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with closing(sqlite3.connect(f"file:{site.home}/{stem}.db?mode=ro", uri=True)) as after:
            assert after.execute("PRAGMA user_version").fetchone() == (newest(folder) + 1,)
    finish(site, runs)
    assert site.end(second) == 0
    refused = site.start()
    assert refused.wait(30) == 1
    assert "written by a newer Polysync" in said(site)
    assert "put back a copy from" in said(site)
    assert not site.processes()


@fault("F8", "F25")
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_older_version_takes_the_copies_and_the_live_runs_back(site: Site, newer: Path) -> None:
    old = started(site)
    runs = begin(site)
    site.end(old, signal.SIGKILL)
    second = started(site, PYTHONPATH=str(newer))
    assert status(site)["runs"]["running"] == MANY
    site.end(second, signal.SIGKILL)
    put_back(site)
    third = started(site)
    assert status(site)["runs"]["running"] == MANY
    finish(site, runs)
    assert site.end(third) == 0


@fault("F25")
@pytest.mark.slow
def test_killed_anywhere_in_a_migration_it_is_old_or_new_and_goes_on(site: Site, newer: Path) -> None:
    site.end(started(site))
    text = "CREATE TABLE tomorrow (word TEXT) STRICT;\n"
    step = newer / "polysync" / "store" / "migrations" / f"{newest('migrations') + 1:04}-tomorrow.sql"
    step.write_text(
        text  # noqa: S608 - words of ours
        + "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000)\n"
        "INSERT INTO tomorrow SELECT 'word' FROM n;\n"
    )
    try:
        half = site.start(PYTHONPATH=str(newer))
        copy = site.home / "snapshots" / f"polysync-schema-{newest('migrations')}.db"
        assert until(copy.exists, 30, 0.005), said(site)
        site.end(half, signal.SIGKILL)
        found = site.rows("PRAGMA user_version")
        assert found in ([(newest("migrations"),)], [(newest("migrations") + 1,)])
        tables = site.rows("SELECT count(*) FROM sqlite_schema WHERE name = 'tomorrow'")
        assert tables == [(found[0][0] - newest("migrations"),)]
    finally:
        step.write_text(text)
    again = started(site, PYTHONPATH=str(newer))
    assert status(site)["version"] == NEWER
    assert site.end(again) == 0


def test_only_the_newest_copies_are_kept(tmp_path: Path) -> None:
    for number in (2, 9, 10, 11):
        (tmp_path / f"polysync-schema-{number}.db").touch()
    others = {tmp_path / "logs-schema-1.db", tmp_path / "polysync-schema-mine.db", tmp_path / "notes"}
    for other in others:
        other.touch()
    thin_out(tmp_path, Path("polysync.db"), 3)
    assert list(copies(tmp_path, Path("polysync.db"))) == [9, 10, 11]
    thin_out(tmp_path, Path("logs.db"), 1)
    assert others <= set(tmp_path.iterdir())
