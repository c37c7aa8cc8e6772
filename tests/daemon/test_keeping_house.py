"""When a clean-up is due, who may ask for one, and what is told of the storage."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from polysync.daemon.account import Account, Share
from polysync.daemon.disk import Disk
from polysync.daemon.housekeeping import AGAIN, FIRST, Housekeeping
from polysync.daemon.pruner import Order
from polysync.daemon.spawn import Tasks
from polysync.daemon.wal import SMALL, Wal
from polysync.domain.settings import Configuration, Storage
from polysync.domain.values import Role
from polysync.ports import Asker, PortError
from polysync.store.database import JOURNAL
from polysync.store.errors import StorageBroken, StorageBusy
from polysync.store.upkeep import Carried, checkpoint
from polysync.testing import SimClock
from tests.store.inline import NOON

HOUR = timedelta(hours=1)
ANNA = Asker("anna", Role.ADMIN)
HELD = Carried(5, 3, held=True)
FREE = Carried(5, 5, held=False)


class Broom:
    """A pruner that only notes what it is told to do."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.fails: BaseException | None = None
        self.waits: asyncio.Event | None = None
        self.begun = asyncio.Event()

    async def clean_up(self, order: Order) -> Account:
        self.orders.append(order)
        self.begun.set()
        if self.waits is not None:
            await self.waits.wait()
        if self.fails is not None:
            raise self.fails
        return Account({"work": Share(2, 100)}, strays=5)


class House:
    """Housekeeping of a folder, in time that the test moves."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.broom = SimClock(NOON), Broom()
        self.configuration = Configuration(storage=Storage(cleanup_every=HOUR, max_size=1 << 20))
        self.free = 1 << 40
        self.disk = Disk(folder, 1 << 30, _Reserve(), measure=lambda _: self.free)
        self.kept: list[Any] = []
        self.said: list[tuple[str, Mapping[str, Any]]] = []
        self.failed: list[BaseException] = []
        self.tasks = Tasks(self.failed.append)
        self.logs = folder / "logs.db"
        wals = {
            name: Wal(folder / f"{file}.db", JOURNAL, self.apart, self.clock)
            for name, file in (("database", "polysync"), ("logs", "logs"))
        }
        self.carried = FREE
        self.keeper = Housekeeping(
            self.broom,  # type: ignore[arg-type]  # all that is asked of a pruner
            disk=self.disk,
            wals=wals,
            clock=self.clock,
            configuration=lambda: self.configuration,
            minutes=self.keep,
            tasks=self.tasks,
            log=self,
        )

    async def apart(self, _unit: Any) -> Carried:
        return self.carried

    async def keep(self, entry: Any) -> None:
        self.kept.append(entry)

    def info(self, event: str, **values: Any) -> None:
        self.said.append((event, values))

    warning = info

    async def after(self, by: timedelta) -> int:
        """Look once that much time has passed: how many clean-ups there were so far."""
        self.clock.advance(by)
        await self.keeper.look()
        return len(self.broom.orders)


class _Reserve:
    held = True

    def ensure(self) -> bool:
        return True

    def release(self) -> bool:
        return True


@pytest.fixture
async def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_it_begins_some_time_after_the_start_and_goes_on_as_configured(house: House) -> None:
    assert await house.after(timedelta(0)) == 0
    assert await house.after(FIRST) == 1
    assert await house.after(HOUR - timedelta(seconds=1)) == 1
    assert await house.after(timedelta(seconds=1)) == 2
    assert house.keeper.facts()["pruned"] == {"runs": 4, "bytes": 210, "why": {}, "passes": 2, "failures": 0}
    assert house.keeper.facts()["last_prune_at"] == "2026-06-10T13:02:00Z"


async def test_other_settings_are_applied_at_once_to_what_is_there(house: House) -> None:
    storage = replace(house.configuration.storage, min_free_space=7)
    house.configuration = replace(house.configuration, storage=storage)
    assert await house.after(timedelta(seconds=1)) == 1
    assert house.disk.minimum == 7
    assert await house.after(timedelta(seconds=1)) == 1


async def test_a_disk_that_is_low_is_helped_but_not_without_end(house: House) -> None:
    house.free = 5
    house.disk.look(house.clock.read().monotonic, active=True)
    assert await house.after(timedelta(seconds=1)) == 1
    assert house.broom.orders[0].low
    assert await house.after(timedelta(seconds=1)) == 1
    assert await house.after(AGAIN) == 2


async def test_output_that_outgrew_its_size_is_not_waited_for(house: House) -> None:
    house.logs.write_bytes(bytes(1 << 20))
    assert await house.after(timedelta(seconds=1)) == 0
    house.logs.write_bytes(bytes((1 << 20) + 1))
    assert await house.after(timedelta(seconds=1)) == 1
    assert await house.after(timedelta(seconds=1)) == 1


async def test_trouble_with_the_disk_is_told_and_tried_again(house: House) -> None:
    house.broom.fails = StorageBusy("somebody has it")
    assert await house.after(FIRST) == 1
    assert house.said == [("could not clean up", {"trouble": "somebody has it"})]
    assert house.keeper.facts()["pruned"]["failures"] == 1
    house.broom.fails = None
    assert await house.after(AGAIN) == 2
    house.broom.fails = StorageBroken("gone")
    with pytest.raises(StorageBroken):
        await house.after(HOUR)


async def test_who_asks_gets_the_account_and_stands_in_the_audit(house: House) -> None:
    assert (await house.keeper.prune(ANNA, dry_run=True))["dry_run"] is True
    assert house.kept == []
    assert house.said == []
    told = await house.keeper.prune(ANNA, dry_run=False)
    assert (told["runs"], told["bytes"], told["strays"]) == (2, 100, 5)
    (entry,) = house.kept
    assert (entry.actor, entry.verb, entry.outcome, entry.detail) == (
        "anna",
        "prune",
        "done",
        {"runs": 2, "bytes": 100},
    )
    assert house.said[0][1]["because"] == "asked for by anna"
    house.broom.fails = StorageBusy("somebody has it")
    with pytest.raises(PortError, match="somebody"):
        await house.keeper.prune(ANNA, dry_run=False)
    assert house.failed == []


async def test_whoever_leaves_does_not_stop_it_and_two_do_not_run_at_once(house: House) -> None:
    house.broom.waits = asyncio.Event()
    leaver = house.tasks.spawn(house.keeper.prune(ANNA, dry_run=False), "leaver")
    other = house.tasks.spawn(house.keeper.prune(ANNA, dry_run=True), "other")
    await house.broom.begun.wait()
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    assert len(house.broom.orders) == 1
    house.broom.waits.set()
    await other
    assert [order.dry for order in house.broom.orders] == [False, True]
    assert len(house.kept) == 1


async def test_a_defect_is_not_taken_for_trouble_with_the_disk(house: House) -> None:
    house.broom.fails = StorageBroken("gone")
    with pytest.raises(StorageBroken):
        await house.keeper.prune(ANNA, dry_run=False)
    assert house.failed == [house.broom.fails]


async def test_it_looks_until_it_is_cancelled(house: House) -> None:
    house.clock.advance(FIRST)
    looking = house.tasks.spawn(house.keeper.run(), "looking")
    await house.broom.begun.wait()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking


async def test_a_log_is_cut_when_it_is_large_or_nobody_writes(tmp_path: Path) -> None:
    clock, cuts = SimClock(NOON), []

    async def apart(unit: Any) -> Carried:
        cuts.append(unit)
        return carried

    carried, file = FREE, tmp_path / "polysync.db-wal"
    wal = Wal(tmp_path / "polysync.db", JOURNAL, apart, clock)
    await wal.look()
    file.write_bytes(bytes(SMALL))
    await wal.look()
    await wal.look()
    assert cuts == []
    file.write_bytes(bytes(SMALL + 1))
    await wal.look()
    assert cuts == []  # somebody writes
    await wal.look()
    assert cuts == [checkpoint]
    file.write_bytes(bytes(20 << 20))
    carried = HELD
    await wal.look()
    ages = [wal.held_since]
    for carried in (HELD, FREE):  # noqa: B007 - what the next look comes to
        clock.advance(HOUR)
        await wal.look()
        ages.append(wal.held_since)
    assert ages == [SimClock(NOON).read().monotonic] * 2 + [None]
    assert len(cuts) == 4


async def test_a_reader_that_stays_shows_with_its_age(house: House, tmp_path: Path) -> None:
    (tmp_path / "logs.db-wal").write_bytes(bytes(20 << 20))
    house.carried = HELD
    await house.after(timedelta(seconds=1))
    await house.after(timedelta(seconds=90))
    facts = house.keeper.facts()
    assert facts["oldest_reader_s"] == 90.0
    assert facts["logs_wal_bytes"] == 20 << 20
    assert (facts["wal_bytes"], facts["reserve"], facts["last_prune_at"]) == (0, True, None)


def test_a_page_size_of_sqlite_is_what_the_schema_says(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        assert connection.execute("PRAGMA page_size").fetchone() == (JOURNAL.page_size,)
