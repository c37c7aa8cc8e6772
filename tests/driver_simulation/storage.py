"""A real database file whose disk fills up, is busy, breaks, or takes its time; and where the daemon may die."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from polysync.clock import Clock
from polysync.domain.effects import Record
from polysync.domain.rows import Snapshot
from polysync.home import Home
from polysync.store.database import JOURNAL, open_database
from polysync.store.errors import StorageBusy, StorageFull
from polysync.store.journal import Ownership, SqliteJournal
from polysync.store.ledger import Ledger
from polysync.store.rows import AuditEntry
from polysync.store.writer import Hooks, Writer
from tests.daemon.virtual import passing
from tests.driver_simulation.loop import Breath


class Fate(Enum):
    """What becomes of the next transaction."""

    BUSY = "busy"
    FULL_AT_WRITE = "full at a write"
    FULL_AND_ROLLED_BACK = "full, and rolled back by itself"
    FULL_AT_COMMIT = "full at the commit"
    BROKEN = "broken before the commit"
    BROKEN_AFTER = "broken after the commit"


CODES = {
    Fate.BUSY: sqlite3.SQLITE_BUSY,
    Fate.FULL_AT_WRITE: sqlite3.SQLITE_FULL,
    Fate.FULL_AND_ROLLED_BACK: sqlite3.SQLITE_FULL,
    Fate.FULL_AT_COMMIT: sqlite3.SQLITE_FULL,
    Fate.BROKEN: sqlite3.SQLITE_IOERR,
    Fate.BROKEN_AFTER: sqlite3.SQLITE_IOERR,
}
WRITES = frozenset({Fate.FULL_AT_WRITE, Fate.FULL_AND_ROLLED_BACK})
COMMITS = frozenset({Fate.FULL_AT_COMMIT, Fate.BROKEN})


@dataclass
class Storage:
    """The disk as it is just now."""

    saw: Callable[[str], None]  # that something happened
    fates: list[Fate] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)  # of the next commits: "late", "unanswered" or "not stored"
    full: bool = False
    reserve: bool = True  # space that is held back
    fuse: int | None = None  # statements until death

    @property
    def stuffed(self) -> bool:
        """Whether nothing can be written, because even the reserve is not there to be given up."""
        return self.full and self.reserve

    @property
    def held(self) -> bool:
        """Whether the reserve is there."""
        return self.reserve

    def ensure(self) -> bool:
        """Take the reserve where there is space."""
        self.reserve = self.reserve or not self.full
        return self.reserve

    def release(self) -> bool:
        """Give up the reserve."""
        self.reserve, before = False, self.reserve
        return before

    def heal(self) -> None:
        """Everything is well again."""
        self.fates.clear()
        self.replies.clear()
        self.full, self.fuse = False, None


class Connection:
    """A connection between the writer and SQLite that has troubles."""

    def __init__(self, real: sqlite3.Connection, storage: Storage, breath: Breath) -> None:
        self._real = real
        self._storage = storage
        self._breath = breath

    @property
    def in_transaction(self) -> bool:
        return self._real.in_transaction

    def close(self) -> None:
        """Who is dead closes nothing: the world does."""

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """Carry out a statement, or fail at it."""
        self._burn()
        if statement.startswith("BEGIN"):
            self._fail({Fate.BUSY})
        elif statement == "COMMIT":
            self._fail(COMMITS)
        done = self._real.execute(statement, *values)
        if statement == "COMMIT":
            self._fail({Fate.BROKEN_AFTER})
            self._burn()
        return done

    def executemany(self, statement: str, values: Iterable[Any]) -> sqlite3.Cursor:
        """Carry out a statement for many values, or fail at it."""
        self._burn()
        self._fail(WRITES)
        if self._storage.stuffed:
            self._raise(Fate.FULL_AT_WRITE)
        return self._real.executemany(statement, values)

    def _fail(self, here: Iterable[Fate]) -> None:
        fates = self._storage.fates
        if fates and fates[0] in here:
            self._raise(fates.pop(0))

    def _raise(self, fate: Fate) -> None:
        self._storage.saw(fate.value)
        if fate is Fate.FULL_AND_ROLLED_BACK:
            self._real.execute("ROLLBACK")
        error = sqlite3.OperationalError(fate.value)
        error.sqlite_errorcode, error.sqlite_errorname = CODES[fate], fate.name
        raise error

    def _burn(self) -> None:
        self._breath.check()
        storage = self._storage
        if storage.fuse is not None:
            storage.fuse -= 1
            if storage.fuse < 0:
                storage.fuse = None
                storage.saw("death at a statement")
                self._breath.die()


class Journal:
    """The real journal, whose answers may come late or never; `stored` hears of every commit."""

    def __init__(self, real: SqliteJournal, storage: Storage, stored: Callable[[list[Record]], None]) -> None:
        self._real = real
        self._storage = storage
        self._stored = stored

    async def commit(self, records: Iterable[Record], audit: Iterable[AuditEntry] = ()) -> None:
        """Commit, and answer or not."""
        reply = self._storage.replies.pop(0) if self._storage.replies else ""
        if reply:
            self._storage.saw(f"a commit {reply}")
            await passing(0.5)
        records = list(records)
        if reply != "not stored":
            await self._real.commit(records, audit)
            self._stored(records)
        if reply:
            await passing(0.5)
        if reply == "unanswered":
            raise StorageBusy("the answer was lost")
        if reply == "not stored":
            raise StorageFull("for a moment")

    async def snapshot(self) -> Snapshot:
        """What is stored."""
        return await self._real.snapshot()

    async def taken_after(self, at: datetime) -> Mapping[str, frozenset[datetime]]:
        """The slots that are taken."""
        return await self._real.taken_after(at)


def open_real(
    home: Home, clock: Clock, storage: Storage, breath: Breath, on_full: Callable[[], bool], keep: list[Any]
) -> SqliteJournal:
    """The journal as the product opens it, with troubles between it and SQLite; `keep` gets the real connection."""
    ledger, ownership = Ledger(), Ownership()

    def connect() -> sqlite3.Connection:
        real = open_database(home.database, JOURNAL, snapshots=home.snapshots)
        real.execute("PRAGMA synchronous = OFF")  # the power does not fail here: only the process does
        keep.append(real)
        ownership.take(real, clock.read().wall)
        troubled: Any = Connection(real, storage, breath)
        return troubled  # type: ignore[no-any-return]  # as much of a connection as the store uses

    hooks = Hooks(guard=ownership.check, finish=ledger.flush, on_rollback=ledger.forget, on_full=on_full)
    return SqliteJournal(Writer(connect, name="journal", inline=True, hooks=hooks), ledger)
