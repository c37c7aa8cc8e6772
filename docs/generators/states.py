"""The page of states: the table in polysync/domain/run.py, drawn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from polysync.domain.run import FINAL, REASONS, TABLE, State

HEAD = """\
<!-- Written by `contrib/dev docs` from polysync/domain/run.py; change that, not this. -->

# States of a run

A run waits, is active on its platform, and ends in exactly one final state. These are all the moves there are:
a pair of state and move that is absent here raises `polysync.domain.errors.IllegalTransition`, so that nothing can
"just set" a state. Why the table looks like this is told at the head of `polysync/domain/run.py`.
"""


def page() -> str:
    """The diagram, the table of moves, and the reasons for which a run may end."""
    return "\n".join([HEAD, *_diagram(), "", *_moves(), "", *_reasons()]) + "\n"


def _diagram() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    for before, moves in TABLE.items():
        by_target = groupby(sorted(moves.items(), key=lambda pair: list(State).index(pair[1])), lambda pair: pair[1])
        for after, pairs in by_target:
            yield f"    {before or '[*]'} --> {after}: {' / '.join(_said(move) for move, _ in pairs)}"
    for state in State:
        if state in FINAL:
            yield f"    {state} --> [*]"
    yield "```"


def _moves() -> Iterator[str]:
    yield "## Moves"
    yield ""
    yield "| from | moves |"
    yield "|---|---|"
    for before, moves in TABLE.items():
        if moves:
            said = " · ".join(f"{_said(move)} → `{after}`" for move, after in moves.items())
            yield f"| {f'`{before}`' if before else '(new)'} | {said} |"


def _reasons() -> Iterator[str]:
    yield "## Final states and their reasons"
    yield ""
    yield "| state | reasons |"
    yield "|---|---|"
    for state in State:
        if state in FINAL:
            yield f"| `{state}` | {' '.join(f'`{reason}`' for reason in sorted(REASONS[state])) or 'none is needed'} |"


def _said(move: str) -> str:
    return move.replace("_", " ")
