"""`polysync release`: let runs go that were held back."""

from __future__ import annotations

from collections.abc import Sequence

import click

from polysync.api.told import state_cell
from polysync.cli.attach import attach
from polysync.cli.group import verb
from polysync.cli.session import Session
from polysync.domain.render import Cell, Style


@verb("release", examples=["polysync release 42"])
@click.argument("numbers", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1))
@click.pass_obj
def command(session: Session, numbers: Sequence[int]) -> None:
    """Let runs go that `exec --hold` kept back; they start as soon as there is room."""
    with attach(session) as daemon:
        runs = [daemon.post(f"/api/runs/{number}/release", {}) for number in dict.fromkeys(numbers)]
    if session.json:
        session.document({"items": runs, "next": None})
    elif not session.quiet:
        for run in runs:
            session.line(Cell(f"run {run['id']}", Style.BOLD), "  ", state_cell(run, session.glyphs))
