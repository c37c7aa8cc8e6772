"""`polysync stop`: end runs, wherever they stand."""

from __future__ import annotations

from collections.abc import Sequence

import click

from polysync.api.told import FINAL, state_cell
from polysync.cli.attach import Daemon, attach
from polysync.cli.failure import Failure
from polysync.cli.group import verb
from polysync.cli.session import Session
from polysync.cli.standing import RUN
from polysync.domain.render import Cell, Style


@verb("stop", examples=["polysync stop 42", "polysync stop 42 43 --reason 'wrong day'"])
@click.argument("numbers", metavar="ID...", nargs=-1, required=True, type=RUN)
@click.option("--reason", metavar="TEXT", help="Why; it is kept with the run.")
@click.pass_obj
def command(session: Session, numbers: Sequence[int], reason: str | None) -> int:
    """Stop runs: a waiting one is cancelled, a running one is asked to end and killed after its grace.

    Its retries end too.  Every run that can be stopped is, also where another one cannot.
    """
    with attach(session) as daemon:
        told = [_stop(session, daemon, number, reason) for number in dict.fromkeys(numbers)]
    items = {"items": [one for one in told if isinstance(one, dict)], "next": None}
    failures = [one for one in told if isinstance(one, Failure)]
    for failure in failures[1:]:
        session.remark(Cell("error: ", Style.BAD), failure.message)
    if failures:
        failures[0].beside = items
        raise failures[0]
    if session.json:
        session.document(items)
    return 0


def _stop(session: Session, daemon: Daemon, number: int, reason: str | None) -> dict[str, object] | Failure:
    try:
        run: dict[str, object] = daemon.post(f"/api/runs/{number}/stop", {"reason": reason} if reason else {})
    except Failure as failure:
        return failure
    if not session.json and not session.quiet:
        ended = str(run["state"]) in FINAL
        words = "  " if ended else "  is asked to end: "
        session.line(Cell(f"run {number}", Style.BOLD), words, state_cell(run, session.glyphs))
    return run
