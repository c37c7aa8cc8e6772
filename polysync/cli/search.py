"""`polysync search`: lines of output that hold a pattern, in one run, one task or everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from polysync.cli.attach import attach
from polysync.cli.failure import Failure, count
from polysync.cli.finding import apart, results
from polysync.cli.group import verb
from polysync.cli.logs import since_text
from polysync.cli.outpour import data_of
from polysync.cli.session import Session, ascii_json
from polysync.cli.standing import RUN, clock_text
from polysync.domain.render import Cell, Style

USUAL: Final = 1_000
QUERY: Final = "q: "
EXAMPLES: Final = [
    "polysync search 'connection refused'",
    "polysync search 'error|warning' --task backup --since 2d -i",
    "polysync search timeout --run 42 -C 3",
]


@verb("search", examples=EXAMPLES)
@click.argument("pattern", metavar="RE")
@click.option("--task", metavar="T", help="In runs of this task.")
@click.option("--run", type=RUN, metavar="ID", help="In this run.")
@click.option("--stream", type=click.Choice(["out", "err"]), metavar="S", help="In this stream only: out or err.")
@click.option("--since", metavar="D|T", help="In what came from this time on: 14:00, 2026-03-29, 10m (ago) …")
@click.option("--limit", type=click.IntRange(1), default=USUAL, metavar="N", help="How many lines. Default: 1,000.")
@click.option("-C", "--context", type=click.IntRange(0, 1000), metavar="N", help="With N lines around each of them.")
@click.option("-i", "--ignore-case", is_flag=True, help="Small and capital letters are the same.")
@click.pass_obj
def command(session: Session, /, **given: Any) -> None:
    """Lines of output that hold a regular expression, newest run first.

    Each line is told with its attempt, its stream and its number.  With --json every line is one document.
    """
    wanted = {name: given[name] for name in ("task", "run", "stream", "limit", "context")}
    wanted["since"] = None if given["since"] is None else since_text(session, given["since"])
    wanted["ignore_case"] = 1 if given["ignore_case"] else None
    counted: dict[str, Any] = {}
    with attach(session) as daemon:
        found = results(daemon.lines("/api/search", q=given["pattern"], **wanted), counted)
        try:
            (_documents if session.json else _told)(session, found)
        except Failure as refused:
            raise _in_our_words(refused) from refused
    _sum(session, counted)


def _in_our_words(refused: Failure) -> Failure:
    """What the daemon says about `q` is about RE on the command line."""
    if refused.message.startswith(QUERY):
        refused.message = f"RE: {refused.message.removeprefix(QUERY)}"
    return refused


def _documents(session: Session, found: Iterator[Mapping[str, Any]]) -> None:
    for line in found:
        session.around.stdout.write(ascii_json(line) + "\n")
        session.around.stdout.flush()


def _told(session: Session, found: Iterator[Mapping[str, Any]]) -> None:
    before, around = None, False
    for line in found:
        around = around or bool(line.get("context"))
        if before is None or before["run"] != line["run"]:
            when = Cell(clock_text(line["at"], session), Style.DIM)
            session.line(Cell(f"run {line['run']}", Style.BOLD), "  ", Cell(line["task"], Style.NAME), "  ", when)
        elif around and apart(line, before):
            session.line("  --")
        session.line(*_cells(line))
        session.around.stdout.flush()
        before = line


def _cells(line: Mapping[str, Any]) -> Iterator[Cell | str]:
    """One line, with the place where it stands."""
    place = f"  {line['attempt']}.{line['stream']} {line['line']}"
    yield Cell(f"{place}{'-' if line.get('context') else ':'} ", Style.DIM)
    text = data_of(line).rstrip(b"\r\n").decode("utf-8", "replace").expandtabs()
    yield text if not line.get("context") else Cell(text, Style.DIM)


def _sum(session: Session, counted: Mapping[str, Any]) -> None:
    if session.json or not counted:
        return
    matches, runs = counted["matches"], counted["runs"]
    if not matches:
        session.remark("nothing was found")
    elif not counted["complete"]:
        session.remark(Cell(f"the first {count(matches, 'line')}; --limit gives more", Style.DIM))
    else:
        session.remark(Cell(f"{count(matches, 'line')} in the output of {count(runs, 'run')}", Style.DIM))
