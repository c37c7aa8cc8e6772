"""The laws that the journal in memory keeps, as the database does: what breaks them is a bug and raises."""

from __future__ import annotations

from datetime import timedelta

import pytest

from polysync.domain.effects import AttemptOpened, RunCreated, RunMoved
from polysync.domain.errors import DoubleFiring, IllegalTransition
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import State
from polysync.domain.values import Trigger
from polysync.testing import MemoryJournal, ScriptedAdapter, SimClock
from tests.simulation.story import NOON

HOUR = timedelta(hours=1)


def a_run(number: int, **keys: object) -> Run:
    return Run(number, f"u{number}", "work", State.QUEUED, Trigger.CRON, NOON, NOON, **keys)  # type: ignore[arg-type]  # a row in few words


def test_slot_is_taken_for_ever() -> None:
    journal = MemoryJournal()
    journal.commit([RunCreated(a_run(1, scheduled_for=NOON))])
    with pytest.raises(DoubleFiring, match="has run 1 already"):
        journal.commit([RunCreated(a_run(2, scheduled_for=NOON))])


def test_id_is_given_once() -> None:
    journal = MemoryJournal()
    journal.commit([RunCreated(a_run(1))])
    with pytest.raises(DoubleFiring, match="run 1 exists already"):
        journal.commit([RunCreated(a_run(1))])


@pytest.mark.parametrize(("before", "state"), [(State.QUEUED, State.RUNNING), (State.HELD, State.QUEUED)])
def test_move_that_the_table_does_not_have_raises(before: State, state: State) -> None:
    journal = MemoryJournal()
    journal.commit([RunCreated(a_run(1))])
    with pytest.raises(IllegalTransition, match="run 1 cannot go from queued"):
        journal.commit([RunMoved(1, NOON, before, state, None, "test", {})])


def test_attempts_are_numbered_without_a_gap() -> None:
    journal = MemoryJournal()
    with pytest.raises(IllegalTransition, match="attempt 2 of run 1"):
        journal.commit([AttemptOpened(Attempt(1, 2, "t", "local", NOON))])


def test_snapshot_and_journal_do_not_share_rows() -> None:
    journal = MemoryJournal()
    journal.commit([RunCreated(a_run(1))])
    journal.snapshot().runs[1].attempt = 9
    assert journal.runs[1].attempt == 0


def test_one_token_is_one_execution() -> None:
    adapter = ScriptedAdapter(lambda _run, _attempt: (HOUR, Exit(code=0)))
    clock, attempt = SimClock(NOON), Attempt(1, 1, "token", "local", NOON)
    assert adapter.find("token") is None
    made = adapter.start(a_run(1), attempt, clock.read())
    assert adapter.start(a_run(1), attempt, clock.advance(HOUR / 2)) is made
    assert adapter.find("token") is made


def test_stop_ends_an_execution_and_finds_nothing_to_stop_afterwards() -> None:
    adapter = ScriptedAdapter(lambda _run, _attempt: (HOUR, Exit(code=0)))
    clock = SimClock(NOON)
    adapter.start(a_run(1), Attempt(1, 1, "token", "local", NOON), clock.read())
    stopped = adapter.stop(1, 1, clock.read(), HOUR)
    assert stopped is not None
    assert stopped.exit.signal == "TERM"
    assert adapter.stop(1, 1, clock.advance(HOUR), HOUR) is None
    assert adapter.stop(7, 1, clock.read(), HOUR) is None


def test_three_clocks_move_apart() -> None:
    clock = SimClock(NOON)
    before = clock.read()
    slept, stepped, awake = clock.suspend(HOUR), clock.step(-HOUR), clock.advance(HOUR)
    assert (slept.wall - before.wall, slept.monotonic - before.monotonic, slept.boot - before.boot) == (
        HOUR,
        0 * HOUR,
        HOUR,
    )
    assert (stepped.wall - slept.wall, stepped.boot - slept.boot) == (-HOUR, 0 * HOUR)
    assert (awake.wall - stepped.wall, awake.monotonic - stepped.monotonic) == (HOUR, HOUR)
