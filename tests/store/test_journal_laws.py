"""The laws of the journal: a slot once, legal moves only, all or nothing, one owner, nothing damaged goes unseen."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from polysync.domain.definition import Definition, Substituted
from polysync.domain.effects import AttemptOpened, DefinitionKept, RunMoved, RunNoted
from polysync.domain.errors import DoubleFiring, IllegalTransition
from polysync.domain.rows import Attempt
from polysync.domain.run import Reason, State
from polysync.domain.settings import Platform
from polysync.domain.task import NEVER, Job, JobParameter, Task
from polysync.domain.values import ParamType
from polysync.home import Home
from polysync.store.chain import first_break
from polysync.store.database import JOURNAL, open_database
from polysync.store.definitions import definition_of, definition_text, usual
from polysync.store.errors import StorageBroken, StorageFull
from polysync.store.journal import open_journal
from polysync.store.rows import RUN, AuditEntry
from polysync.testing import SimClock
from tests.faults import fault
from tests.store.inline import NOON, a_run, creation, inline_journal, now

ENTRY = AuditEntry(at=NOON, actor="anna", role="admin", channel="socket", verb="run", subject="work", outcome="done")
START = RunMoved(1, NOON, State.QUEUED, State.STARTING, None, "scheduler", {"attempt": 1})


def test_the_database_knows_every_state(tmp_path: Path) -> None:
    now(inline_journal(tmp_path).snapshot())
    ((text,),) = rows(tmp_path, "SELECT sql FROM sqlite_schema WHERE name = 'runs'")
    assert all(f" {state} " in str(text).replace("'", " ") for state in State)


def rows(folder: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(folder / "polysync.db")
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def test_a_slot_of_a_task_has_one_run(tmp_path: Path) -> None:
    journal = inline_journal(tmp_path)
    now(journal.commit(creation(1, slot=NOON)))
    with pytest.raises(DoubleFiring, match="work has run 1 for this slot already, and run 2"):
        now(journal.commit(creation(2, slot=NOON)))
    with pytest.raises(DoubleFiring):
        now(journal.commit(creation(1)))
    assert list(now(journal.snapshot()).runs) == [1]


def test_an_illegal_move_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    journal = inline_journal(tmp_path)
    now(journal.commit(creation(1)))
    with pytest.raises(IllegalTransition, match="run 1 cannot go from queued to running"):
        now(journal.commit([*creation(2), replace(START, state=State.RUNNING)], [ENTRY]))
    assert list(now(journal.snapshot()).runs) == [1]
    with pytest.raises(IllegalTransition, match="does not follow"):
        now(journal.commit([AttemptOpened(Attempt(1, 2, "token", "local", NOON))]))
    now(journal.commit([START, AttemptOpened(Attempt(1, 1, "token", "local", NOON))], [ENTRY]))
    assert now(journal.snapshot()).attempts[1].platform == "local"
    assert first_break(rows(tmp_path, "SELECT * FROM history ORDER BY seq")) is None
    assert first_break(rows(tmp_path, "SELECT * FROM audit ORDER BY seq")) is None


@fault("F1")
def test_what_has_ended_in_the_file_never_moves_whatever_memory_says(tmp_path: Path) -> None:
    journal = inline_journal(tmp_path)
    now(journal.commit(creation(1)))
    ended = RUN.new(a_run(1, state=State.FAILED, ended_at=NOON)).values()
    end = "UPDATE runs SET state = ?3, ended_at = ?9, doc = ?15, checksum = ?16"
    now(journal.writer.run(lambda connection: connection.execute(end, ended).rowcount))
    with pytest.raises(IllegalTransition, match="run 1 cannot go from failed to starting"):
        now(journal.commit([replace(START, changes={})]))
    assert rows(tmp_path, "SELECT state FROM runs") == [("failed",)]


def test_a_final_state_without_an_end_is_refused(tmp_path: Path) -> None:
    journal = inline_journal(tmp_path)
    now(journal.commit(creation(1)))
    with pytest.raises(IllegalTransition, match="the database refuses"):
        now(journal.commit([replace(START, state=State.CANCELLED, changes={})]))
    with pytest.raises(IllegalTransition, match="the database refuses a new run"):
        now(journal.commit(creation(2, state=State.SKIPPED)))


def test_the_range_of_a_run_that_has_ended_still_grows(tmp_path: Path) -> None:
    journal = inline_journal(tmp_path)
    now(journal.commit(creation(1, slot=NOON, state=State.SKIPPED, ended_at=NOON, end_reason=Reason.MISSED)))
    now(journal.close())
    journal = inline_journal(tmp_path)
    now(journal.commit([RunNoted(1, {"slots": 5})]))
    assert now(journal.snapshot()).ranges["work"].slots == 5


@pytest.mark.parametrize(("place", "stored"), [("before", 1), ("after", 2)])
def test_a_killed_process_leaves_all_of_a_decision_or_nothing(tmp_path: Path, place: str, stored: int) -> None:
    script = Path(__file__).with_name("dying.py")
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "POLYSYNC_FAILPOINT": f"journal.{place}_commit=kill@2"}
    ended = subprocess.run([sys.executable, str(script), str(tmp_path)], env=environment, check=False)
    assert ended.returncode == -9
    runs = list(now(inline_journal(tmp_path).snapshot()).runs)
    assert runs == list(range(1, stored + 1))
    assert len(rows(tmp_path, "SELECT * FROM history")) == stored


@fault("F9")
def test_the_next_owner_ends_the_rights_of_the_one_before(tmp_path: Path) -> None:
    first = inline_journal(tmp_path)
    now(first.commit(creation(1)))
    second = inline_journal(tmp_path)
    now(second.commit(creation(2)))
    with pytest.raises(StorageBroken, match="another daemon took over"):
        now(first.commit(creation(3)))
    with pytest.raises(StorageBroken, match="another daemon took over"):
        now(first.snapshot())
    assert list(now(second.snapshot()).runs) == [1, 2]


def test_a_damaged_row_is_named(tmp_path: Path) -> None:
    journal = inline_journal(tmp_path)
    now(journal.commit(creation(1)))
    now(journal.close())
    connection = open_database(tmp_path / "polysync.db", JOURNAL, snapshots=tmp_path)
    connection.execute("UPDATE runs SET priority = 7")
    connection.close()
    with pytest.raises(StorageBroken, match="the row of run 1 is damaged"):
        now(inline_journal(tmp_path).snapshot())


def limit(connection: sqlite3.Connection, pages: int) -> None:
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()


@fault("F17")
def test_a_full_disk_fails_the_decision_and_is_survived(tmp_path: Path) -> None:
    room = iter([False, True])
    journal = open_journal(Home(tmp_path), SimClock(NOON), inline=True, on_full=lambda: next(room))
    now(journal.commit(creation(1)))
    now(journal.writer.run(lambda connection: limit(connection, 1)))
    with pytest.raises(StorageFull):
        now(journal.commit(creation(2, parameters={"long": "x" * 100_000})))
    now(journal.writer.run(lambda connection: limit(connection, 100_000)))
    now(journal.commit(creation(2, parameters={"long": "x" * 100_000})))
    assert list(now(journal.snapshot()).runs) == [1, 2]


def test_a_definition_comes_back_without_the_secret_that_was_filled_in() -> None:
    command = (Substituted("hunter2", "${env:KEY}"),)
    task = Task(name="work", command=command, keep_for=NEVER, settings={"a": (1, {"!": NOON})}, env={"A": command[0]})
    text = definition_text(Definition(task))
    assert "hunter2" not in text
    written = replace(task, command=("${env:KEY}",), env={"A": "${env:KEY}"})
    assert definition_of(text, dict[str, str]().__getitem__) == Definition(written)


def test_a_definition_keeps_the_defaults_that_it_was_made_under() -> None:
    name, text = usual()
    before = json.dumps({"task": {**json.loads(text)["task"], "priority": 7, "queue_max": 3}})
    kept = {"an older version": before}
    old = definition_text(Definition(Task(name="work", queue_max=5))).replace(name, "an older version")
    assert definition_of(old, kept.__getitem__) == Definition(Task(name="work", priority=7, queue_max=5))


def test_a_definition_keeps_its_job_and_its_platform_but_no_secret_that_stands_in_the_open() -> None:
    job = Job(name="etl", platform="lake", parameters={"day": JobParameter(type=ParamType.INT, required=True)})
    options = {"token": "hunter2", "host": "far.example", "password": "vault://ops/lake"}
    platform = Platform(name="lake", type="slurm", max_running=3, options=options)
    text = definition_text(Definition(Task(name="work"), job, platform))
    assert "hunter2" not in text
    closed = replace(platform, options={**options, "token": "***"})
    assert definition_of(text, dict[str, str]().__getitem__) == Definition(Task(name="work"), job, closed)


def test_the_defaults_are_kept_with_the_first_definition_and_once(tmp_path: Path) -> None:
    journal = open_journal(Home(tmp_path), SimClock(NOON), inline=True)
    for name in "ab":
        now(journal.commit([DefinitionKept(name, Definition(Task(name=name)))]))
    rows = now(journal.writer.run(lambda found: found.execute("SELECT digest FROM definitions").fetchall()))
    assert {row[0] for row in rows} == {"a", "b", usual()[0]}
