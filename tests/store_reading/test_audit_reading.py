"""The audit as it is read: pages newest first, filters, and a chain that says where it was broken."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from polysync.ports import AuditFilter, AuditRow, PortError
from polysync.store.audit import SqliteAudit, verify_audit
from polysync.store.codec import micros
from polysync.store.pruning import remove_audit
from polysync.store.readonly import ReadOnly
from polysync.store.rows import AuditEntry
from tests.seeds import seed_of
from tests.store.inline import inline_journal, now

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
ALL = AuditFilter()


def entry(number: int) -> AuditEntry:
    return AuditEntry(
        at=NOON + timedelta(minutes=number),
        actor="anna" if number % 3 else "bob",
        role="admin",
        channel="socket",
        verb="run" if number % 2 else "stop",
        subject=f"task t{number % 5}",
        outcome="done" if number % 7 else "denied",
        detail={"run": number},
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    journal = inline_journal(tmp_path)
    for number in range(1, 101):
        now(journal.commit((), (entry(number),)))
    now(journal.close())
    return tmp_path


@pytest.fixture
async def book(home: Path) -> AsyncIterator[SqliteAudit]:
    database = await ReadOnly.open(home / "polysync.db")
    yield SqliteAudit(database)
    await database.close()


async def everything(book: SqliteAudit, wanted: AuditFilter, limit: int) -> list[AuditRow]:
    rows: list[AuditRow] = []
    cursor: int | None = None
    while True:
        page = await book.page(wanted, limit, cursor)
        assert len(page.rows) <= limit
        rows += page.rows
        cursor = page.next
        if cursor is None:
            return rows


@pytest.mark.parametrize("limit", [1, 7, 100, 500])
@pytest.mark.parametrize("span", [3, 50_000])
async def test_pages_hold_every_row_once_and_only_what_is_wanted(book: SqliteAudit, limit: int, span: int) -> None:
    book.span = span
    cases: dict[str, Any] = {
        "actor": "bob",
        "verb": "stop",
        "subject": "task t2",
        "outcome": "denied",
        "since": NOON + timedelta(minutes=60),
        "until": NOON + timedelta(minutes=30),
    }
    rows = await everything(book, ALL, limit)
    assert [row.seq for row in rows] == list(range(100, 0, -1))
    assert rows[0].detail == {"run": 100}
    assert rows[0].at == NOON + timedelta(minutes=100)
    for name, value in cases.items():
        found = await everything(book, AuditFilter(**{name: value}), limit)
        assert found == [row for row in rows if wanted(row, name, value)]
    assert await everything(book, AuditFilter(actor="nobody"), limit) == []


def wanted(row: AuditRow, name: str, value: Any) -> bool:
    """The filters, said another way."""
    if name == "since":
        return bool(row.at >= value)
    if name == "until":
        return bool(row.at < value)
    return bool(getattr(row, name) == value)


async def test_a_look_back_over_a_long_time_ends_where_the_time_does(book: SqliteAudit) -> None:
    book.span = 10
    page = await book.page(AuditFilter(since=NOON + timedelta(days=5)), 10, None)
    assert (page.rows, page.next) == ([], None)


async def test_an_empty_audit_has_one_empty_page(tmp_path: Path) -> None:
    now(inline_journal(tmp_path).home_word())
    database = await ReadOnly.open(tmp_path / "polysync.db")
    book = SqliteAudit(database)
    assert (await everything(book, ALL, 5), (await book.verify()).rows) == ([], 0)
    assert (await book.verify()).tip is None
    await database.close()


async def test_a_whole_chain_names_its_tip(book: SqliteAudit, home: Path) -> None:
    found = await book.verify()
    assert (found.rows, found.pruned, found.first, found.last, found.broken) == (100, 0, 1, 100, None)
    with closing(sqlite3.connect(home / "polysync.db")) as connection:
        (link,) = connection.execute("SELECT link FROM audit WHERE seq = 100").fetchone()
    assert found.tip == link.hex()


def test_what_was_pruned_is_vouched_for_by_its_anchor(home: Path) -> None:
    change(home, lambda connection: remove_audit(connection, before=micros(entry(31).at), most=100))
    found = verify_audit(home / "polysync.db")
    assert (found.rows, found.pruned, found.first, found.broken) == (70, 30, 31, None)
    change(home, lambda connection: connection.execute("UPDATE anchors SET seq = 29"))
    damaged = verify_audit(home / "polysync.db")
    assert damaged.broken == 1
    assert "anchor" in damaged.what
    change(home, lambda connection: connection.execute("DELETE FROM anchors"))
    assert verify_audit(home / "polysync.db").broken == 31


CHANGES = {
    "at": "UPDATE audit SET at = at + 1 WHERE seq = :row",
    "actor": "UPDATE audit SET actor = 'eve' WHERE seq = :row",
    "role": "UPDATE audit SET role = 'viewer' WHERE seq = :row",
    "channel": "UPDATE audit SET channel = 'tcp' WHERE seq = :row",
    "verb": "UPDATE audit SET verb = 'reload' WHERE seq = :row",
    "subject": "UPDATE audit SET subject = subject || '1' WHERE seq = :row",
    "outcome": "UPDATE audit SET outcome = 'invalid' WHERE seq = :row",
    "detail": "UPDATE audit SET detail = '{}' WHERE seq = :row",
    "link": "UPDATE audit SET link = zeroblob(16) WHERE seq = :row",
    "gone": "DELETE FROM audit WHERE seq = :row",
    "moved": "UPDATE audit SET seq = 1000 + :row WHERE seq = :row",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES.keys())
def test_no_change_of_one_row_goes_unseen(home: Path, statement: str) -> None:
    row = Random(seed_of("audit")).randint(1, 99)
    change(home, lambda connection: connection.execute(statement, {"row": row}))
    found = verify_audit(home / "polysync.db")
    assert found.broken in {row, row + 1}
    assert found.tip is None


async def test_a_row_that_is_no_json_is_shown_as_it_is(book: SqliteAudit, home: Path) -> None:
    change(home, lambda connection: connection.execute("UPDATE audit SET detail = '{' WHERE seq = 100"))
    assert (await book.page(ALL, 1, None)).rows[0].detail == {"damaged": "{"}


def test_a_file_that_cannot_be_read_is_trouble_of_the_world(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database, but long enough to look like a file" * 100)
    for path in (tmp_path / "x.db", tmp_path / "none.db"):
        with pytest.raises(PortError, match="cannot be read"):
            verify_audit(path)


def change(home: Path, how: Any) -> None:
    with closing(sqlite3.connect(home / "polysync.db")) as connection:
        how(connection)
        connection.commit()
