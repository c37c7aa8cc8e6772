"""`polysync status`: is the daemon well, and what does it do."""

from __future__ import annotations

import click

from polysync.cli import drawn
from polysync.cli.group import verb
from polysync.cli.session import Session


@verb("status", examples=["polysync status", "polysync status --json"])
@click.pass_obj
def command(session: Session) -> int:
    """The daemon's health: since when it runs, what runs and waits, what is due next, disk and clock.

    Exits with 1 where something needs a person.
    """
    return drawn.status(session)
