"""The last word on a world: the file against what really happened, and against the brute-force schedules."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import datetime

from polysync.store.check import full_check
from tests.driver_simulation.world import World
from tests.simulation import chance


def judge(world: World, ends_at: datetime) -> None:
    """Compare the file with what the world saw."""
    assert world.witness.ask(
        "SELECT count(*) FROM attempts JOIN runs ON id = run_id WHERE attempts.ended_at IS NULL"
    ) == [(0,)]
    every_promise_was_kept(world)
    every_end_is_what_happened(world)
    every_slot_has_a_row(world, ends_at)
    with closing(sqlite3.connect(world.home / "polysync.db")) as connection:
        assert full_check(connection) == []
    changes = world.witness.ask("SELECT DISTINCT change FROM clock WHERE change <> ''")
    world.witness.reached |= {re.split(r"\s*\d", change)[0] for (change,) in changes}


def every_promise_was_kept(world: World) -> None:
    """What was promised is there once, and what was not promised is there once at most."""
    rows = world.witness.ask("SELECT value, count(*), max(run_id) FROM run_tags WHERE key = 'ask' GROUP BY value")
    stored = {int(value): (count, run_id) for value, count, run_id in rows}
    assert all(count == 1 for count, _ in stored.values()), "a request was carried out twice"
    for number, run_id in world.told.items():
        expected = None if run_id is None else (1, run_id)
        assert stored.get(number) == expected, f"request {number} was promised run {run_id}, found {stored.get(number)}"


def every_end_is_what_happened(world: World) -> None:
    """No execution without its attempt, no success without one, no exit code and no byte that was not there."""
    query = (
        "SELECT id, number, token, state, end_reason, attempts.doc ->> 'exit_code', number = attempt_count"
        " FROM attempts JOIN (SELECT *, doc ->> 'attempt' AS attempt_count FROM runs) ON id = run_id"
    )
    rows = world.witness.ask(query)
    executions = world.places.executions
    assert executions.keys() <= {row[2] for row in rows}
    for run_id, number, token, state, reason, code, last in rows:
        execution = executions.get(token)
        where = f"attempt {number} of run {run_id}"
        if last and state == "succeeded":
            assert execution is not None, where
            assert execution.told, where
            assert execution.exit.code == 0, where
        if last and (state, reason) == ("failed", "exit_code"):
            assert execution is not None, where
            assert execution.exit.code == code, where
        if execution is not None and not execution.vanished and run_id not in world.places.doubtful:
            assert execution.told, f"{where} was started and never followed to its end"
            assert world.shelf.kept.get((run_id, number, "out"), b"") == execution.output, where


def every_slot_has_a_row(world: World, ends_at: datetime) -> None:
    """Each slot of a schedule that nobody touched ran once, or one row says why it did not."""
    begin, versions = world.versions[0], world.versions[:-1]
    for name, task in begin.tasks.items() if not world.corrected else ():
        kept = [version.tasks.get(name) for version in versions]
        if task.cron and all(one is not None and one.cron == task.cron for one in kept):
            due = set(chance.due(task.cron[0], begin.zone, world.first_at or ends_at, ends_at))
            world.witness.judge_slots(name, due)
