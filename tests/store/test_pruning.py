"""Removing runs: whole, in small transactions, with chains that hold, and never what something still goes by."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysync.domain.effects import EdgeHeld, RunCreated, TaskNoted
from polysync.domain.graph import EdgeEvent
from polysync.domain.retention import Rule, Why
from polysync.domain.run import State
from polysync.domain.task import NEVER
from polysync.home import Home
from polysync.store.codec import micros
from polysync.store.logs import open_logs
from polysync.store.pruning import remove_audit, remove_definitions, remove_output
from polysync.store.retention import Survey
from polysync.store.rows import AuditEntry
from polysync.store.sql import statements
from polysync.store.upkeep import checkpoint, log_of, shrink, size_of, surplus_pages
from tests.store.inline import NOON, a_run, inline_journal, now
from tests.store.pruned import count, everything_is_sound, going, lived, put_out, removed
from tests.store_reading.many_runs import make_many

DAY = timedelta(days=1)
ALL = Rule(None, timedelta(seconds=1))
BY_COUNT = Rule(2, NEVER)


def test_a_run_goes_with_all_that_belongs_to_it_and_the_chain_goes_on(tmp_path: Path) -> None:
    home, journal = Home(tmp_path), inline_journal(tmp_path)
    for number in range(1, 6):
        now(journal.commit(lived(number)))
    assert now(removed(journal, [1, 2, 4])) == [1, 2, 4]
    for table in ("attempts", "history", "run_tags"):
        assert count(home, f"group_concat(DISTINCT run_id) FROM {table}") == "3,5", table
    assert count(home, "count(*) FROM anchors") == 2
    now(journal.commit(lived(6)))
    assert now(removed(journal, [3])) == [3]
    assert count(home, "count(*) FROM anchors") == 1  # the gaps grew together
    assert everything_is_sound(home)


def test_when_all_are_gone_numbers_and_links_go_on_where_they_were(tmp_path: Path) -> None:
    home, journal = Home(tmp_path), inline_journal(tmp_path)
    now(journal.commit(lived(1)))
    assert now(removed(journal, [1])) == [1]
    assert now(journal.snapshot()).next_id == 2
    now(journal.close())
    journal = inline_journal(tmp_path)
    now(journal.commit(lived(2)))
    assert count(home, "min(seq) FROM history") > count(home, "max(seq) FROM anchors")
    assert everything_is_sound(home)


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=5), max_size=6), st.integers(1, 4))
def test_whatever_goes_in_whatever_order_the_chain_holds(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]], together: int
) -> None:
    folder = tmp_path_factory.mktemp("home")
    home, journal = Home(folder), inline_journal(folder)
    lives = [lived(number) for number in range(1, 13)]
    for begin in range(0, 12, together):  # those that live together have their history interleaved
        group = lives[begin : begin + together]
        for step in range(max(map(len, group))):
            now(journal.commit([life[step] for life in group if step < len(life)]))
    gone: set[int] = set()
    for batch in batches:
        gone |= set(now(removed(journal, sorted(set(batch)))))
    assert gone == {number for batch in batches for number in batch}
    gaps = count(home, "count(DISTINCT g) FROM (SELECT seq - row_number() OVER (ORDER BY seq) AS g FROM history)")
    assert count(home, "count(*) FROM anchors") <= gaps + 1
    assert everything_is_sound(home)
    now(journal.close())


def test_what_is_open_dead_or_ahead_of_its_anchor_stays_even_when_named(tmp_path: Path) -> None:
    home, journal = Home(tmp_path), inline_journal(tmp_path)
    now(journal.commit([RunCreated(a_run(1))]))
    now(journal.commit(lived(2, end=State.DEAD)))
    now(
        journal.commit(lived(3, slot=NOON + DAY))
    )  # the clock was ahead, and was put right: only this row is left of it
    now(journal.commit([*lived(4, slot=NOON - DAY), TaskNoted("work", {"anchor": NOON - 2 * DAY})]))
    assert now(removed(journal, [1, 2, 3, 4, 99])) == []
    now(journal.commit([TaskNoted("work", {"anchor": NOON})]))
    assert now(removed(journal, [1, 2, 3, 4, 99])) == [4]
    assert [run.id for run in going(home, ALL, NOON + 90 * DAY)] == []


def test_what_something_open_names_stays(tmp_path: Path) -> None:
    home, journal = Home(tmp_path), inline_journal(tmp_path)
    for number in range(1, 6):
        now(journal.commit(lived(number, end=State.SUCCEEDED)))
    range_row = [RunCreated(a_run(6, slot=NOON - DAY, state=State.SKIPPED, task="other", ended_at=NOON))]
    now(journal.commit(range_row))
    now(journal.commit([EdgeHeld("below", EdgeEvent("work", 3, State.SUCCEEDED, NOON))]))
    now(journal.commit([RunCreated(a_run(7, rerun_of=1, parents=(2,)))]))
    assert [run.id for run in going(home, ALL, NOON + DAY)] == [4, 5]
    assert now(removed(journal, [1, 2, 4], since=6)) == [4]  # the open one came after they were chosen
    assert now(removed(journal, [1, 2], since=7)) == [1, 2]
    assert everything_is_sound(home)


def test_only_runs_with_attempts_are_counted_and_the_others_go_by_age(tmp_path: Path) -> None:
    home, journal = Home(tmp_path), inline_journal(tmp_path)
    for number in range(1, 9):
        now(journal.commit(lived(number, tried=number % 2 == 0, ended_at=NOON - DAY * (9 - number))))
    now(journal.commit(lived(9, task="other")))
    assert [(run.id, run.why) for run in going(home, BY_COUNT)] == [(2, Why.COUNT), (4, Why.COUNT)]
    both = going(home, Rule(2, 8 * DAY), NOON)
    assert [(run.id, run.why) for run in both] == [(2, Why.COUNT), (4, Why.COUNT)]
    both = going(home, Rule(2, 7 * DAY + DAY / 2), NOON)
    assert [(run.id, run.why) for run in both] == [(1, Why.AGE), (2, Why.COUNT), (4, Why.COUNT)]
    assert going(home, Rule(None, NEVER)) == []


def test_a_task_that_is_gone_keeps_the_rule_that_it_had(tmp_path: Path) -> None:
    journal = inline_journal(tmp_path)
    now(journal.commit(lived(1)))
    put_out(Home(tmp_path), ())
    with closing(Survey(Home(tmp_path).database, Home(tmp_path).logs)) as survey:
        found = [list(survey.going(lambda _: None, NOON + days * DAY, frozenset())) for days in (29, 31)]
    assert [[run.id for page in pages for run in page] for pages in found] == [[], [1]]  # its definition says 30 days


def test_definitions_go_when_no_run_was_made_under_them(tmp_path: Path) -> None:
    home, journal = Home(tmp_path), inline_journal(tmp_path)
    now(journal.commit(lived(1)))
    now(journal.commit(lived(2)))
    used = count(home, "count(*) FROM definitions")
    unit = partial(remove_definitions, unused=[("work", "digest")])
    now(removed(journal, [1]))
    assert now(journal.work(unit)) == 0
    now(removed(journal, [2]))
    assert now(journal.work(unit)) == 1
    assert now(journal.work(partial(remove_definitions, unused=[]))) == 0
    assert count(home, "count(*) FROM definitions") == used - 1  # the row of the defaults stays
    assert everything_is_sound(home)


def test_the_audit_goes_from_its_old_end_only(tmp_path: Path) -> None:
    home, journal = Home(tmp_path), inline_journal(tmp_path)
    for day in range(10):
        entry = AuditEntry(
            at=NOON + day * DAY, actor="a", role="admin", channel="socket", verb="run", subject="s", outcome="done"
        )
        now(journal.commit((), [entry]))
    unit = partial(remove_audit, before=micros(NOON + 5 * DAY))
    assert now(journal.work(partial(unit, most=3))) == 3
    assert now(journal.work(partial(unit, most=3))) == 2
    assert now(journal.work(partial(unit, most=3))) == 0
    assert count(home, "count(*) FROM audit") == 5
    assert count(home, "count(*) FROM anchors") == 1
    assert everything_is_sound(home)


def test_output_goes_piece_by_piece_and_what_nobody_owns_is_found(tmp_path: Path) -> None:
    home, journal = Home(tmp_path), inline_journal(tmp_path)
    for number in (1, 3):
        now(journal.commit(lived(number)))
    put_out(home, (1, 2, 3, 9), pieces=3)
    with closing(Survey(home.database, home.logs)) as survey:
        assert list(survey.with_output()) == [[1, 2, 3, 9]]
        assert list(survey.strays()) == [[2, 9]]
        sizes = survey.stored([1, 2, 5])
        assert sizes[1] == sizes[2] > 0 == sizes[5]
        oldest = survey.oldest_with_output(NOON, frozenset({1}), Why.SIZE)
        assert [(run.id, run.why) for page in oldest for run in page] == [(3, Why.SIZE)]
        assert survey.output_bytes() > 0
    with closing(sqlite3.connect(home.logs, isolation_level=None)) as connection:
        assert [run for run, _ in remove_output(connection, runs=[2, 9], most=4)] == [2, 2, 2, 9]
        assert len(remove_output(connection, runs=[2, 9], most=4)) == 2
        assert remove_output(connection, runs=[2, 9], most=4) == []
    assert everything_is_sound(home)


def test_more_runs_than_one_page_come_in_their_order(tmp_path: Path) -> None:
    home = Home(tmp_path)
    make_many(home.database, 3_000, tasks=3, open_runs=10)
    found = going(home, ALL, NOON + 400 * DAY)
    with closing(sqlite3.connect(home.database)) as connection:
        # The newest slot of a task may be a range that still grows.
        text = "SELECT id FROM runs WHERE ended_at IS NOT NULL EXCEPT SELECT runs.id FROM tasks, runs"
        rows = connection.execute(f"{text} WHERE runs.id = tasks.slot_run AND runs.state = 'skipped' ORDER BY 1")
        expected = [row[0] for row in rows]
    assert sorted(run.id for run in found) == expected
    for task in {run.task for run in found}:
        ids = [run.id for run in found if run.task == task]
        assert ids == sorted(ids)


def test_the_space_of_what_went_goes_back_to_the_disk(tmp_path: Path) -> None:
    home, journal = Home(tmp_path), inline_journal(tmp_path)
    now(journal.home_word())
    put_out(home, range(1, 400), pieces=4)
    before = size_of(home.logs)
    with closing(open_logs(home.logs, snapshots=home.snapshots)) as connection:
        while remove_output(connection, runs=list(range(1, 395)), most=100):
            continue
        pages = surplus_pages(connection)
        shrink(connection, pages=pages)
        assert surplus_pages(connection) == 0
        assert not checkpoint(connection).held
        assert size_of(home.logs) < before / 4
        assert size_of(log_of(home.logs)) == 0
    assert everything_is_sound(home)
    now(journal.close())


def test_decisions_are_in_a_file_that_can_shrink_too(tmp_path: Path) -> None:
    home, journal = Home(tmp_path), inline_journal(tmp_path)
    now(journal.commit([record for number in range(1, 1_500) for record in lived(number)]))
    now(journal.writer.run_apart(checkpoint))
    before = size_of(home.database)
    now(removed(journal, list(range(1, 1_450))))
    now(journal.work(lambda connection: shrink(connection, pages=surplus_pages(connection, low=True))))
    now(journal.writer.run_apart(checkpoint))
    assert size_of(home.database) < before / 2
    assert everything_is_sound(home)


def test_a_reader_that_holds_the_past_is_noticed_and_not_waited_for(tmp_path: Path) -> None:
    home, journal = Home(tmp_path), inline_journal(tmp_path)
    now(journal.commit(lived(1)))
    with closing(sqlite3.connect(home.database, isolation_level=None)) as slow:
        slow.execute("BEGIN")
        slow.execute("SELECT count(*) FROM runs").fetchone()
        now(journal.commit(lived(2)))
        assert now(journal.writer.run_apart(checkpoint)).held
        assert size_of(log_of(home.database)) > 0
        slow.execute("COMMIT")
        assert not now(journal.writer.run_apart(checkpoint)).held
    assert size_of(log_of(home.database)) == 0
    assert size_of(tmp_path / "missing") == 0


BIG = {"runs", "history", "attempts", "chunks", "run_tags", "audit", "tasks"}
WHOLE = {"newest", "remembered"}  # one look at the end of a table; what is held and the ranges are few


def test_every_statement_walks_an_index(tmp_path: Path) -> None:
    home = Home(tmp_path)
    make_many(home.database, 2_000, tasks=20)
    put_out(home, range(1, 50))
    scans = []
    for name, text in statements("retention").items():
        of_logs = "chunks" in text
        with closing(sqlite3.connect(home.logs if of_logs else home.database)) as connection:
            connection.execute("ANALYZE")
            values = [json.dumps([1, 2])] * 5 if "json_each(?1)" in text else [1] * 5
            wanted = values[: max(text.count("?") and _most(text), 0)]
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", wanted)]
        scans += [(name, step) for step in plan if name not in WHOLE and _reads_all(step)]
    assert scans == []
    assert _reads_all("SCAN runs")
    assert _reads_all("USE TEMP B-TREE FOR ORDER BY")


def _most(text: str) -> int:
    numbered = [int(text[at + 1]) for at in range(len(text) - 1) if text[at] == "?" and text[at + 1].isdigit()]
    return max(numbered) if numbered else text.count("?")


def _reads_all(step: str) -> bool:
    """Whether a step of a plan looks at more than it has to; pages from an end and what is open are short."""
    if "TEMP B-TREE" in step:
        return True
    table = step.partition("SCAN ")[2].split(" ")[0]
    return (
        table in BIG and "runs_open" not in step and step != "SCAN audit"
    )  # of the audit, LIMIT rows from its old end
