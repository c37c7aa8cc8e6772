"""`polysync logs`: what a run put out, as it was put out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from polysync.cli.attach import Daemon, attach
from polysync.cli.failure import NOT_FOUND, Failure
from polysync.cli.following import Seen, follow, unseen
from polysync.cli.group import verb
from polysync.cli.outpour import Outpour, data_of
from polysync.cli.session import Session

NEAR: Final = 1 << 16  # bytes of the end that are looked at first
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

    Both streams go to the output; on a terminal, what could act on it is made visible instead.  With --json every
    piece is one document, in a line of its own.
    """
    wanted = {"attempt": given["attempt"], "stream": given["stream"]}
    pour = Outpour(session, raw=given["raw"], last=given["last"], timestamps=given["timestamps"], one_stream=True)
    seen: Seen = {}
    with attach(session) as daemon:
        number = _run_of(daemon, given["what"])
        path = f"/api/runs/{number}/log"
        if given["last"] is not None and not given["follow"]:
            pour.all(_ending(daemon, path, given["last"], wanted))
        elif given["last"] is not None or not given["follow"]:
            pour.all(unseen(daemon.lines(path, **wanted), seen))
    if given["follow"]:
        pour.last = None
        follow(session, number, pour, seen, **wanted)


def _ending(daemon: Daemon, path: str, lines: int, wanted: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Enough of the end of a log to hold so many lines."""
    size = NEAR
    while True:
        pieces = list(daemon.lines(path, tail=size, **wanted))
        data = [data_of(piece) for piece in pieces]
        if sum(map(len, data)) < size or sum(piece.count(b"\n") for piece in data) > lines:
            return pieces
        size *= 16


def _run_of(daemon: Daemon, what: str) -> int:
    """The run that a number means, or the newest one of a task."""
    if what.isascii() and what.isdigit():
        return int(what)
    found = daemon.get("/api/runs", task=what, limit=1)["items"]
    if not found:
        hint = "polysync runs lists what ran; polysync next --all names the tasks that have a schedule"
        raise Failure(f"there is no run of a task {what}", code="not_found", status=NOT_FOUND, hint=hint)
    return int(found[0]["id"])
