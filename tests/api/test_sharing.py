"""Looks that are shared: what everybody is told is at least as new as their question."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest

from polysync.api.sharing import Sharing
from tests.seeds import seed_of


class Book:
    """Something that changes, and takes a while to read."""

    def __init__(self) -> None:
        self.value = 0
        self.looks = 0
        self.gate = asyncio.Event()
        self.fails = 0

    async def look(self) -> bytes:
        """What it says when the look begins."""
        self.looks += 1
        found = self.value
        await self.gate.wait()
        if self.fails:
            self.fails -= 1
            raise OSError("torn")
        return b"%d" % found


def spawn(group: asyncio.TaskGroup, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A task of the group, which owns it."""
    return group.create_task(work)


async def settled() -> None:
    """Let everybody go as far as they can."""
    loop = asyncio.get_running_loop()
    for _ in range(20):
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn


async def test_who_comes_during_a_look_shares_the_next_one() -> None:
    sharing, book = Sharing(), Book()
    async with asyncio.TaskGroup() as group:
        first = spawn(group, sharing.of("q", book.look))
        await settled()
        book.value = 1  # the first look did not see it
        rest = [spawn(group, sharing.of("q", book.look)) for _ in range(30)]
        other = spawn(group, sharing.of("p", book.look))
        await settled()
        book.gate.set()

    assert (first.result(), {task.result() for task in rest}, other.result()) == (b"0", {b"1"}, b"1")
    assert (book.looks, len(sharing)) == (3, 0)


async def test_a_look_that_is_given_up_is_made_by_the_next_in_line() -> None:
    sharing, book = Sharing(), Book()
    async with asyncio.TaskGroup() as group:
        gone = spawn(group, sharing.of("q", book.look))
        await settled()
        rest = [spawn(group, sharing.of("q", book.look)) for _ in range(3)]
        await settled()
        gone.cancel()
        await settled()
        rest[0].cancel()
        await settled()
        book.gate.set()

    assert gone.cancelled()
    assert rest[0].cancelled()
    assert [task.result() for task in rest[1:]] == [b"0", b"0"]
    assert len(sharing) == 0


async def test_a_look_that_fails_is_told_to_who_made_it_only() -> None:
    sharing, book = Sharing(), Book()
    book.fails = 1
    book.gate.set()
    results = await asyncio.gather(*(sharing.of("q", book.look) for _ in range(3)), return_exceptions=True)

    assert [type(result) for result in results] == [OSError, bytes, bytes]
    assert len(sharing) == 0


async def test_nobody_is_told_less_than_was_there_when_they_asked() -> None:
    dice, sharing, book = random.Random(seed_of("sharing")), Sharing(), Book()

    async def ask() -> None:
        before = book.value
        with suppress(OSError):
            assert int(await sharing.of("q", book.look)) >= before

    async with asyncio.TaskGroup() as group:
        tasks = []
        for _ in range(500):
            step = dice.random()
            if step < 0.4:
                tasks.append(spawn(group, ask()))
            elif step < 0.6:
                book.value += 1
            elif step < 0.7 and tasks:
                dice.choice(tasks).cancel()
            elif step < 0.75:
                book.fails += 1
            elif step < 0.85:
                book.gate.set()
            elif step < 0.9:
                book.gate.clear()
            else:
                await settled()
        book.gate.set()

    assert len(sharing) == 0
    assert book.looks < len(tasks)


@pytest.mark.parametrize("times", [1, 5])
async def test_nothing_is_kept(times: int) -> None:
    sharing, book = Sharing(), Book()
    book.gate.set()
    for number in range(times):
        book.value = number
        assert await sharing.of("q", book.look) == b"%d" % number
    assert book.looks == times
