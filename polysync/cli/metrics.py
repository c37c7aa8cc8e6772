"""`polysync metrics`: what the daemon counts and measures, as Prometheus reads it."""

from __future__ import annotations

import click

from polysync.cli.attach import attach
from polysync.cli.failure import usage
from polysync.cli.group import verb
from polysync.cli.session import Session
from polysync.domain.safe_text import safe_text


@verb("metrics", examples=["polysync metrics", "polysync metrics | grep runs_ended"])
@click.pass_obj
def command(session: Session) -> None:
    """What the daemon counts and measures: OpenMetrics text, the same as at /metrics.

    Counters begin anew with the daemon; process_start_time_seconds tells when that was.
    """
    if session.json:
        raise usage("metrics have a form of their own, and no JSON", "polysync status --json")
    with attach(session) as daemon:
        answer = daemon.answer("GET", "/metrics", patient=True)
    for line in answer.body.decode().splitlines():
        session.around.stdout.write(safe_text(line) + "\n")
