"""Pages that look at a bounded number of rows: whoever follows their cursors sees every run that fits, once."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from polysync.domain.rows import Run
from polysync.domain.run import State
from polysync.domain.values import Trigger
from polysync.ports import RunFilter
from polysync.store.pages import PLAIN, Wanted, page_statement, walks, wanted_by
from polysync.store.reading import SqliteReader
from polysync.store.rows import RUN
from polysync.store.sql import statements
from tests.store_reading.many_runs import BEGAN, EVERY, make_many
from tests.store_reading.test_reading import Nothing, fits

RUNS = 600
SPAN = 40
LATE = BEGAN + EVERY * (RUNS - 30)
EARLY = BEGAN + EVERY * 45
FILTERS = (
    RunFilter(),
    RunFilter(task="task-00003"),
    RunFilter(task="task-*"),
    RunFilter(task="task-0000[37]", state=State.FAILED),
    RunFilter(task="nothing-?"),
    RunFilter(task="task-00003", tag="team=team-3"),
    RunFilter(tag="team=team-3", state=State.FAILED),
    RunFilter(trigger=Trigger.MANUAL, tag="team=team-3"),
    RunFilter(state=State.QUEUED, task="*3"),
    RunFilter(task="*3", since=LATE),
    RunFilter(task="*3", until=EARLY),
    RunFilter(task="*3", since=EARLY, until=LATE),
    RunFilter(task="*3", since=LATE + timedelta(days=400)),
    RunFilter(correlation_id="f" * 32, task="*"),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("home") / "polysync.db"
    make_many(path, RUNS, tasks=20)
    return path


@pytest.fixture
async def reader(database: Path) -> AsyncIterator[SqliteReader]:
    opened = await SqliteReader.open(database, Nothing())
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def everything(database: Path) -> Sequence[Run]:
    with closing(sqlite3.connect(database)) as connection:
        return [RUN.load(row) for row in connection.execute(statements("check")["runs"])][::-1]


def matches(run: Run, wanted: RunFilter) -> bool:
    plain = RunFilter(**{name: getattr(wanted, name) for name in RunFilter.__slots__ if name != "task"})
    return fits(run, plain) and fnmatchcase(run.task, wanted.task or "*")


@pytest.mark.parametrize("wanted", FILTERS, ids=repr)
@pytest.mark.parametrize("limit", [3, 100])
async def test_the_cursors_lead_past_every_run_that_fits(
    reader: SqliteReader, everything: Sequence[Run], wanted: RunFilter, limit: int
) -> None:
    found: list[Run] = []
    pages, before = 0, None
    while pages == 0 or before is not None:
        page = await reader.page(wanted, limit, before, SPAN)
        assert len(page.runs) <= limit
        assert page.next is None or before is None or page.next < before
        found += page.runs
        before = page.next
        pages += 1
    assert found == [run for run in everything if matches(run, wanted)]
    looks = RUNS / SPAN + len(found) / limit + 2
    assert pages <= looks


async def test_a_page_looks_no_further_than_its_span(reader: SqliteReader) -> None:
    page = await reader.page(RunFilter(task="nothing-*"), 5, None, SPAN)
    assert (page.runs, page.next) == ([], RUNS - SPAN + 1)
    rare = await reader.page(RunFilter(tag="team=team-3", task="nothing-*"), 5, None, 4)
    assert rare.runs == []
    assert rare.next is not None


def statements_of(wanted: RunFilter) -> Iterator[tuple[str, Wanted]]:
    conditions = wanted_by(wanted, 20, 7)
    for walk in walks(conditions):
        if walk is not PLAIN:
            yield page_statement(walk, conditions, "runs.id", bounded=True), conditions


def test_a_bounded_page_walks_an_index_too(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ANALYZE")
        for statement, conditions in (pair for wanted in FILTERS for pair in statements_of(wanted)):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", conditions.values)]
            assert not [step for step in plan if "TEMP B-TREE" in step or step.startswith("SCAN runs")], plan
