"""`polysync logs`: what a run put out, as it was put out."""

from __future__ import annotations

from typing import Any, Final

import click

from polysync.cli.attach import Daemon, attach
from polysync.cli.failure import NOT_FOUND, Failure
from polysync.cli.following import Seen, follow, unseen
from polysync.cli.group import verb
from polysync.cli.outpour import Outpour
from polysync.cli.session import Session

EXAMPLES: Final = ["polysync logs 42", "polysync logs backup -f", "polysync logs 42 --stream err -n 20"]


@verb("logs", examples=EXAMPLES)
@click.argument("what", metavar="RUN|TASK")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run is over.")
@click.option("-n", "last", type=click.IntRange(0), metavar="N", help="Only the last N lines of what there is.")
@click.option("--attempt", type=click.IntRange(1), metavar="K", help="Of this attempt only.")
@click.option("--stream", type=click.Choice(["out", "err"]), metavar="S", help="Of this stream only: out or err.")
@click.option("--timestamps", is_flag=True, help="When each line came, in front of it.")
@click.option("--raw", is_flag=True, help="Every byte as it is, on a terminal too.")
@click.pass_obj
def command(session: Session, /, **given: Any) -> None:
    """The output of a run, or of the newest run of a task.

    Both streams go to the output; on a terminal, what could act on it is made visible instead.
    """
    wanted = {"attempt": given["attempt"], "stream": given["stream"]}
    pour = Outpour(session, raw=given["raw"], last=given["last"], timestamps=given["timestamps"], one_stream=True)
    seen: Seen = {}
    with attach(session) as daemon:
        number = _run_of(daemon, given["what"])
        if not given["follow"] or given["last"] is not None:
            pour.all(unseen(daemon.lines(f"/api/runs/{number}/log", **wanted), seen))
    if given["follow"]:
        pour.last = None
        follow(session, number, pour, seen, **wanted)


def _run_of(daemon: Daemon, what: str) -> int:
    """The run that a number means, or the newest one of a task."""
    if what.isascii() and what.isdigit():
        return int(what)
    found = daemon.get("/api/runs", task=what, limit=1)["items"]
    if not found:
        raise Failure(f"{what} has no runs", code="not_found", status=NOT_FOUND, hint="polysync runs lists what ran")
    return int(found[0]["id"])
