"""`polysync backup` and `polysync check`: copies of a living home, putting them back, and finding what was changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from polysync.ports import PortError
from polysync.store.backup import copy
from polysync.store.log_schema import LOGS
from tests.cli.terminal import Terminal
from tests.service.daemons import READY, daemon

TASKS = """
[tasks.says]
run = "seq 1 1000"
[tasks.fails]
run = "echo no >&2; exit 3"
"""


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A home in which something ran, and whose daemon is still there."""
    folder = tmp_path_factory.mktemp("used")
    with daemon(folder, config=TASKS) as running:
        running.until(READY)
        terminal = Terminal(folder)
        for task in ("says", "fails", "says"):
            terminal.polysync("exec", task)
        yield terminal


@pytest.fixture
def closed(used: Terminal, tmp_path: Path) -> Terminal:
    """A copy of that home, without a daemon."""
    home = tmp_path / ".polysync"
    home.mkdir(mode=0o700)
    assert used.polysync("backup", str(tmp_path / "copy.db")).status == 0
    (tmp_path / "copy.db").rename(home / "polysync.db")
    (tmp_path / "copy-logs.db").rename(home / "logs.db")
    return Terminal(tmp_path)


def shown(terminal: Terminal) -> list[Any]:
    """What a person sees of the past."""
    runs = [terminal.polysync("run", str(number), "--json").data for number in (1, 2, 3)]
    logs = [terminal.polysync("logs", str(number), "--raw").out for number in (1, 2, 3)]
    audit = terminal.polysync("audit", "--json").data["items"]
    return [runs, logs, audit]


@pytest.mark.slow
def test_a_restored_home_has_the_same_past(used: Terminal, closed: Terminal) -> None:
    with daemon(closed.folder, config=TASKS) as running:
        running.until(READY)
        assert shown(closed) == shown(used)
        assert closed.polysync("audit", "--verify").status == 0
        assert closed.polysync("exec", "says").status == 0
        assert closed.polysync("runs", "--json").data["items"][0]["id"] == 4
        assert running.end() == 0
    assert closed.polysync("check").status == 0


@pytest.mark.slow
def test_what_ran_at_the_time_is_not_started_again(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    (after / ".polysync").mkdir(0o700, parents=True)
    before.mkdir()
    config = f'[tasks.long]\nrun = "echo once >>{tmp_path}/witness; exec sleep 60"\n'
    with daemon(before, config=config) as running:
        running.until(READY)
        terminal = Terminal(before)
        terminal.polysync("exec", "long", "--detach")
        while terminal.polysync("run", "1", "--json").data["state"] != "running" or not (tmp_path / "witness").exists():
            assert running.process.poll() is None
        assert terminal.polysync("backup", str(after / ".polysync" / "polysync.db"), "--without-output").status == 0
        with daemon(after, config=config) as restored:
            restored.until(READY)
            run = Terminal(after).polysync("run", "1", "--json").data
            while run["ended_at"] is None and restored.process.poll() is None:
                run = Terminal(after).polysync("run", "1", "--json").data
        assert (run["state"], run["end_reason"]) == ("crashed", "host_rebooted")
        assert Terminal(before).polysync("run", "1", "--json").data["state"] == "running"
    assert (tmp_path / "witness").read_text() == "once\n"


@pytest.mark.slow
def test_a_backup_is_two_private_files_and_overwrites_none(used: Terminal, tmp_path: Path) -> None:
    to = tmp_path / "safe.db"
    told = used.polysync("backup", str(to), "--json").data["files"]
    both = [to, tmp_path / "safe-logs.db"]
    assert [one["file"] for one in told] == [str(path) for path in both]
    assert [path.stat().st_mode & 0o777 for path in both] == [0o600, 0o600]
    assert sorted(tmp_path.iterdir()) == sorted(both)
    with closing(sqlite3.connect(to)) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (3,)
    again = used.polysync("backup", str(to))
    assert (again.status, "is there already" in again.err) == (4, True)
    to.unlink()
    assert used.polysync("backup", str(to)).status == 4, "the one beside it is there"
    assert not to.exists()
    alone = used.polysync("backup", "--without-output", str(to))
    assert alone.status == 0
    assert alone.out.startswith(f"✓ {to}, ")


@pytest.mark.slow
def test_a_folder_that_is_not_there_is_not_made(used: Terminal, tmp_path: Path) -> None:
    said = used.polysync("backup", str(tmp_path / "mounted" / "x.db"))
    assert said.status == 3
    assert "mount the disk" in said.err
    assert not (tmp_path / "mounted").exists()


@pytest.mark.slow
def test_a_damaged_home_is_not_copied(closed: Terminal) -> None:
    spoil(closed, "UPDATE runs SET priority = 99 WHERE id = 2")
    said = closed.polysync("backup", "spoilt.db")
    assert said.status == 1
    assert "run 2" in said.err
    assert "polysync check" in said.err
    assert sorted(path.name for path in closed.folder.iterdir()) == [".polysync"]


@pytest.mark.slow
def test_a_check_finds_what_was_changed_and_says_what_helps(used: Terminal, closed: Terminal) -> None:
    assert used.polysync("check").lines == [
        "✓ polysync.db: every row is what was written",
        "✓ logs.db: every row is what was written",
    ]
    assert used.polysync("check", "-q").out == ""
    spoil(closed, "UPDATE runs SET priority = 99 WHERE id = 2")
    spoil(closed, "DELETE FROM audit WHERE seq = 2")
    spoil(closed, "UPDATE chunks SET lines = lines + 1", "logs.db")
    told = closed.polysync("check", "--json")
    assert told.status == 1
    assert told.data["ok"] is False
    places = {one["place"]: one["remedy"] for file in told.data["files"] for one in file["findings"]}
    assert {"run 2", "audit 3", "chunk 1"} <= set(places)
    assert all(places.values())
    said = closed.polysync("check")
    assert said.status == 1
    assert said.lines[0] == "✗ polysync.db: 2 findings"
    assert any(line.startswith("  → ") for line in said.lines)


def test_there_is_nothing_to_look_at_where_nothing_was(tmp_path: Path) -> None:
    for words in (("check",), ("backup", "x.db")):
        said = Terminal(tmp_path).polysync(*words, "--data", "none")
        assert said.status == 3
        assert "holds no database" in said.err


def test_what_is_no_home_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    said = Terminal(tmp_path).polysync("check", "--data", "home")
    assert said.status == 1
    assert "as the user of the daemon" in said.err


def test_a_name_that_was_taken_meanwhile_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mine")) as connection:
        connection.execute("CREATE TABLE t (x)")
    (tmp_path / "there").write_bytes(b"somebody's")
    with pytest.raises(PortError):
        copy(tmp_path / "mine", tmp_path / "there", LOGS, backup=True)
    assert (tmp_path / "there").read_bytes() == b"somebody's"


def spoil(terminal: Terminal, statement: str, file: str = "polysync.db") -> None:
    """Change a database behind everybody's back."""
    with closing(sqlite3.connect(terminal.folder / ".polysync" / file)) as connection:
        connection.execute(statement)
        connection.commit()
