"""The journal in SQLite: decisions go through one writer, each in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from secrets import token_hex
from typing import Any, Final, TypeVar

from polysync.clock import Clock
from polysync.domain.effects import Record
from polysync.domain.rows import Snapshot
from polysync.home import Home
from polysync.store.codec import micros
from polysync.store.database import JOURNAL, open_database
from polysync.store.errors import StorageBroken
from polysync.store.ledger import Ledger
from polysync.store.lines import sealed, verify
from polysync.store.rows import AuditEntry
from polysync.store.sql import statements
from polysync.store.writer import Hooks, Writer

_SQL: Final = statements("journal")
Result = TypeVar("Result")


class Ownership:
    """The epoch under which this process writes: whoever opens the home next begins another one."""

    def __init__(self) -> None:
        self._row: tuple[Any, ...] | None = None

    def take(self, connection: sqlite3.Connection, at: datetime) -> None:
        """Begin an epoch; a new home gets its word and its birthday."""
        connection.execute("BEGIN IMMEDIATE")
        born = (sealed("home", token_hex(16)), sealed("created", micros(at)), sealed("epoch", 0))
        connection.executemany(_SQL["found"], born)
        mine = sealed("epoch", _known(connection, "epoch") + 1)
        connection.execute(_SQL["take_over"], mine)
        connection.execute("COMMIT")
        self._row = mine

    def check(self, connection: sqlite3.Connection) -> None:
        """Raise unless the epoch is still ours."""
        if connection.execute(_SQL["meta"], ("epoch",)).fetchone() != self._row:
            raise StorageBroken(f"another daemon took over this home (epoch {_known(connection, 'epoch')})")


class SqliteJournal:
    """Remembers decisions in polysync.db."""

    def __init__(self, writer: Writer, ledger: Ledger) -> None:
        self.writer = writer
        self._ledger = ledger

    async def commit(self, records: Iterable[Record], audit: Iterable[AuditEntry] = ()) -> None:
        """Write all the records of one decision in one transaction; returning means that they are durable."""
        await self.writer.run(partial(self._ledger.commit, records=tuple(records), audit=tuple(audit)))

    async def snapshot(self) -> Snapshot:
        """Everything that a new engine needs to go on where the last one stopped, but for `taken`."""
        return await self.writer.run(self._ledger.snapshot)

    async def taken_after(self, at: datetime) -> Mapping[str, frozenset[datetime]]:
        """The slots that already have a run and lie after `at`, or after the anchor of their task."""
        return await self.writer.run(partial(self._ledger.taken_after, at=at))

    async def work(self, unit: Callable[[sqlite3.Connection], Result]) -> Result:
        """Have a unit carried out behind everything that was decided so far: what removes rows must see it."""

        def behind(connection: sqlite3.Connection) -> Result:
            self._ledger.flush(connection)
            return unit(connection)

        return await self.writer.run(behind)

    async def home_word(self) -> str:
        """The word that no other home has."""
        return await self.writer.run(_home_word)

    async def epoch(self) -> int:
        """How often this home was opened."""
        return await self.writer.run(_epoch)

    async def close(self) -> None:
        """Finish what waits, and close the file."""
        await self.writer.close()


def open_journal(
    home: Home,
    clock: Clock,
    *,
    inline: bool = False,
    on_full: Callable[[], bool] | None = None,
    on_death: Callable[[BaseException], None] | None = None,
) -> SqliteJournal:
    """The journal of a home; whatever is wrong with the file is raised by the first use.

    `on_full` is called in the writer's thread when the disk is full, and says whether it made room;
    `on_death` when that thread is over, after which nothing can be stored any more.
    """
    ledger, ownership = Ledger(), Ownership()

    def connect() -> sqlite3.Connection:
        _refuse_loss(home)
        connection = open_database(home.database, JOURNAL, snapshots=home.snapshots)
        try:
            ownership.take(connection, clock.read().wall)
        except BaseException:
            connection.close()
            raise
        return connection

    hooks = Hooks(
        guard=ownership.check,
        finish=ledger.flush,
        on_rollback=ledger.forget,
        on_full=on_full,
        on_death=on_death,
    )
    return SqliteJournal(Writer(connect, name="journal", inline=inline, hooks=hooks), ledger)


def _refuse_loss(home: Home) -> None:
    """A home with output and without decisions has lost them: an empty database would forget what runs and ran."""
    there = home.database.stat().st_size if home.database.exists() else 0
    if not there and home.logs.exists():
        what = "is empty" if home.database.exists() else "is missing"
        raise StorageBroken(
            f"{home.database} {what}, but this home was used before: put it back, or a copy of it from "
            f"{home.snapshots}; to begin anew, move the whole home away"
        )


def _home_word(connection: sqlite3.Connection) -> str:
    return str(_known(connection, "home"))


def _epoch(connection: sqlite3.Connection) -> int:
    return int(_known(connection, "epoch"))


def _known(connection: sqlite3.Connection, key: str) -> Any:
    row = connection.execute(_SQL["meta"], (key,)).fetchone()
    if row is None:
        raise StorageBroken(f"the database does not know its {key}: it is damaged")
    return verify(row, key)[1]
