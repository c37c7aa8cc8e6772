"""A clean-up on real databases: what went, what would, what is left, and the space that comes back."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from polysync.daemon.pruner import AUDIT_KEPT, Order, Pruner
from polysync.domain.run import State
from polysync.domain.settings import Configuration, Storage
from polysync.domain.task import Task
from polysync.home import Home
from polysync.ports import PortError
from polysync.store.errors import StorageFull
from polysync.store.journal import SqliteJournal, open_journal
from polysync.store.logs import LogBook
from polysync.store.rows import AuditEntry
from polysync.store.upkeep import size_of
from polysync.testing import SimClock
from tests.store.inline import NOON
from tests.store.pruned import count, everything_is_sound, lived, put_out

DAY = timedelta(days=1)
MB = 1 << 20


class Stand:
    """A home with some runs, and its pruner."""

    def __init__(self, home: Home, journal: SqliteJournal, logs: LogBook) -> None:
        self.home, self.journal, self.logs = home, journal, logs
        self.clock = SimClock(NOON)
        self.known: set[str] = set()  # definitions that the engine counts on
        self.pruner = Pruner(journal, logs, home, self.clock, self.known.__contains__)

    async def live(self, *numbers: int, **keys: Any) -> None:
        """Have runs live and end."""
        for number in numbers:
            await self.journal.commit(lived(number, **keys))

    async def clean_up(self, configuration: Configuration, *, dry: bool = False, free: int | None = None) -> Any:
        """Clean up: the account as data."""
        order = Order(configuration=configuration, now=NOON, free=lambda: free or 0, low=free is not None, dry=dry)
        return (await self.pruner.clean_up(order)).to_data()

    def left(self) -> list[int]:
        """The runs that are left."""
        with closing(sqlite3.connect(self.home.database)) as connection:
            return [row[0] for row in connection.execute("SELECT id FROM runs ORDER BY id")]


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    home = Home(tmp_path)
    journal = open_journal(home, SimClock(NOON))
    await journal.home_word()
    logs = await LogBook.open(home.logs)
    yield Stand(home, journal, logs)
    await logs.close()
    await journal.close()


def keeping(count: int | None, **storage: Any) -> Configuration:
    return Configuration(tasks={"work": Task(name="work", run="true", keep_runs=count)}, storage=Storage(**storage))


async def test_a_rehearsal_tells_what_then_goes(stand: Stand) -> None:
    await stand.live(*range(1, 101))
    put_out(stand.home, range(1, 101), pieces=2)
    told = await stand.clean_up(keeping(3), dry=True)
    assert len(stand.left()) == 100
    assert told["runs"] == 97
    assert told["tasks"]["work"]["why"] == {"count": 97}
    assert told["bytes"] > 97 * 2 * 3000
    done = await stand.clean_up(keeping(3))
    assert {**done, "history": 0} == told
    assert done["history"] == 97 * 3
    assert stand.left() == [98, 99, 100]
    assert count(stand.home, "count(DISTINCT run_id) FROM chunks", stand.home.logs) == 3
    assert (await stand.clean_up(keeping(3)))["runs"] == 0
    assert everything_is_sound(stand.home)


async def test_the_oldest_output_goes_until_all_of_it_is_small_enough(stand: Stand) -> None:
    await stand.live(1, end=State.DEAD)
    await stand.live(*range(2, 41))
    put_out(stand.home, range(1, 41), pieces=16)  # 51 KB each
    told = await stand.clean_up(keeping(38, max_size=MB), dry=True)
    assert told["why"]["count"] == 1
    gone = await stand.clean_up(keeping(38, max_size=MB))
    assert gone["why"]["count"] == 1
    assert abs(gone["why"]["size"] - told["why"]["size"]) <= 3  # whole pages become free, not bytes
    left = stand.left()
    assert left[0] == 1  # dead: it stays
    assert left[1:] == list(range(41 - len(left[1:]), 41))
    assert size_of(stand.home.logs) <= MB + 65536 * 2
    assert everything_is_sound(stand.home)


async def test_for_want_of_space_something_goes_only_where_that_helps(stand: Stand) -> None:
    await stand.live(*range(1, 21))
    put_out(stand.home, range(1, 21), pieces=32)  # 102 KB each
    wanted = keeping(None, min_free_space=10 * MB)
    assert (await stand.clean_up(wanted, free=2 * MB))["runs"] == 0  # all of it would not be enough
    gone = await stand.clean_up(wanted, free=10 * MB - MB // 2)
    assert gone["why"].keys() == {"space"}
    assert stand.left()[-1] == 20
    assert stand.left()[0] == gone["runs"] + 1
    assert everything_is_sound(stand.home)


async def test_output_whose_run_is_gone_goes_with_the_first_clean_up(stand: Stand) -> None:
    await stand.live(1)
    put_out(stand.home, (1, 5, 9))
    assert (await stand.clean_up(keeping(None), dry=True))["strays"] == 0
    assert (await stand.clean_up(keeping(None)))["strays"] > 0
    assert count(stand.home, "group_concat(DISTINCT run_id) FROM chunks", stand.home.logs) == "1"


async def test_output_that_could_not_go_goes_with_the_next_clean_up(stand: Stand) -> None:
    await stand.live(1, 2)
    put_out(stand.home, (1, 2))
    working, refused = stand.logs.work, list[Any]()

    async def refusing(unit: Any) -> Any:
        if stand.left() == [2] and not refused:  # between the run and its output
            refused.append(unit)
            raise StorageFull("full")
        return await working(unit)

    order = Order(configuration=keeping(1), now=NOON, free=lambda: 0, low=False, dry=False)
    broken = Pruner(stand.journal, _With(stand.logs, refusing), stand.home, stand.clock, stand.known.__contains__)  # type: ignore[arg-type]  # a log book that fails once
    with pytest.raises(PortError):
        await broken.clean_up(order)
    assert stand.left() == [2]
    assert count(stand.home, "count(*) FROM chunks", stand.home.logs) == 2
    assert (await broken.clean_up(order)).strays > 0
    assert count(stand.home, "count(*) FROM chunks", stand.home.logs) == 1


class _With:
    """A log book with one method of another."""

    def __init__(self, logs: LogBook, work: Any) -> None:
        self.work, self.apart = work, logs.apart


async def test_what_keeps_it_from_reading_is_told_as_trouble_with_the_disk(stand: Stand, tmp_path: Path) -> None:
    order = Order(configuration=keeping(1), now=NOON, free=lambda: 0, low=False, dry=True)
    nowhere = Pruner(stand.journal, stand.logs, Home(tmp_path / "nowhere"), stand.clock, stand.known.__contains__)
    with pytest.raises(PortError, match="unable to open"):
        await nowhere.clean_up(order)


async def test_definitions_go_unless_the_engine_counts_on_them(stand: Stand) -> None:
    await stand.live(1, task="old")
    await stand.live(2, task="gone")
    kept = count(stand.home, "count(*) FROM definitions")
    soon = Configuration(tasks={"old": Task(name="old", keep_for=timedelta(seconds=1))})
    stand.known.add("digest")
    stand.clock.advance(DAY)
    order = Order(configuration=soon, now=NOON + DAY, free=lambda: 0, low=False, dry=False)
    assert (await stand.pruner.clean_up(order)).definitions == 0
    assert stand.left() == [2]
    stand.known.clear()
    await stand.live(3, task="old")
    account = await stand.pruner.clean_up(order)
    assert (account.total.runs, account.definitions) == (1, 1)
    assert count(stand.home, "count(*) FROM definitions") == kept - 1


async def test_the_audit_is_kept_for_more_than_a_year(stand: Stand) -> None:
    for at in (NOON - AUDIT_KEPT - DAY, NOON - AUDIT_KEPT + DAY, NOON):
        entry = AuditEntry(at=at, actor="a", role="admin", channel="socket", verb="run", subject="s", outcome="done")
        await stand.journal.commit((), [entry])
    assert (await stand.clean_up(keeping(None)))["audit"] == 1
    assert count(stand.home, "count(*) FROM audit") == 2
    assert everything_is_sound(stand.home)
