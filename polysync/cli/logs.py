"""`polysync logs`: what a run put out, as it was put out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from polysync.cli.attach import attach
from polysync.cli.failure import usage
from polysync.cli.finding import Sieve, apart, results
from polysync.cli.following import follow
from polysync.cli.group import verb
from polysync.cli.outpour import Outpour
from polysync.cli.session import Session
from polysync.cli.stored import poured, run_of
from polysync.domain.render import Cell, Style

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
    """The output of a run, or of the newest run of a task that began.

    Both streams go to the output in the order in which they were stored.  A terminal gets the last 1,000 lines unless
    -n says otherwise; progress on one line is shown in its last state, colours stay, and whatever else could act is
    made visible instead.  Elsewhere every byte comes as it is.  With --json every piece is one document, in a line of
    its own.
    """
    begin, wanted = _beginning(session, given), {"attempt": given["attempt"], "stream": given["stream"]}
    sieve = Sieve(given["grep"], ignore_case=given["ignore_case"]) if given["grep"] is not None else None
    pour = Outpour(session, raw=given["raw"], timestamps=given["timestamps"], one_stream=True, live=given["follow"])
    with attach(session) as daemon:
        number = run_of(daemon, given["what"])
        path = f"/api/runs/{number}/log"
        if given["export"] is not None:
            _export(session, Path(session.around.folder, given["export"]), daemon.lines(path, **begin, **wanted))
        elif sieve is not None and not given["follow"]:
            asked = {name: given[name] or None for name in ("grep", "context")}
            asked["ignore_case"] = 1 if given["ignore_case"] else None
            _grep(session, pour, daemon.lines(path, **asked, **begin, **wanted), given["last"])
        elif not given["follow"]:
            poured(daemon, number, pour, {**begin, **wanted})
            _finished(session, pour, whole=given["last"] is not None)
    if given["follow"]:
        pour.sieve = sieve
        follow(session, number, pour, begin=begin, **wanted)


def _beginning(session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    """Where the log is to begin, as the API takes it; words that do not go together are refused."""
    if given["grep"] is None and (given["context"] is not None or given["ignore_case"]):
        raise usage("-C and -i belong to --grep", "say what to look for: --grep RE")
    if given["context"] is not None and (given["follow"] or given["last"] is not None):
        raise usage("-C goes neither with -f nor with -n", "look at what is stored: leave them out")
    if given["export"] is not None and (given["follow"] or given["grep"] is not None):
        raise usage("--export writes what is stored, whole", "leave out -f and --grep")
    begin = {} if given["since"] is None else {"since": since_text(session, given["since"])}
    last = _number(given["last"])
    if given["grep"] is not None and not given["follow"]:
        return begin  # the last lines that were found are not those of the log
    plain = session.json or given["export"] is not None or not session.around.stdout.isatty()
    if given["last"] is None and not plain:
        last = SCREEN
    return begin if last is None else {**begin, "tail_lines": last}


def _number(text: str | None) -> int | None:
    """How many lines; None: all of them."""
    if text is None or text == ALL:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise usage(f"-n {text} is neither a number of lines nor {ALL}", "write -n 20")
    return int(text)


def since_text(session: Session, text: str, option: str = "--since") -> str:
    """A time on the command line as the API takes it; a mere length of time counts back from now."""
    from zoneinfo import ZoneInfo

    from polysync.cli.moments import moment, utc_text

    said = text.strip()
    ago = said[:1].isdigit() and said[-1:].isalpha() and "-" not in said
    return utc_text(moment(f"-{said}" if ago else said, option, session.now, ZoneInfo(session.host_zone)).at)


def _finished(session: Session, pour: Outpour, *, whole: bool) -> None:
    """Where a terminal did not get all that there is, that is said."""
    pour.finish()
    if session.around.stdout.isatty() and not session.json and not whole and pour.lines >= SCREEN - 1:
        session.remark(Cell(f"the last {SCREEN:,} lines; -n {ALL} shows everything", Style.DIM))


def _grep(session: Session, pour: Outpour, lines: Iterator[Mapping[str, Any]], last: str | None) -> None:
    """The lines that were found, groups apart from each other where others stand around them."""
    counted: dict[str, Any] = {}
    found: Iterable[Mapping[str, Any]] = results(lines, counted)
    count = _number(last)
    if count is not None:
        found = deque(found, count)
    before = None
    around = False
    for line in found:
        around = around or bool(line.get("context"))
        if around and not session.json and apart(line, before):
            pour.write({**line, "data": "--\n", "base64": "LS0K"})
        pour.write(line)
        before = line
    pour.finish()


def _export(session: Session, folder: Path, pieces: Iterator[Mapping[str, Any]]) -> None:
    from polysync.cli.exporting import Export

    export = Export(folder)
    export.all(pieces)
    if session.json:
        files = {str(path): size for path, size in export.sizes.items()}
        session.document({"files": files, "left_out": export.left_out})
        return
    for path, size in export.sizes.items():
        session.line(f"{path}  {size:,} bytes")
    if not export.sizes:
        session.remark("there is no output")
    if export.left_out:
        session.remark(f"{export.left_out:,} bytes were not kept and are missing")
