"""Damage to the databases is found before anything is decided, and never answered with an empty new database."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from polysync.store.check import check_file
from tests.chaos.scenes import ask, ended, said, started
from tests.chaos.site import Site, until
from tests.faults import fault
from tests.seeds import seed_of

pytestmark = pytest.mark.slow
CONFIG = '[tasks.one]\nrun = "true"\n[tasks.long]\nrun = "sleep 60"\n'


def _gone(database: Path) -> None:
    database.unlink()


def _empty(database: Path) -> None:
    database.write_bytes(b"")


def _zeroed(database: Path) -> None:
    database.write_bytes(bytes(4096) + database.read_bytes()[4096:])


def _cut(database: Path) -> None:
    database.write_bytes(database.read_bytes()[: 4096 * 3])


def _changed_run(database: Path) -> None:
    _change(database, "UPDATE runs SET priority = 7 WHERE ended_at IS NULL")


def _changed_history(database: Path) -> None:
    _change(database, "UPDATE history SET actor = 'somebody else' WHERE seq = 2")


def _change(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        assert connection.execute(statement).rowcount


@fault("F22")
@pytest.mark.parametrize("harm", [_gone, _empty, _zeroed, _cut, _changed_run, _changed_history])
def test_a_home_whose_decisions_are_damaged_is_refused(harm: Callable[[Path], None], site: Site) -> None:
    site.configure(CONFIG)
    process = started(site)
    ended(site, ask(site, "one"))
    ask(site, "long")
    assert until(lambda: len(site.alive()) == 1, 10)
    assert site.end(process) == 0
    database = site.home / "polysync.db"
    harm(database)
    before = database.read_bytes() if database.exists() else b""
    refused = site.start()
    assert refused.wait(30) == 1, said(site)
    told = said(site).splitlines()[-1]
    assert "polysync.db" in told or "database" in told
    assert _page(database.read_bytes() if database.exists() else b"") == _page(before)


@fault("F24")
def test_a_write_ahead_log_that_was_cut_anywhere_leaves_whole_decisions(site: Site, tmp_path: Path) -> None:
    """What a power loss may leave of it; that a confirmed commit was on the disk before is SQLite's `FULL`."""
    site.configure(CONFIG)
    process = started(site)
    for _ in range(5):
        ended(site, ask(site, "one"))
    site.end(process, 9)
    chance = random.Random(seed_of("cuts"))
    whole = (site.home / "polysync.db-wal").read_bytes()
    counts = []
    for cut in sorted(chance.randrange(len(whole)) for _ in range(40)):
        copy = tmp_path / "copy"
        copy.mkdir()
        shutil.copy(site.home / "polysync.db", copy)
        (copy / "polysync.db-wal").write_bytes(whole[:cut])
        counts.append(_runs_of(copy / "polysync.db"))
        shutil.rmtree(copy)
    assert counts == sorted(counts)


def _runs_of(database: Path) -> int:
    """How many runs a database holds, which must be sound as far as it goes."""
    with closing(sqlite3.connect(database)) as connection:
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            return -1  # from before the tables
        ((found,),) = connection.execute("SELECT count(*) FROM runs").fetchall()
    assert [str(one) for one in check_file(database) if "schema is number" not in str(one)] == []
    return int(found)


def _page(content: bytes) -> bytes:
    """The first page, without the two counters of changes: the epoch of whoever opens a home is written first."""
    return content[:24] + content[28:92] + content[96:4096]
