"""`polysync release`: let runs go that were held back."""

from __future__ import annotations

from collections.abc import Sequence

import click

from polysync.cli.attach import attach
from polysync.cli.deciding import run_line
from polysync.cli.group import verb
from polysync.cli.meant import each
from polysync.cli.session import Session
from polysync.cli.standing import RUN


@verb("release", examples=["polysync release 42"])
@click.argument("numbers", metavar="ID...", nargs=-1, required=True, type=RUN)
@click.pass_obj
def command(session: Session, numbers: Sequence[int]) -> int:
    """Let runs go that `exec --hold` kept back; they start as soon as there is room."""
    with attach(session) as daemon:
        release = lambda number: daemon.post(f"/api/runs/{number}/release", {})  # noqa: E731 - it names what is done
        return each(session, list(dict.fromkeys(numbers)), release, lambda run: run_line(session, run))
