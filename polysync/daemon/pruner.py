"""One clean-up: what goes by count and age, then for size and for space; and the space back to the disk.

What may go is read beside the work; what is removed is removed in steps, each a transaction of a few milliseconds,
with a rest behind each.  A run that goes is gone at once; its output follows, and if we are killed in between, the
first clean-up of the next daemon finds and removes it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from polysync.clock import Clock
from polysync.daemon.account import Account
from polysync.daemon.pace import Do, Pace
from polysync.domain.retention import Rule, Why, rule_for, too_large, too_little_room
from polysync.domain.settings import Configuration
from polysync.home import Home
from polysync.store.codec import micros
from polysync.store.errors import world_error
from polysync.store.journal import SqliteJournal
from polysync.store.logs import LogBook
from polysync.store.pruning import remove_audit, remove_definitions, remove_output, remove_runs
from polysync.store.retention import Going, Survey
from polysync.store.upkeep import checkpoint, shrink, surplus_pages

AUDIT_KEPT: Final = timedelta(days=400)  # a year, and the time to ask about it
RUNS: Final = (16, 64)  # of one step, the smallest and the largest: each is the end of a transaction
PIECES: Final = (16, 256)  # likewise of stored output
PAGES: Final = (8, 256)
TIGHT: Final = 32  # pages at once on a disk that is short: each is written to the write-ahead log first
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What holds for one clean-up."""

    configuration: Configuration
    now: datetime
    free: Callable[[], int]  # bytes of the disk
    low: bool  # the disk is short of space
    dry: bool  # only say what would go

    def lacking(self, used: int) -> tuple[int, Why]:
        """How many bytes of output are too many, and why."""
        storage = self.configuration.storage
        excess = too_large(used, storage.max_size)
        if excess:
            return excess, Why.SIZE
        return (too_little_room(self.free(), storage.min_free_space, used) if self.low else 0), Why.SPACE


class Pruner:
    """Cleans up one home."""

    def __init__(
        self, journal: SqliteJournal, logs: LogBook, home: Home, clock: Clock, knows: Callable[[str], bool]
    ) -> None:
        self._journal = journal
        self._logs = logs
        self._home = home
        self._knows = knows  # whether the engine counts on a definition being stored
        self._swept = False
        self._clock = clock
        self._runs = Pace(clock, *RUNS)
        self._pieces = Pace(clock, *PIECES)
        self._pages = Pace(clock, *PAGES)

    async def clean_up(self, order: Order) -> Account:
        """Do what `order` says; the account tells what went."""
        account = Account()
        async with self._looking() as look:
            one = _Round(order, account, look, await look(Survey.newest), await look(Survey.needed), set())
            if not order.dry and not self._swept:
                await self._sweep(one)
            await self._by_rule(one)
            await self._for_room(one)
        if not order.dry:
            await self._tidy(one)
            await self._give_back(low=order.low)
        return account

    @asynccontextmanager
    async def _looking(self) -> AsyncIterator[Callable[[Callable[[Survey], Any]], Awaitable[Any]]]:
        """Readers in a thread of their own: whoever leaves in the middle has them closed behind their work."""
        thread, loop = ThreadPoolExecutor(1, "survey"), asyncio.get_running_loop()
        try:
            survey = await loop.run_in_executor(thread, _told(Survey), self._home.database, self._home.logs)
            try:
                yield lambda ask: loop.run_in_executor(thread, _told(ask), survey)
            finally:
                thread.submit(survey.close)
        finally:
            thread.shutdown(wait=False)

    async def _sweep(self, one: _Round) -> None:
        async for strays in one.pages(Survey.strays):
            if strays:
                one.account.strays += sum((await self._remove_output(strays)).values())
        self._swept = True

    async def _by_rule(self, one: _Round) -> None:
        order = one.order

        def rule(name: str) -> Rule | None:
            return rule_for(name, order.configuration)

        async for page in one.pages(lambda survey: survey.going(rule, order.now, one.needed)):
            await self._let_go(one, page)

    async def _for_room(self, one: _Round) -> None:
        """The oldest with output go until what is left is small enough; what goes already is not counted again."""
        lacking, why = await one.lacking()
        if not lacking:
            return
        async for page in one.pages(lambda survey: survey.oldest_with_output(one.order.now, one.needed, why)):
            left = [run for run in page if run.id not in one.going]
            sizes = await one.sizes(left)
            while left and (lacking := (await one.lacking())[0]):
                part = _as_many_as(left, sizes, lacking)
                await self._let_go(one, part)
                left = left[len(part) :]
            if left:
                return

    async def _let_go(self, one: _Round, page: Sequence[Going]) -> None:
        if one.order.dry:
            one.going |= {run.id for run in page}
            one.account.add(page, await one.sizes(page))
            return
        left = list(page)
        while left:
            part = left[: self._runs.size]
            await self._remove(one, part)
            del left[: len(part)]

    async def _remove(self, one: _Round, part: Sequence[Going]) -> None:
        runs, now = [run.id for run in part], micros(one.order.now)
        removed = await self._runs.step(
            self._journal.work, lambda connection, _: remove_runs(connection, runs=runs, since=one.newest, now=now)
        )
        gone = set(removed.runs)
        self._swept = False  # until their output is gone too
        sizes = await self._remove_output(removed.runs)
        self._swept = True
        one.account.add([run for run in part if run.id in gone], sizes)
        one.account.history += removed.history
        one.definitions |= removed.definitions

    async def _remove_output(self, runs: Sequence[int]) -> dict[int, int]:
        sizes: Counter[int] = Counter()
        more = bool(runs)
        while more:
            asked = self._pieces.size
            found = await self._pieces.step(
                self._logs.work, lambda connection, size: remove_output(connection, runs=runs, most=size)
            )
            for run_id, size in found:
                sizes[run_id] += size
            more = len(found) == asked
        return dict(sizes)

    async def _tidy(self, one: _Round) -> None:
        """What nobody refers to any more: definitions, and the old end of the audit."""
        unused = [(task, digest) for task, digest in sorted(one.definitions) if not self._knows(digest)]
        for pair in unused:
            one.account.definitions += await self._journal.work(partial(remove_definitions, unused=[pair]))
        before, more = micros(one.order.now - AUDIT_KEPT), True
        while more:
            asked = self._runs.size
            gone = await self._runs.step(
                self._journal.work, lambda connection, size: remove_audit(connection, before=before, most=size)
            )
            one.account.audit += gone
            more = gone == asked

    async def _give_back(self, *, low: bool) -> None:
        """Free pages go back to the disk; the files become shorter when their logs are carried over."""
        await self._shrink(self._logs.work, self._logs.apart, low=low)
        await self._shrink(self._journal.writer.run, self._journal.writer.run_apart, low=low)

    async def _shrink(self, work: Do, apart: Do, *, low: bool) -> None:
        left: int = await work(partial(surplus_pages, low=low))
        if not left:
            return

        most = TIGHT if low else PAGES[1]

        def some(connection: sqlite3.Connection, size: int) -> int:
            shrink(connection, pages=min(left, size, most))
            return min(left, size, most)

        while left > 0:
            left -= await self._pages.step(work, some)
        await apart(checkpoint)


@dataclass(slots=True)
class _Round:
    """One clean-up under way."""

    order: Order
    account: Account
    look: Callable[[Callable[[Survey], Any]], Awaitable[Any]]  # has the survey asked something, in its thread
    newest: int
    needed: frozenset[int]
    going: set[int]  # would go, were it not for show
    definitions: set[tuple[str, str]] = field(default_factory=set)

    async def pages(self, ask: Callable[[Survey], Iterator[list[T]]]) -> AsyncIterator[list[T]]:
        """What a survey finds, page by page."""
        found = await self.look(ask)
        while (page := await self.look(lambda _: next(found, None))) is not None:
            yield page

    async def sizes(self, runs: Sequence[Going]) -> dict[int, int]:
        """How many bytes the output of each of these takes."""
        sizes: dict[int, int] = await self.look(lambda survey: survey.stored([run.id for run in runs]))
        return sizes

    async def lacking(self) -> tuple[int, Why]:
        """How many bytes of output are too many at this moment."""
        used = await self.look(Survey.output_bytes)
        return self.order.lacking(used - self.account.total.bytes if self.order.dry else used)


def _told(ask: Callable[..., T]) -> Callable[..., T]:
    """The same; what the world does to a reader is told in the words of the port."""

    def asked(*values: Any) -> T:
        try:
            return ask(*values)
        except sqlite3.Error as error:
            found = world_error(error)
            if found is None:
                raise
            raise found from error

    return asked


def _as_many_as(left: Sequence[Going], sizes: dict[int, int], lacking: int) -> Sequence[Going]:
    """The first of them that together are large enough."""
    for count, run in enumerate(left, start=1):
        lacking -= sizes.get(run.id, 0)
        if lacking <= 0:
            return left[:count]
    return left
