"""Reading: every page is what a plain filter over all runs gives, and every statement walks an index."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from polysync.domain.effects import RunCreated, RunMoved
from polysync.domain.rows import Run
from polysync.domain.run import State
from polysync.domain.values import Trigger
from polysync.ports import PortError, RunFilter
from polysync.store.errors import StorageBroken
from polysync.store.overview import Overview
from polysync.store.pages import LONG, PLAIN, length_statement, page_statement, walks, wanted_by
from polysync.store.reading import SqliteReader
from polysync.store.readonly import ReadOnly
from polysync.store.rows import RUN
from polysync.store.sql import statements
from tests.store_reading.many_runs import BEGAN, EVERY, make_many

RUNS = 2_500
MIDDLE = BEGAN + EVERY * (RUNS // 2)
CHOICES: dict[str, tuple[Any, ...]] = {
    "task": (None, "task-00003"),
    "state": (None, State.FAILED, State.QUEUED, State.DEAD),
    "tag": (None, "team=team-3"),
    "correlation_id": (None, "f" * 32),
    "trigger": (None, Trigger.MANUAL),
    "external_id": (None, "job-100"),
    "since": (None, MIDDLE),
    "until": (None, MIDDLE + timedelta(hours=1)),
}


class Nothing:
    """A log book without a page."""

    async def read(self, run_id: int, attempt: int, stream: str, offset: int, limit: int) -> bytes:
        return f"{run_id}/{attempt}/{stream}/{offset}/{limit}".encode()


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


@pytest.fixture
async def overview(database: Path) -> AsyncIterator[Overview]:
    opened = await Overview.open(database)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def everything(database: Path) -> Sequence[Run]:
    with closing(sqlite3.connect(database)) as connection:
        return [RUN.load(row) for row in connection.execute(statements("check")["runs"])][::-1]


def filters() -> Iterator[RunFilter]:
    for values in product(*CHOICES.values()):
        yield RunFilter(**dict(zip(CHOICES, values, strict=True)))


def fits(run: Run, wanted: RunFilter) -> bool:
    """The meaning of a filter, said plainly."""
    key, _, value = (wanted.tag or "").partition("=")
    return (
        all(
            getattr(wanted, name) in {None, getattr(run, name)}
            for name in ("task", "state", "correlation_id", "trigger", "external_id")
        )
        and (wanted.tag is None or run.tags.get(key) == value)
        and (wanted.since is None or run.created_at >= wanted.since)
        and (wanted.until is None or run.created_at <= wanted.until)
    )


@pytest.mark.slow
async def test_every_filter_gives_the_runs_that_fit_it(reader: SqliteReader, everything: Sequence[Run]) -> None:
    hits = 0
    for wanted in filters():
        expected = [run for run in everything if fits(run, wanted)][:4]
        assert await reader.runs(wanted, 4, None) == expected, wanted
        hits += bool(expected)
    assert hits > 30  # the choices do meet runs


async def test_pages_follow_one_another_without_a_gap(reader: SqliteReader, everything: Sequence[Run]) -> None:
    wanted = RunFilter(task="task-00003", since=BEGAN + EVERY * 50, until=MIDDLE)
    found: list[Run] = []
    before: int | None = None
    while page := await reader.runs(wanted, 7, before):
        assert len(page) <= 7
        found += page
        before = page[-1].id
    assert found == [run for run in everything if fits(run, wanted)]


async def test_a_correlation_and_an_external_id_find_their_run(reader: SqliteReader, everything: Sequence[Run]) -> None:
    run = next(run for run in everything if run.external_id)
    for wanted in (RunFilter(correlation_id=run.correlation_id), RunFilter(external_id=run.external_id)):
        assert await reader.runs(wanted, 5, None) == [run]
        assert await reader.runs(replace(wanted, task="another"), 5, None) == []


def test_every_statement_walks_an_index(database: Path) -> None:
    scans = []
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ANALYZE")  # what misled the planner when it was asked
        for wanted in filters():
            conditions = wanted_by(wanted, 20, 7)
            ways = walks(conditions)
            assert ways
            for way in ways:
                asked = [page_statement(way, conditions, "runs.doc")]
                asked += [length_statement(way, conditions)] if len(ways) > 1 else []
                scans += [plan for text in asked for plan in plans(connection, text, conditions.values)]
        scans += overview_plans(connection)
        (scan,) = plans(connection, "SELECT * FROM runs WHERE doc = 'x'", {})
    assert [plan for plan in scans if not walks_an_index(plan)] == []
    assert len(scans) > 600
    assert not walks_an_index(scan)


def plans(connection: sqlite3.Connection, text: str, values: object) -> list[str]:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {text}", values)  # type: ignore[arg-type]  # whatever the statement takes
    return [row[3] for row in rows]


def overview_plans(connection: sqlite3.Connection) -> list[str]:
    values = {"since": 1, "limit": 2, "before": 3, "tasks": '["a"]', "states": '["failed"]'}
    named = [text for name, text in statements("reading").items() if name not in {"run", "attempts", "history"}]
    found = [plan for text in named for plan in plans(connection, text, values)]
    return found + [
        p for name in ("run", "attempts", "history") for p in plans(connection, statements("reading")[name], (1,))
    ]


def walks_an_index(plan: str) -> bool:
    """Whether a step reads no more rows than it has to, and sorts none; what is open is short as it is."""
    if plan.startswith("USE TEMP B-TREE"):
        return "GROUP BY" in plan
    table = plan.partition("SCAN ")[2].split(" ")[0]
    return table not in {"runs", "tags", "edge", "history", "attempts"} or "runs_open" in plan


def test_no_walk_is_measured_where_a_better_one_answers_more() -> None:
    only = wanted_by(RunFilter(task="a", state=State.FAILED), 5, None)
    assert [way.index for way in walks(only)] == ["runs_by_task_state"]
    assert list(walks(wanted_by(RunFilter(), 5, None))) == [PLAIN]
    several = wanted_by(RunFilter(task="a", state=State.FAILED, trigger=Trigger.CRON, tag="x"), 5, None)
    assert len(walks(several)) == 4
    assert {way.index for way in LONG} >= {way.index for way in walks(several)}


async def test_one_run_and_what_happened_to_it(reader: SqliteReader) -> None:
    run = await reader.run(17)
    assert run is not None
    assert run.id == 17
    assert await reader.run(RUNS + 1) is None
    assert await reader.history(RUNS + 1) == []
    assert await reader.attempts(17) == []
    assert await reader.log(17, 1, "out", 5, 9) == b"17/1/out/5/9"


async def test_the_history_of_a_run_that_was_decided(tmp_path: Path) -> None:
    from tests.store.inline import NOON, creation, inline_journal, now  # noqa: PLC0415 - the other half of the store

    journal = inline_journal(tmp_path)
    now(
        journal.commit([*creation(1), RunMoved(1, NOON, State.QUEUED, State.CANCELLED, None, "me", {"ended_at": NOON})])
    )
    reader = await SqliteReader.open(tmp_path / "polysync.db", Nothing())
    try:
        born, moved = await reader.history(1)
        assert isinstance(born, RunCreated)
        assert (born.run.state, born.run.ended_at) == (State.QUEUED, None)
        assert moved == RunMoved(1, NOON, State.QUEUED, State.CANCELLED, None, "me", {})
    finally:
        await reader.close()
        now(journal.close())


async def test_the_overview_agrees_with_the_runs(overview: Overview, everything: Sequence[Run]) -> None:
    last = await overview.last_runs()
    for task in {run.task for run in everything}:
        of_task = [run for run in everything if run.task == task]
        glance = last[task]
        assert all(getattr(of_task[0], name) == value for name, value in glance._asdict().items() if name != "reason")
        ended = [(run.id, run.state) for run in of_task if run.ended_at][:20]
        assert (await overview.outcomes([task, "unknown"]))[task] == ended
    assert (await overview.outcomes(["unknown"])) == {"unknown": []}


async def test_counts_are_those_of_ends_since_and_of_what_is_open(
    overview: Overview, everything: Sequence[Run]
) -> None:
    counted = await overview.counts(MIDDLE)
    expected: dict[State, int] = {}
    for run in everything:
        if run.ended_at is None or run.ended_at >= MIDDLE:
            expected[run.state] = expected.get(run.state, 0) + 1
    assert counted == expected
    assert [glance.id for glance in await overview.newest(3)] == [RUNS, RUNS - 1, RUNS - 2]
    assert [glance.id for glance in await overview.newest(2, before=10)] == [9, 8]


async def test_a_reader_cannot_write_and_says_what_is_missing(database: Path, tmp_path: Path) -> None:
    reading = await ReadOnly.open(database)
    try:
        with pytest.raises(PortError, match="readonly"):
            await reading.rows("DELETE FROM runs")
    finally:
        await reading.close()
    with pytest.raises(PortError, match="cannot be read"):
        await ReadOnly.open(tmp_path / "missing.db")


async def test_a_statement_that_takes_too_long_is_ended(database: Path) -> None:
    reading = await ReadOnly.open(database)
    reading.longest = 0.05
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    try:
        with pytest.raises(PortError, match="took longer"):
            await reading.rows(endless)
        reading.longest = 10.0
        assert await reading.rows("SELECT 1") == [(1,)]  # only where the one before is over
    finally:
        await reading.close()


async def test_a_damaged_row_is_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "polysync.db"
    make_many(path, 5, tasks=1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE runs SET priority = 7 WHERE id = 3")
    reader = await SqliteReader.open(path, Nothing())
    try:
        with pytest.raises(StorageBroken, match="run 3"):
            await reader.runs(RunFilter(), 5, None)
        assert len(await reader.runs(RunFilter(), 2, None)) == 2
    finally:
        await reader.close()
