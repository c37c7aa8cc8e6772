"""`polysync archive`: take runs that are over out of the lists."""

from __future__ import annotations

from collections.abc import Sequence

import click

from polysync.cli.deciding import decide
from polysync.cli.group import verb
from polysync.cli.session import Session


@verb("archive", examples=["polysync archive 42", "polysync archive 42 43 --undo"])
@click.argument("runs", metavar="RUN|TASK...", nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Back into the lists.")
@click.pass_obj
def command(session: Session, runs: Sequence[str], *, undo: bool) -> int:
    """Take runs that are over out of the lists; polysync runs --archived shows them all the same.

    Nothing is removed: their output and their history stay for as long as those of others.
    """
    return decide(session, runs, "archive", {"undo": undo})
