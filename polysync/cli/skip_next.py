"""`polysync skip-next`: leave out the next slot of tasks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from polysync.cli.attach import attach
from polysync.cli.group import verb
from polysync.cli.meant import each, tasks_meant
from polysync.cli.pausing import schedule_line
from polysync.cli.session import Session


@verb("skip-next", examples=["polysync skip-next backup"])
@click.argument("tasks", metavar="TASK...", nargs=-1, required=True)
@click.pass_obj
def command(session: Session, tasks: Sequence[str]) -> int:
    """Leave out the next slot that would run; said twice, the one after it too."""
    with attach(session) as daemon:
        names = tasks_meant(daemon, tasks)
        return each(
            session,
            names,
            lambda name: daemon.post(f"/api/tasks/{name}/skip-next", {}),
            partial(schedule_line, session),
        )
