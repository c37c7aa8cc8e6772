"""The writer: one commit for all who wait, and each of them answered for itself."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest

from polysync.domain.errors import DoubleFiring
from polysync.home import Home
from polysync.ports import PortError
from polysync.store.database import JOURNAL, Schema, open_database
from polysync.store.errors import StorageBroken, StorageBusy, StorageFull, world_error
from polysync.store.journal import SqliteJournal, open_journal
from polysync.store.writer import Hooks, Writer
from polysync.testing import SimClock
from tests.faults import fault
from tests.store.inline import NOON, creation


async def journal_of(folder: Path) -> SqliteJournal:
    journal = open_journal(Home(folder), SimClock(NOON))
    await journal.home_word()
    return journal


async def test_those_who_wait_together_share_commits_and_a_violation_fails_alone(tmp_path: Path) -> None:
    journal = await journal_of(tmp_path)
    before = journal.writer.commits
    slots = [NOON if number in {3, 30} else None for number in range(40)]
    many = [journal.commit(creation(number + 1, slot=slots[number])) for number in range(40)]
    ended = await asyncio.gather(*many, return_exceptions=True)
    failed = [number for number, error in enumerate(ended) if error is not None]
    assert failed == [30]
    assert isinstance(ended[30], DoubleFiring)
    assert journal.writer.commits - before < 10
    assert len((await journal.snapshot()).runs) == 39
    await journal.close()


async def test_a_caller_that_leaves_does_not_stop_its_unit(tmp_path: Path) -> None:
    journal = await journal_of(tmp_path)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await journal.commit(creation(1))
    leaver = journal.writer.submit(
        lambda connection: connection.execute("INSERT INTO meta VALUES ('left', 1, 0)").rowcount
    )
    leaver.cancel()
    left = await journal.writer.run(
        lambda connection: connection.execute("SELECT 1 FROM meta WHERE key = 'left'").fetchone()
    )
    assert left == (1,)
    assert 1 in (await journal.snapshot()).runs
    await journal.close()


async def test_what_is_done_apart_is_done_between_two_transactions(tmp_path: Path) -> None:
    journal = await journal_of(tmp_path)
    seen: list[tuple[int, bool]] = []

    def look(connection: sqlite3.Connection) -> None:
        seen.append((connection.execute("SELECT count(*) FROM runs").fetchone()[0], connection.in_transaction))

    many = []
    for number in range(4):
        many += [journal.commit(creation(2 * number + 1)), journal.writer.run_apart(look)]
        many += [journal.commit(creation(2 * number + 2))]
    await asyncio.gather(*many)
    assert seen == [(1, False), (3, False), (5, False), (7, False)]
    await journal.close()


async def test_trouble_with_what_is_done_apart_is_told_to_who_asked(tmp_path: Path) -> None:
    journal = await journal_of(tmp_path)

    def full(_connection: sqlite3.Connection) -> None:
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(StorageFull):
        await journal.writer.run_apart(full)
    await journal.commit(creation(1))
    with pytest.raises(StorageBroken, match="died"):
        await journal.writer.run_apart(lambda connection: connection.execute("SELECT nonsense"))
    await journal.close()


async def test_a_unit_that_commits_by_itself_breaks_the_writer(tmp_path: Path) -> None:
    journal = await journal_of(tmp_path)
    with pytest.raises(StorageBroken, match="ended the transaction"):
        await journal.writer.run(lambda connection: connection.execute("COMMIT"))
    with pytest.raises(StorageBroken):
        await journal.commit(creation(1))
    await journal.close()


@fault("F52")
async def test_the_death_of_the_writer_is_told_and_nobody_waits_for_it(tmp_path: Path) -> None:
    told: list[BaseException] = []

    def refuse(_connection: sqlite3.Connection) -> None:
        raise ZeroDivisionError

    writer = Writer(
        lambda: open_database(tmp_path / "x.db", JOURNAL, snapshots=tmp_path),
        name="journal",
        hooks=Hooks(guard=refuse, on_death=told.append),
    )
    with pytest.raises(StorageBroken, match="the writer of the database died"):
        await writer.run(lambda connection: connection.total_changes)
    await writer.close()
    assert isinstance(told[0], ZeroDivisionError)
    with pytest.raises(StorageBroken, match="closed"):
        await writer.run(lambda connection: connection.total_changes)


@fault("F19", "F21")
@pytest.mark.parametrize(
    ("code", "kind"),
    [(errno.ENOSPC, StorageFull), (errno.EAGAIN, StorageBusy), (errno.EIO, StorageBroken)],
)
def test_errors_of_the_host_are_named_for_what_they_ask_for(code: int, kind: type[PortError]) -> None:
    assert type(world_error(OSError(code, "said the host"))) is kind
    assert world_error(ValueError("ours")) is None


def schema_of(folder: Path, *texts: str) -> Schema:
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(texts, 1):
        (folder / f"000{number}-step.sql").write_text(text)
    migrations: Traversable = folder
    return Schema(title="test.db", application_id=7, migrations=migrations)


@fault("F25")
def test_an_older_database_migrates_after_a_snapshot_and_a_newer_one_is_refused(tmp_path: Path) -> None:
    path, kept, steps = tmp_path / "test.db", tmp_path / "snapshots", tmp_path / "steps"
    old = schema_of(steps, "CREATE TABLE a (x); INSERT INTO a VALUES (1);")
    open_database(path, old, snapshots=kept).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not kept.exists()
    broken = schema_of(steps, "", "CREATE TABLE b (x); CREATE TABLE a (x);")
    with pytest.raises(StorageBroken, match="table a already exists"):
        open_database(path, broken, snapshots=kept)
    new = schema_of(steps, "", "ALTER TABLE a RENAME TO b;")
    connection = open_database(path, new, snapshots=kept)
    assert connection.execute("SELECT x FROM b").fetchone() == (1,)
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    copy = sqlite3.connect(kept / "test-schema-1.db")
    assert copy.execute("SELECT x FROM a").fetchone() == (1,)
    copy.close()
    with pytest.raises(StorageBroken, match="written by a newer Polysync"):
        open_database(path, new, snapshots=kept)
    with pytest.raises(StorageBroken, match=r"not a polysync\.db"):
        open_database(path, JOURNAL, snapshots=kept)


async def test_a_file_that_cannot_be_opened_on_a_full_disk_is_opened_once_there_is_room(tmp_path: Path) -> None:
    troubles = [OSError(errno.ENOSPC, "full"), OSError(errno.ENOSPC, "full"), OSError(errno.EBUSY, "busy")]
    room = [False, True]

    def connect() -> sqlite3.Connection:
        if troubles:
            raise troubles.pop(0)
        return open_database(tmp_path / "x.db", JOURNAL, snapshots=tmp_path)

    writer = Writer(connect, name="journal", hooks=Hooks(on_full=lambda: room.pop(0) if room else False))
    errors = [type(await _failure(writer)) for _ in range(2)]
    assert errors == [StorageFull, StorageBusy]
    assert await writer.run(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
    await writer.close()


async def _failure(writer: Writer) -> BaseException | None:
    try:
        await writer.run(lambda _: None)
    except PortError as error:
        return error
    return None
