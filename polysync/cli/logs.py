"""`polysync logs`: what a run put out, as it was put out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from polysync.cli.attach import Daemon, attach
from polysync.cli.exporting import Export
from polysync.cli.failure import NOT_FOUND, Failure, usage
from polysync.cli.finding import apart, compiled, results, sieved
from polysync.cli.following import Seen, follow, unseen
from polysync.cli.group import verb
from polysync.cli.moments import moment, utc_text
from polysync.cli.outpour import Outpour
from polysync.cli.render import Cell, Style
from polysync.cli.session import Session

SCREEN: Final = 1_000  # lines that a terminal gets unless it asks for more
ALL: Final = "all"
EXAMPLES: Final = [
    "polysync logs 42",
    "polysync logs backup -f",
    "polysync logs 42 --stream err -n 20",
    "polysync logs backup --grep 'timeout|refused' -C 2",
    "polysync logs 42 --export backup-logs",
]


@verb("logs", examples=EXAMPLES)
@click.argument("what", metavar="RUN|TASK")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run is over, over all its attempts.")
@click.option("-n", "last", metavar="N", help="Only the last N lines of what there is, or all.")
@click.option("--since", metavar="D|T", help="From this time on: 14:00, 2026-03-29 02:30, 10m (ago) …")
@click.option("--attempt", type=click.IntRange(1), metavar="K", help="Of this attempt only.")
@click.option("--stream", type=click.Choice(["out", "err"]), metavar="S", help="Of this stream only: out or err.")
@click.option("--grep", metavar="RE", help="Only lines that hold this regular expression.")
@click.option("-C", "--context", type=click.IntRange(0, 1000), metavar="N", help="With N lines around each of them.")
@click.option("-i", "--ignore-case", is_flag=True, help="Small and capital letters are the same to --grep.")
@click.option("--timestamps", is_flag=True, help="When each line came, in front of it.")
@click.option("--raw", is_flag=True, help="Every byte as it is, on a terminal too.")
@click.option("--export", metavar="DIR", help="Write a file for each attempt and stream into this folder instead.")
@click.pass_obj
def command(session: Session, /, **given: Any) -> None:
    """The output of a run, or of the newest run of a task.

    Both streams go to the output in the order in which they were stored.  A terminal gets the last 1,000 lines unless
    -n says otherwise; progress on one line is shown in its last state, colours stay, and whatever else could act is
    made visible instead.  Elsewhere every byte comes as it is.  With --json every piece is one document, in a line of
    its own.
    """
    _check(given)
    wanted = {"attempt": given["attempt"], "stream": given["stream"]}
    pour = Outpour(
        session, raw=given["raw"], timestamps=given["timestamps"], one_stream=True, live=bool(given["follow"])
    )
    since = None if given["since"] is None else since_text(session, given["since"])
    begin = {name: value for name, value in (("tail_lines", _last(session, given)), ("since", since)) if value is not None}
    with attach(session) as daemon:
        number = _run_of(daemon, given["what"])
        path = f"/api/runs/{number}/log"
        if given["export"] is not None:
            _export(session, Export(Path(session.around.folder, given["export"])), daemon.lines(path, **begin, **wanted))
        elif given["grep"] is not None and not given["follow"]:
            asked = {"grep": given["grep"], "context": given["context"], "ignore_case": int(given["ignore_case"])}
            _grep(session, pour, daemon.lines(path, **asked, since=since, **wanted), given["last"])
        elif not given["follow"]:
            pour.all(unseen(daemon.lines(path, **begin, **wanted), {}))
            pour.finish()
    if given["follow"]:
        _follow(session, number, pour, begin, wanted, given)
