"""`polysync pause`: account for the slots of tasks without running them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from polysync.cli.attach import attach
from polysync.cli.group import verb
from polysync.cli.meant import each, tasks_meant
from polysync.cli.moments import moment, utc_text
from polysync.cli.pausing import schedule_line
from polysync.cli.session import Session

EXAMPLES = ["polysync pause backup --reason 'new disks'", "polysync pause 'report-*' --until 2026-04-01"]


@verb("pause", examples=EXAMPLES)
@click.argument("tasks", metavar="TASK...", nargs=-1, required=True)
@click.option("--until", metavar="T", help="Until then: 2026-04-01, 14:00, +2h …  Else until polysync resume.")
@click.option("--reason", metavar="TEXT", help="Why; it is shown to whoever wonders.")
@click.pass_obj
def command(session: Session, tasks: Sequence[str], until: str | None, reason: str | None) -> int:
    """Pause the schedules of tasks: each slot is accounted for, and none runs.

    It survives restarts.  What runs goes on, and polysync exec starts a paused task all the same.
    """
    body: dict[str, Any] = {} if reason is None else {"reason": reason}
    if until is not None:
        from zoneinfo import ZoneInfo

        body["until"] = utc_text(moment(until, "--until", session.now, ZoneInfo(session.host_zone)).at)
    with attach(session) as daemon:
        names = tasks_meant(daemon, tasks)
        return each(
            session,
            names,
            lambda name: daemon.post(f"/api/tasks/{name}/pause", body),
            partial(schedule_line, session),
        )
