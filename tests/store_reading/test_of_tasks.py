"""What is read of single tasks: newest runs, ends, slots; and runs that left the lists."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from polysync.domain.effects import RunArchived, RunMoved
from polysync.domain.rows import Run
from polysync.domain.run import Reason, State
from polysync.ports import RunFilter
from polysync.store.overview import Overview
from polysync.store.reading import SqliteReader
from polysync.store.rows import RUN
from polysync.store.sql import statements
from tests.store.inline import MINUTE, NOON, close_all, creation, inline_journal, now
from tests.store_reading.many_runs import BEGAN, EVERY, make_many
from tests.store_reading.test_reading import Nothing, plans, walks_an_index

RUNS = 2_000
TASK = "task-00003"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tasks") / "polysync.db"
    make_many(path, RUNS, tasks=10)
    return path


@pytest.fixture(scope="module")
def everything(database: Path) -> Sequence[Run]:
    with closing(sqlite3.connect(database)) as connection:
        return [RUN.load(row) for row in connection.execute(statements("check")["runs"])][::-1]


@pytest.fixture
async def overview(database: Path) -> AsyncIterator[Overview]:
    opened = await Overview.open(database)
    yield opened
    await opened.close()


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    close_all()


async def test_the_newest_run_of_some_tasks(overview: Overview, everything: Sequence[Run]) -> None:
    found = await overview.last_of([TASK, "task-00001", "unheard-of"])
    newest = {name: next(run.id for run in everything if run.task == name) for name in (TASK, "task-00001")}
    assert {name: glance.id for name, glance in found.items()} == newest
    assert await overview.last_of([]) == {}


async def test_the_ends_since_a_time_are_those_of_the_runs(overview: Overview, everything: Sequence[Run]) -> None:
    since = BEGAN + EVERY * (RUNS // 2)
    wanted = [run for run in everything if run.task == TASK and run.created_at >= since]
    found = await overview.endings(TASK, since, 10_000)
    assert [(one.state, one.started_at, one.ended_at) for one in found] == [
        (run.state, run.started_at, run.ended_at) for run in wanted
    ]
    assert len(await overview.endings(TASK, BEGAN, 7)) == 7
    assert await overview.endings(TASK, BEGAN + EVERY * (RUNS * 10), 7) == []


async def test_rows_of_slots_come_newest_slot_first(overview: Overview, everything: Sequence[Run]) -> None:
    until = BEGAN + EVERY * (RUNS // 3)
    wanted = [run for run in everything if run.task == TASK and run.scheduled_for and run.scheduled_for <= until]
    assert [run.id for run in await overview.slot_rows(TASK, until, 5)] == [run.id for run in wanted[:5]]


def test_every_statement_about_tasks_walks_an_index(database: Path) -> None:
    values = {"tasks": '["a"]', "task": "a", "since": 1, "until": 2, "slack": 3, "limit": 4}
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ANALYZE")
        found = [plan for text in statements("tasks").values() for plan in plans(connection, text, values)]
    assert len(found) > 4
    assert [plan for plan in found if not walks_an_index(plan)] == []


def ended(folder: Path, *numbers: int) -> None:
    """Runs that are over."""
    journal = inline_journal(folder)
    for number in numbers:
        born = creation(number, slot=NOON + number * MINUTE)
        over = RunMoved(number, NOON, State.QUEUED, State.CANCELLED, Reason.STOPPED, "me", {"ended_at": NOON})
        now(journal.commit([*born, over]))
    now(journal.close())


async def ids(folder: Path, wanted: RunFilter) -> list[int]:
    reader = await SqliteReader.open(folder / "polysync.db", Nothing())
    try:
        return [run.id for run in await reader.runs(wanted, 10, None)]
    finally:
        await reader.close()


async def test_an_archived_run_leaves_the_lists_and_comes_back(tmp_path: Path) -> None:
    ended(tmp_path, 1, 2, 3)
    journal = inline_journal(tmp_path)
    now(journal.commit([RunArchived(2, NOON)]))
    for wanted in (RunFilter(), RunFilter(task="work"), RunFilter(state=State.CANCELLED)):
        assert await ids(tmp_path, wanted) == [3, 1]
    assert await ids(tmp_path, RunFilter(archived=True)) == [3, 2, 1]
    now(journal.commit([RunArchived(2, None)]))
    assert await ids(tmp_path, RunFilter()) == [3, 2, 1]


async def test_a_run_that_was_removed_meanwhile_is_left_in_peace(tmp_path: Path) -> None:
    ended(tmp_path, 1)
    journal = inline_journal(tmp_path)
    now(journal.commit([RunArchived(9, NOON)]))
    assert await ids(tmp_path, RunFilter(archived=True)) == [1]


async def test_a_run_may_leave_the_lists_in_the_commit_that_ends_it(tmp_path: Path) -> None:
    journal = inline_journal(tmp_path)
    over = RunMoved(1, NOON, State.QUEUED, State.CANCELLED, Reason.STOPPED, "me", {"ended_at": NOON})
    now(journal.commit([*creation(1), over, RunArchived(1, NOON + timedelta(seconds=1))]))
    assert await ids(tmp_path, RunFilter()) == []
    assert await ids(tmp_path, RunFilter(archived=True)) == [1]
