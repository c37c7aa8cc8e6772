"""The states of a run and the moves between them."""

from __future__ import annotations

import pytest

from polysync.domain.errors import IllegalTransition
from polysync.domain.run import FINAL, LIVE, REASONS, TABLE, Move, Reason, State, after, check_reason


def reached_from(start: State | None) -> set[State]:
    """Every state that some sequence of moves leads to."""
    reached: set[State] = set()
    waiting = list(TABLE[start].values())
    while waiting:
        state = waiting.pop()
        if state not in reached:
            reached.add(state)
            waiting.extend(TABLE[state].values())
    return reached


def test_run_table_has_a_row_for_every_state_and_for_the_beginning() -> None:
    assert set(TABLE) == {None, *State}


@pytest.mark.parametrize("state", [None, *State])
def test_run_table_decides_every_state_and_move(state: State | None) -> None:
    for move in Move:
        if move in TABLE[state]:
            assert after(state, move) is TABLE[state][move]
        else:
            with pytest.raises(IllegalTransition, match=f"a run that is {state or 'new'} cannot"):
                after(state, move)


def test_run_table_final_states_are_those_without_an_exit() -> None:
    assert {state.value for state in FINAL} == set(
        "succeeded failed timeout crashed cancelled skipped expired rejected dead".split()
    )
    assert not any(TABLE[state] for state in FINAL)


@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
def test_run_table_leads_from_every_state_to_an_end(state: State) -> None:
    assert reached_from(state) & FINAL


def test_run_table_reaches_every_state_from_the_beginning() -> None:
    assert reached_from(None) == set(State)


@pytest.mark.parametrize("move", Move)
def test_run_table_gives_each_move_one_meaning(move: Move) -> None:
    assert len({moves[move] for moves in TABLE.values() if move in moves}) == 1


@pytest.mark.parametrize("state", sorted(set(State) - FINAL - LIVE))
def test_run_table_lets_everything_that_waits_be_cancelled(state: State) -> None:
    assert TABLE[state][Move.CANCEL] is State.CANCELLED


def test_run_table_starts_only_what_waits_to_start() -> None:
    assert {state for state, moves in TABLE.items() if Move.START in moves} == {State.QUEUED, State.RETRYING}
    assert {state for state, moves in TABLE.items() if Move.STOP in moves} == LIVE  # a second stop may end its retries


def test_run_table_has_reasons_for_final_states_only_and_uses_each() -> None:
    assert set(REASONS) == FINAL
    assert set().union(*REASONS.values()) == set(Reason)


@pytest.mark.parametrize("state", State)
def test_run_reason_must_fit_its_state(state: State) -> None:
    allowed = REASONS.get(state, frozenset()) or {None}
    for reason in (None, *Reason):
        if reason in allowed:
            check_reason(state, reason)
        else:
            with pytest.raises(IllegalTransition, match=f"is not a reason for {state}"):
                check_reason(state, reason)
