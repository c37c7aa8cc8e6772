"""`polysync rerun`: do a run again."""

from __future__ import annotations

from collections.abc import Sequence

import click

from polysync.cli.accompany import accompany
from polysync.cli.attach import attach
from polysync.cli.exec import pairs
from polysync.cli.group import verb
from polysync.cli.meant import run_meant
from polysync.cli.session import Session


@verb("rerun", examples=["polysync rerun 42", "polysync rerun backup -p day=2026-03-29 --follow"])
@click.argument("what", metavar="RUN|TASK")
@click.option("-p", "parameters", multiple=True, metavar="K=V", help="Another value; may be given several times.")
@click.option("--tag", "tags", multiple=True, metavar="K=V", help="Another label; may be given several times.")
@click.option("-f", "--follow", is_flag=True, help="Follow it to its end and exit as it does, like exec.")
@click.pass_obj
def command(session: Session, what: str, parameters: Sequence[str], tags: Sequence[str], *, follow: bool) -> int:
    """Make a run like one that is over, with its parameters and its tags, and print its id.

    The name of a task means its newest run.  Values that the task fetches or fills in for each run are fetched anew.
    """
    body = {"parameters": pairs(tuple(parameters), "-p"), "tags": pairs(tuple(tags), "--tag")}
    with attach(session) as daemon:
        number = run_meant(daemon, what)
        run = daemon.once(f"/api/runs/{number}/rerun", body, session)
    if follow:
        return accompany(session, run)
    if session.json:
        session.document(run)
    else:
        session.line(str(run["id"]))
    return 0
