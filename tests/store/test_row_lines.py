"""Rows that change: what is put together from pieces is what would be written at once, and damage is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from polysync.domain.rows import Attempt, BlockedOn, Message, Run, TaskState
from polysync.domain.run import Blocker, Reason, State
from polysync.domain.values import Outcome
from polysync.store.codec import EPOCH, loads, micros, moment
from polysync.store.errors import StorageBroken
from polysync.store.lines import CHANGED, MOVED, NOTED, checksum, sealed, verify
from polysync.store.rows import ATTEMPT, RUN, TASK
from tests.seeds import seed_of
from tests.store.inline import MINUTE, NOON, a_run

# Values of every kind that a field of a run can have, and back to what it is born with.
STEPS: tuple[Mapping[str, Any], ...] = (
    {"state": State.WAITING, "blocked_on": BlockedOn(Blocker.TIMER, "", "later", NOON)},
    {"state": State.QUEUED, "blocked_on": None, "available_at": NOON + MINUTE},
    {"parameters": {"a": 1, "b": [1.5, None, True, {"!": "tag"}], "c": {"d": ("x", NOON)}, "ü": '"\\'}},
    {"used_by": {Outcome.FAILED: 2}, "used": 2, "labels": ("one", 'two "quoted"')},
    {"messages": (Message("code", "text", error=True),), "progress": (50, "half"), "signal": "TERM"},
    {"end_reason": Reason.STOPPED, "ended_at": NOON, "outcome": Outcome.CANCELLED, "stop_reason": Reason.STOPPED},
    {"priority": 5, "external_id": "übung", "parents": (1, 2), "exit_code": 0, "platform": None, "error": "x"},
    {"signal": None, "error": "", "messages": (), "used_by": {}, "progress": None, "expires_at": NOON},
)


def test_a_line_that_changes_is_the_row_that_is_made_at_once() -> None:
    run = a_run(7, slot=NOON, tags={"team": "x"})
    line = RUN.new(run)
    for step in STEPS:
        RUN.change(line, step)
        run = replace(run, **step)
        row = line.values()
        assert RUN.load(row) == run
        assert {**loads(row[-2]), **loads(RUN.document(run))} == loads(row[-2])
        assert RUN.line(row).values()[:-2] == row[:-2]
        assert RUN.load(RUN.line(row).values()) == run


def test_a_line_knows_how_much_of_it_has_changed() -> None:
    line = RUN.new(a_run(7))
    for step, touched in (
        ({"error": "x"}, NOTED),
        ({"started_at": NOON}, MOVED),
        ({"priority": 3}, CHANGED | MOVED),
    ):
        RUN.change(line, step)
        assert line.touched == touched


def test_a_task_of_which_nothing_is_remembered_yet_has_no_document() -> None:
    row = sealed("work", 5, None, None)
    assert TASK.load(row) == TaskState("work")
    line = TASK.line(row)
    assert line.values() == row
    TASK.change(line, {"seen": {"a": NOON}, "last_state": State.FAILED})
    assert TASK.load(line.values()) == TaskState("work", seen={"a": NOON}, last_state=State.FAILED)


def test_every_value_of_a_row_is_under_its_checksum() -> None:
    row = ATTEMPT.new(Attempt(1, 2, "token", "local", NOON, handle={"pid": 3})).values()
    assert ATTEMPT.load(row).handle == {"pid": 3}
    for place, value in enumerate(row):
        other = (*row[:place], 17 if value != 17 else 18, *row[place + 1 :])
        with pytest.raises(StorageBroken, match=f"attempt {other[1]} of run {other[0]} is damaged"):
            ATTEMPT.line(other)
    with pytest.raises(StorageBroken, match="the row of it is damaged"):
        verify((*row[:-1], checksum(row)), "it")


def test_instants_survive_to_the_microsecond() -> None:
    chance = Random(seed_of("instants"))
    last = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    for count in (0, -1, 2**52 - 1, 2**52, micros(last), *(chance.randrange(2**53) for _ in range(2_000))):
        assert moment(count) == EPOCH + timedelta(microseconds=count)
        assert micros(moment(count)) == count


def test_a_run_is_what_its_kind_says() -> None:
    assert isinstance(RUN.shown(RUN.new(a_run(1)).values()), Run)
