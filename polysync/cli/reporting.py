"""`polysync report` for click: its help, and the same answers in every form that other commands have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from polysync.cli.failure import Failure
from polysync.cli.group import verb
from polysync.cli.report import Mistake, report
from polysync.cli.session import Session

EXAMPLES: Final = [
    "polysync report output rows=42",
    'polysync report output \'files:=["a.csv","b.csv"]\'',
    "polysync report progress 40 loading",
    "polysync report error E7 no such table",
    "polysync report retry-after 5m",
]


@verb("report", examples=EXAMPLES)
@click.argument("words", metavar="WHAT...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def command(session: Session, words: Sequence[str]) -> None:
    """Say something about the run that this command is called from.

    output NAME=VALUE... | NAME:=JSON... (--sensitive before them: shown as stars); progress PERCENT [TEXT];
    message CODE [TEXT]; error CODE [TEXT]; retry-after D; status fatal|intermediate|skipped; status-code N;
    heartbeat.  It works while the daemon is down: the words go into the file that POLYSYNC_REPORT names.
    """
    try:
        report(words, session.around.env)
    except Mistake as mistake:
        raise Failure(mistake.message, code="report", status=mistake.status, hint=mistake.hint) from None


# Whatever stands behind the word belongs to the text: `report message NOTE --json is nice`.
command.context_settings.update(ignore_unknown_options=True, allow_interspersed_args=False)
