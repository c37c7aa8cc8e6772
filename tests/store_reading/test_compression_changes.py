"""Compression follows the configuration without another start, and what is stored stays readable."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from polysync.store.logs import LogBook

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
QUERY = "SELECT run_id, codec > 0, length(data) < length FROM chunks ORDER BY id"
WORDS = b"the same again and again\n" * 200


async def test_what_comes_next_is_stored_in_the_other_way(tmp_path: Path) -> None:
    book = await LogBook.open(tmp_path / "logs.db", compress=True)
    for run, compress in ((1, True), (2, False), (3, True)):
        book.configure(compress=compress)
        await book.append(run, 1, "out", 0, WORDS, NOON)
    assert [await book.read(run, 1, "out", 0, len(WORDS)) for run in (1, 2, 3)] == [WORDS] * 3
    await book.close()
    with closing(sqlite3.connect(tmp_path / "logs.db")) as connection:
        stored = connection.execute(QUERY).fetchall()
    assert stored == [(1, 1, 1), (2, 0, 0), (3, 1, 1)]
