"""A log book on a disk that is almost full: what adds is refused, what gives back is not, and nothing is forgotten."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

import pytest

from polysync.daemon.disk import free_space, room_for_output
from polysync.store.check import check_file, full_check_of_logs
from polysync.store.errors import StorageFull
from polysync.store.log_schema import LOGS
from polysync.store.logs import SMALL, LogBook
from polysync.store.pruning import remove_output
from polysync.store.room import PLENTY, Leeway
from polysync.store.upkeep import checkpoint, shrink, surplus_pages
from polysync.store.writer import Hooks
from tests.faults import fault
from tests.seeds import seed_of

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
NOTHING = Leeway(0, 0)
IS_ROOT = os.geteuid() == 0
MB = 1 << 20
PIECE = MB // 2


class Door:
    """A leeway that a test sets, and a book behind it."""

    def __init__(self) -> None:
        self.leeway = PLENTY
        self.refused = 0

    def refuse(self) -> bool:
        self.refused += 1
        return False

    @asynccontextmanager
    async def book(self, path: Path) -> AsyncIterator[LogBook]:
        opened = await LogBook.open(path, hooks=Hooks(on_full=self.refuse), leeway=lambda: self.leeway)
        yield opened
        await opened.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB."""
    words = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(tmp_path)]
    if not IS_ROOT or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)  # noqa: S607 - wherever it is


async def test_who_drops_output_in_the_same_commit_is_not_refused_with_who_adds(tmp_path: Path) -> None:
    door = Door()
    async with door.book(tmp_path / "logs.db") as book:
        await book.append(1, 1, "out", 0, b"old output", NOW)
        door.leeway = NOTHING
        adding, dropped = await asyncio.gather(
            book.append(2, 1, "out", 0, b"new", NOW), book.drop_oldest(1, 1), return_exceptions=True
        )
        assert isinstance(adding, StorageFull)
        assert dropped == {1: 10}
        assert door.refused
        with pytest.raises(StorageFull):
            await book.leave_out(2, 1, "out", 0, 3, NOW)
        assert await book.ends(2) == {}


async def test_many_who_add_at_once_take_no_more_than_there_is(tmp_path: Path) -> None:
    door, dice, gate = Door(), Random(seed_of("crowd")), threading.Event()
    async with door.book(tmp_path / "logs.db") as book:
        door.leeway = Leeway(4 * MB, 4 * MB)

        async def go_on() -> None:
            gate.set()  # all of them wait for one commit now

        adding = [book.append(number, 1, "out", 0, dice.randbytes(SMALL), NOW) for number in range(500)]
        ends = await asyncio.gather(book.work(lambda _: gate.wait(30)), *adding, go_on(), return_exceptions=True)
        stored = sum(end for end in ends if type(end) is int)
        assert 2 * 2 * MB < stored <= 2 * 4 * MB  # in two commits of 256 units


async def test_output_may_take_the_place_of_its_own(tmp_path: Path) -> None:
    door, dice = Door(), Random(seed_of("place"))
    async with door.book(tmp_path / "logs.db") as book:
        for number in range(8):
            await book.append(1, 1, "out", number * PIECE, dice.randbytes(PIECE), NOW)
        door.leeway = Leeway(0, 2 * MB)
        with pytest.raises(StorageFull):
            await book.append(1, 1, "out", 8 * PIECE, dice.randbytes(PIECE), NOW)
        await book.drop_oldest(1, 3 * PIECE)
        assert await book.append(1, 1, "out", 8 * PIECE, dice.randbytes(PIECE), NOW) == 9 * PIECE
        assert not (tmp_path / "logs.db-wal").stat().st_size, "what a commit took for a moment was not given back"


async def test_what_is_owed_is_noted_with_the_next_unit_that_finds_room(tmp_path: Path) -> None:
    door = Door()
    async with door.book(tmp_path / "logs.db") as book:
        await book.append(1, 1, "out", 0, b"kept", NOW)
        door.leeway = NOTHING
        book.owe(1, 1, "out", 4, 100, NOW)
        book.owe(1, 1, "err", 0, 7, NOW)
        await book.work(lambda _: None)
        assert await book.ends(1) == {(1, "out"): 4}
        door.leeway = PLENTY
        await book.work(lambda _: None)
        assert await book.ends(1) == {(1, "out"): 104, (1, "err"): 7}
        assert await book.sizes(1) == {1: (4, 107)}
        book.owe(1, 1, "err", 7, 3, NOW)
    async with door.book(tmp_path / "logs.db") as book:
        assert await book.ends(1) == {(1, "out"): 104, (1, "err"): 10}
    assert check_file(tmp_path / "logs.db", LOGS, full_check_of_logs) == []


@fault("F17")
async def test_a_disk_that_output_filled_is_emptied_without_touching_what_decisions_need(small_disk: Path) -> None:
    path, dice, lowest = small_disk / "logs.db", Random(seed_of("small disk")), [1 << 40]
    kept = 3 * MB  # a sixteenth of it

    def note(_connection: object = None) -> None:
        lowest[0] = min(lowest[0], free_space(small_disk))

    book = await LogBook.open(path, leeway=partial(room_for_output, small_disk))
    runs: list[int] = []

    async def fill() -> None:
        while True:
            runs.append(len(runs) + 1)
            await book.append(runs[-1], 1, "out", 0, dice.randbytes(PIECE), NOW)
            note()

    with pytest.raises(StorageFull):
        await fill()
    assert len(runs) > 30
    while await book.work(partial(remove_output, runs=runs, most=16)):
        note()
    while left := await book.work(partial(surplus_pages, low=True)):
        await book.work(partial(shrink, pages=min(left, 8)))
        note()
    await book.apart(checkpoint)
    assert lowest[0] >= kept // 2
    assert free_space(small_disk) > 40 * MB
    assert await book.append(1, 2, "out", 0, b"again", NOW) == 5
    await book.close()
