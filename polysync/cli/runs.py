"""`polysync runs`: the history, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from polysync.cli.attach import attach
from polysync.cli.group import verb
from polysync.cli.moments import moment, utc_text
from polysync.cli.render import Cell, Column, Style
from polysync.cli.session import Session
from polysync.cli.standing import began, exit_text, lacking, state_cell, took
from polysync.domain.run import State
from polysync.domain.values import Trigger

USUAL: Final = 20
COLUMNS: Final = (
    Column("Run", right=True),
    Column("Task", gives=True),
    Column("State"),
    Column("When"),
    Column("Took", right=True),
    Column("Why", gives=True),
)
EXAMPLES: Final = ["polysync runs", "polysync runs --task backup --state failed --since -2d", "polysync runs --json"]


@verb("runs", examples=EXAMPLES)
@click.option("--task", metavar="T", help="Of this task.")
@click.option("--state", type=click.Choice([state.value for state in State]), metavar="S", help="In this state.")
@click.option("--since", metavar="D", help="Created at or after this time: 2026-03-29, 14:00, -2d …")
@click.option("--until", metavar="D", help="Created before this time.")
@click.option("--trigger", type=click.Choice([trigger.value for trigger in Trigger]), metavar="X", help="Made by this.")
@click.option("--tag", metavar="T", help="With this tag: NAME or NAME=VALUE.")
@click.option("--correlation-id", metavar="C", help="That belong together under this id.")
@click.option("--external-id", metavar="X", help="With this id of another system.")
@click.option("--limit", type=click.IntRange(1, 500), default=USUAL, metavar="N", help="How many. Default: 20.")
@click.option("--cursor", metavar="C", help="Go on where a page ended, as it told.")
@click.pass_obj
def command(session: Session, /, **given: Any) -> None:
    """The runs, newest first: what ran, what did not, and why."""
    wanted = {name: value for name, value in given.items() if value is not None}
    for name in ("since", "until"):
        if name in wanted:
            wanted[name] = _time(session, wanted[name], f"--{name}")
    with attach(session) as daemon:
        page = daemon.get("/api/runs", **wanted)
    if session.json:
        session.document(page)
        return
    if not page["items"]:
        session.remark("no runs" if len(wanted) == 1 else "no run is like that")
        return
    session.lines(lines(session, page["items"]))
    if page["next"] and not session.quiet:
        session.remark(Cell(f"more: --cursor {page['next']}", Style.DIM))


def lines(session: Session, runs: Sequence[Mapping[str, Any]]) -> list[list[Cell]]:
    """A table of runs."""
    from polysync.cli.render import table

    rows = [_row(run, session) for run in runs]
    return table(COLUMNS, rows, session.width, session.glyphs.more)


def _row(run: Mapping[str, Any], session: Session) -> list[Cell | str]:
    return [
        str(run["id"]),
        Cell(str(run["task"]), Style.NAME),
        state_cell(run, session.glyphs),
        began(run, session.now),
        took(run, session.now),
        Cell(_why(run), Style.DIM),
    ]


def _why(run: Mapping[str, Any]) -> str:
    """What made the run, and what is worth saying of its end."""
    count = f" x{run['slots']}" if (run.get("slots") or 1) > 1 else ""
    waits = lacking(run)
    said = run.get("error") or (f"waits for {waits}" if waits else "")
    if not said and run.get("exit_code"):
        said = exit_text(run)
    return f"{run['trigger']}{count}" + (f": {said}" if said else "")


def _time(session: Session, text: str, option: str) -> str:
    from zoneinfo import ZoneInfo

    return utc_text(moment(text, option, session.now, ZoneInfo(session.host_zone)).at)
