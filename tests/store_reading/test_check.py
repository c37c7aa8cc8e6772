"""Damage is found: every flipped bit is seen by the check, or changes nothing that is shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from polysync.domain.contention import RateState
from polysync.domain.effects import (
    AttemptNoted,
    AttemptOpened,
    ClockNoted,
    EdgeHeld,
    RateTaken,
    Record,
    RunMoved,
    TaskNoted,
)
from polysync.domain.graph import EdgeEvent
from polysync.domain.rows import Attempt
from polysync.domain.run import State
from polysync.ports import PortError
from polysync.store.backup import back_up, copy
from polysync.store.check import Finding, check_file, full_check, full_check_of_logs, quick_check
from polysync.store.errors import StorageBroken
from polysync.store.journal import SqliteJournal
from polysync.store.lines import sealed
from polysync.store.log_schema import LOGS
from polysync.store.logs import LogBook
from polysync.store.rows import AuditEntry
from tests.faults import fault
from tests.seeds import seed_of
from tests.store.inline import NOON, creation, inline_journal, now

FLIPS = 300
# What a row itself says of its damage: by a checksum, a link, or a second place that holds the same.
TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table'"
ROWS = "SELECT * FROM {} ORDER BY 1, 2"
GUARDED = (
    *("runs", "history", "audit", "run_tags", "attempts", "tasks"),
    *("held", "rates", "definitions", "clock", "meta", "anchors"),
)


def fill(journal: SqliteJournal, runs: int = 40) -> None:
    """Some runs with everything that hangs on them."""
    for number in range(1, runs + 1):
        at = NOON + timedelta(minutes=number)
        records: list[Record] = [*creation(number, slot=at, tags={"team": f"t{number % 3}"})]
        if number % 2:
            attempt = Attempt(number, 1, f"{number:032x}", "local", at)
            records += [
                RunMoved(number, at, State.QUEUED, State.STARTING, None, "me", {"attempt": 1}),
                AttemptOpened(attempt),
                RunMoved(number, at, State.STARTING, State.RUNNING, None, "me", {"started_at": at}),
                AttemptNoted(number, 1, {"started_at": at, "ended_at": at}),
                RunMoved(number, at, State.RUNNING, State.SUCCEEDED, None, "me", {"ended_at": at}),
                TaskNoted("work", {"anchor": at}),
            ]
        words: dict[str, Any] = {
            "actor": "me",
            "role": "admin",
            "channel": "socket",
            "verb": "run",
            "subject": "work",
            "outcome": "done",
        }
        now(journal.commit(records, [AuditEntry(at=at, **words)]))
    rest: list[Record] = [
        ClockNoted(NOON),
        ClockNoted(NOON, "step"),
        RateTaken(("api", "local"), RateState(5, NOON, 1)),
    ]
    now(journal.commit([*rest, EdgeHeld("work", EdgeEvent("before", 1, State.SUCCEEDED, NOON, {"rows": 3}))]))


def prune(journal: SqliteJournal, first: int, last: int) -> None:
    """Take a stretch out of the history, as pruning does."""

    def unit(connection: sqlite3.Connection) -> None:
        ((link,),) = connection.execute("SELECT link FROM history WHERE seq = ?", (last,))
        connection.execute("DELETE FROM history WHERE seq BETWEEN ? AND ?", (first, last))
        connection.execute("INSERT INTO anchors VALUES (?, ?, ?, ?, ?)", sealed("history", first, link, last))

    now(journal.writer.run(unit))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole copy of a small database, in one file."""
    folder = tmp_path_factory.mktemp("home")
    journal = inline_journal(folder)
    fill(journal)
    prune(journal, 10, 11)
    prune(journal, 12, 12)
    now(journal.close())
    copy(folder / "polysync.db", folder / "copy.db")
    return folder / "copy.db"


def shown(path: Path, tables: tuple[str, ...] = GUARDED) -> list[tuple[object, ...]]:
    return [row for table in tables for row in shown_by(path, ROWS.format(table))]


def shown_by(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = OFF")
        connection.executescript(statement)


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> Path:
    path = tmp_path / "damaged.db"
    path.write_bytes(whole.read_bytes())
    return path


def test_a_whole_database_has_no_findings(whole: Path) -> None:
    assert check_file(whole) == []
    with closing(sqlite3.connect(whole)) as connection:
        assert quick_check(connection) == []


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE runs SET priority = 5 WHERE id = 3", "run 3"),
        ("PRAGMA ignore_check_constraints = ON; UPDATE runs SET ended_at = NULL WHERE id = 3", "run 3"),
        ("UPDATE history SET actor = 'you' WHERE seq = 7", "history 7"),
        ("DELETE FROM history WHERE seq = 7", "history 8"),
        ("UPDATE audit SET outcome = 'refused' WHERE seq = 2", "audit 2"),
        ("UPDATE run_tags SET value = 'other' WHERE run_id = 4", "run 4"),
        ("DELETE FROM run_tags WHERE run_id = 4", "run 4"),
        ("UPDATE tasks SET last_run = 2", "task work"),
        ("UPDATE tasks SET doc = NULL", "tasks work"),
        ("UPDATE held SET doc = '{}'", "held work"),
        ("UPDATE rates SET level = '1'", "rates api"),
        ("UPDATE definitions SET doc = ' ' || doc", "definitions digest"),
        ("UPDATE clock SET at = at + 1", "clock 1"),
        ("UPDATE meta SET value = 7 WHERE key = 'epoch'", "meta epoch"),
        ("UPDATE anchors SET first = 1", "anchors history"),
        ("UPDATE anchors SET seq = seq - 1", "history 13"),
        ("DELETE FROM runs WHERE id = 3", "attempts None"),
        ("UPDATE attempts SET platform = 'far' WHERE run_id = 3", "attempt 1 of run 3"),
        ("PRAGMA application_id = 5", "header"),
        ("PRAGMA user_version = 1000", "header"),
    ],
)
def test_a_change_behind_our_back_is_found_and_its_place_named(damaged: Path, statement: str, place: str) -> None:
    change(damaged, statement)
    assert place in [finding.place for finding in check_file(damaged)]


@fault("F22")
def test_a_start_looks_at_open_runs_and_at_the_newest_links(damaged: Path) -> None:
    change(damaged, "UPDATE runs SET priority = 5 WHERE id IN (3, 4)")
    change(damaged, "UPDATE history SET actor = 'you' WHERE seq = 9")
    with closing(sqlite3.connect(damaged)) as connection:
        places = [finding.place for finding in quick_check(connection)]
        assert places == ["run 4", "history 9"]  # run 3 has ended: nothing is decided by it
        assert str(Finding("here", "this")) == "here: this"
        assert "run 3" in [finding.place for finding in full_check(connection)]


@fault("F22")
@pytest.mark.slow
def test_no_flipped_bit_is_believed(whole: Path, tmp_path: Path) -> None:
    assert {table for (table,) in shown_by(whole, TABLES)} == set(GUARDED)
    seen = flip(whole, tmp_path, check_file, GUARDED)
    assert seen > FLIPS // 10  # the flips did hit what matters


@fault("F22")
async def test_no_flipped_bit_of_output_is_believed(tmp_path: Path) -> None:
    book = await LogBook.open(tmp_path / "logs.db", compress=False)
    for number in range(1, 40):
        for stream in ("out", "err"):
            await book.append(number, 1, stream, 0, b"%06d said this\n" % number * 150, NOON)
    await book.close()
    copy(tmp_path / "logs.db", tmp_path / "copy.db", LOGS)
    seen = flip(tmp_path / "copy.db", tmp_path, lambda path: check_file(path, LOGS, full_check_of_logs), ("chunks",))
    assert seen > FLIPS // 10


def flip(whole: Path, folder: Path, check: Callable[[Path], list[Finding]], tables: tuple[str, ...]) -> int:
    """Flip one bit at a time; returned is how often that was seen, and nothing else is ever shown instead."""
    chance, original, truth = Random(seed_of("flips")), whole.read_bytes(), shown(whole, tables)
    silent, seen = [], 0
    for number in range(FLIPS):
        place, bit = chance.randrange(len(original)), 1 << chance.randrange(8)
        flipped = bytearray(original)
        flipped[place] ^= bit
        path = folder / f"{number}.db"
        path.write_bytes(flipped)
        if check(path):
            seen += 1
        elif shown(path, tables) != truth:
            silent.append((place, bit))
        path.unlink()
    assert silent == []
    return seen


@fault("F22")
@pytest.mark.parametrize("size", [0, 10, 100, 4096, 9000])
def test_a_file_that_was_cut_is_found(whole: Path, tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.db"
    path.write_bytes(whole.read_bytes()[:size])
    assert check_file(path)
    assert check_file(tmp_path / "missing.db")[0].what.startswith("cannot be read")


# ---- copies


async def test_a_copy_is_whole_and_leaves_nothing_beside_it(whole: Path, tmp_path: Path) -> None:
    await back_up(whole, tmp_path / "copies" / "one.db")
    assert [path.name for path in (tmp_path / "copies").iterdir()] == ["one.db"]
    assert shown(tmp_path / "copies" / "one.db") == shown(whole)
    assert (tmp_path / "copies" / "one.db").stat().st_mode & 0o777 == 0o600


def test_a_copy_is_made_while_commits_go_on(tmp_path: Path) -> None:
    journal = inline_journal(tmp_path)
    fill(journal, 10)
    copy(tmp_path / "polysync.db", tmp_path / "first.db")
    now(journal.commit(creation(11)))
    copy(tmp_path / "polysync.db", tmp_path / "second.db")
    assert len(shown(tmp_path / "first.db", ("runs",))) == 10
    assert len(shown(tmp_path / "second.db", ("runs",))) == 11
    now(journal.close())


def test_a_damaged_copy_is_refused_and_the_old_one_stays(damaged: Path, tmp_path: Path) -> None:
    change(damaged, "UPDATE runs SET priority = 5 WHERE id = 3")
    to = tmp_path / "kept.db"
    to.write_bytes(b"the one before")
    with pytest.raises(StorageBroken, match="not good, and was not kept: run 3"):
        copy(damaged, to)
    assert to.read_bytes() == b"the one before"
    assert not (tmp_path / "kept.db.part").exists()
    with pytest.raises(PortError):
        copy(tmp_path / "missing.db", to)
    with pytest.raises(PortError):
        copy(damaged, damaged / "below a file" / "x.db")


def test_a_chain_goes_on_after_all_of_it_was_pruned(tmp_path: Path) -> None:
    journal = inline_journal(tmp_path)
    now(journal.commit(creation(1)))
    now(journal.commit(creation(2)))
    prune(journal, 1, 2)
    now(journal.close())
    journal = inline_journal(tmp_path)
    now(journal.commit(creation(3)))
    now(journal.close())
    assert [row[0] for row in shown(tmp_path / "polysync.db", ("history",))] == [3]
    assert check_file(tmp_path / "polysync.db") == []
    change(tmp_path / "polysync.db", "DELETE FROM anchors")
    assert [finding.place for finding in check_file(tmp_path / "polysync.db")] == ["history 3"]


async def test_logs_are_copied_and_checked_too(tmp_path: Path) -> None:
    book = await LogBook.open(tmp_path / "logs.db")
    try:
        await book.append(1, 1, "out", 0, b"hello\n" * 100, NOON)
        await back_up(tmp_path / "logs.db", tmp_path / "copy.db", LOGS)
        assert check_file(tmp_path / "copy.db", LOGS, lambda _: []) == []
        await book.append(1, 1, "out", 600, b"more", NOON)
        await book.work(lambda connection: connection.execute("UPDATE chunks SET offset = 601 WHERE id = 2"))
        await book.work(lambda connection: connection.execute("UPDATE chunks SET lines = 3 WHERE id = 1"))
        with pytest.raises(StorageBroken, match="chunk 1"):
            await back_up(tmp_path / "logs.db", tmp_path / "copy.db", LOGS)
    finally:
        await book.close()
