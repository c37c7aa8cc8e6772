"""What `approve`, `deny` and `request-changes` have in common: one decision about runs that wait for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from polysync.api.told import state_cell
from polysync.cli.attach import attach
from polysync.cli.group import Verb, verb
from polysync.cli.meant import each, run_meant
from polysync.cli.session import Session
from polysync.domain.render import Cell, Style


def decision(word: str, text: str, example: str) -> Verb:
    """The command that says this word about runs."""

    @verb(word, examples=[f"polysync {word} 42", example])
    @click.argument("runs", metavar="RUN|TASK...", nargs=-1, required=True)
    @click.option("--comment", metavar="TEXT", help="Why; it is kept with the run.")
    @click.pass_obj
    def command(session: Session, runs: Sequence[str], comment: str | None) -> int:
        return decide(session, runs, word, {} if comment is None else {"comment": comment}, state="waiting")

    command.help = f"{text}\n\nThe name of a task means its newest run that waits."
    return command


def decide(
    session: Session, words: Sequence[str], word: str, body: Mapping[str, Any], *, state: str | None = None
) -> int:
    """Say a word about each of these runs; of a task, about the newest one that stands so."""
    with attach(session) as daemon:
        numbers = list(dict.fromkeys(run_meant(daemon, one, state) for one in words))
        ask: Callable[[int], Mapping[str, Any]] = lambda number: daemon.post(f"/api/runs/{number}/{word}", body)  # noqa: E731 - its type is wanted
        return each(session, numbers, ask, lambda run: run_line(session, run))


def run_line(session: Session, run: Mapping[str, Any]) -> list[Cell | str]:
    """A run and where it stands."""
    return [
        Cell(f"run {run['id']}", Style.BOLD),
        "  ",
        Cell(str(run["task"]), Style.NAME),
        "  ",
        state_cell(run, session.glyphs),
    ]
