"""`polysync resume`: let the schedules of paused tasks go on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from polysync.cli.attach import attach
from polysync.cli.group import verb
from polysync.cli.meant import each, tasks_meant
from polysync.cli.pausing import schedule_line
from polysync.cli.session import Session


@verb("resume", examples=["polysync resume backup", "polysync resume '*'"])
@click.argument("tasks", metavar="TASK...", nargs=-1, required=True)
@click.pass_obj
def command(session: Session, tasks: Sequence[str]) -> int:
    """Let paused tasks go on: their next slot runs.

    What passed meanwhile is accounted for, and not caught up.
    """
    with attach(session) as daemon:
        names = tasks_meant(daemon, tasks)
        return each(
            session,
            names,
            lambda name: daemon.post(f"/api/tasks/{name}/resume", {}),
            partial(schedule_line, session),
        )
