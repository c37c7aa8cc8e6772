"""Folders that go together are removed together, and each tells its own end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from threading import get_ident

import pytest

from polysync.adapters.local.handles import Mark
from polysync.adapters.local.identity import Identity
from polysync.adapters.local.leaving import Leaving
from polysync.adapters.local.threads import Threads
from polysync.ports import PortError


def marked(run: int) -> Mark:
    return Mark(f"{run}/1", f"token{run}", Identity(run, 1, "boot"), "TERM")


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads()
    yield threads
    threads.close()


async def test_what_is_asked_in_one_turn_is_one_job_and_a_failure_is_told_to_its_own(threads: Threads) -> None:
    removed: list[tuple[str, int]] = []

    def remove(mark: Mark) -> None:
        removed.append((mark.folder, get_ident()))
        if mark.run == "2":
            raise PortError("it is held")

    leaving = Leaving(threads, remove)
    told = await asyncio.gather(*(leaving.add(marked(run)) for run in (1, 2, 3)), return_exceptions=True)
    assert [folder for folder, _ in removed] == ["1/1", "2/1", "3/1"]
    assert len({thread for _, thread in removed}) == 1
    assert [str(one) if one else None for one in told] == [None, "it is held", None]
    await leaving.add(marked(4))
    assert removed[-1][0] == "4/1"


async def test_who_stops_waiting_changes_nothing_for_the_others(threads: Threads) -> None:
    removed: list[str] = []
    leaving = Leaving(threads, lambda mark: removed.append(mark.run))
    first, second = leaving.add(marked(1)), leaving.add(marked(2))
    first.cancel()
    await second
    assert removed == ["1", "2"]


async def test_a_bug_is_raised_and_not_swallowed(threads: Threads) -> None:
    def remove(_mark: Mark) -> None:
        raise ZeroDivisionError

    gone = Leaving(threads, remove).add(marked(1))
    with pytest.raises(ZeroDivisionError):
        await gone
