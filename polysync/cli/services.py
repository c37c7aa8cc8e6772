"""`polysync services`: where the services stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click

from polysync.api.told import exit_text, instant
from polysync.cli.attach import Daemon, attach
from polysync.cli.group import verb
from polysync.cli.session import Session
from polysync.domain.render import Cell, Column, Glyphs, Style, relative, span_words, table

Service = Mapping[str, Any]
COLUMNS: Final = (
    Column("Service", gives=True),
    Column("State"),
    Column("For", right=True),
    Column("Run", right=True),
    Column("Pid", right=True),
    Column("Restarts", right=True),
    Column("Note", gives=True),
)
LOOKS: Final[Mapping[str, tuple[str, Style]]] = {
    "running": ("good", Style.GOOD),
    "fatal": ("bad", Style.BAD),
    "unwell": ("bad", Style.BAD),
    "degraded": ("bad", Style.BAD),
    "backoff": ("bad", Style.WARN),
    "stopped": ("close", Style.DIM),
    "ended": ("close", Style.DIM),
}
WHY: Final[Mapping[str, str]] = {
    "stopped": "stopped by hand",
    "autostart": "autostart = false",
    "disabled": "enabled = false",
    "removed": "no longer in the file",
}


@verb("services", examples=["polysync services", "polysync services --json"])
@click.option("--all", "everything", is_flag=True, help="Unlisted ones too.")
@click.pass_obj
def command(session: Session, *, everything: bool) -> None:
    """The services: which run, since when, and why the others do not."""
    show(session, everything=everything)


def show(session: Session, *, everything: bool) -> None:
    """Print all services."""
    with attach(session) as daemon:
        found = [one for one in all_of(daemon) if everything or not one["unlisted"]]
    if session.json:
        session.document({"items": found, "next": None})
    elif found:
        session.lines(lines(session, found))
    else:
        session.remark("no services")


def all_of(daemon: Daemon) -> Sequence[Service]:
    """Every service, as it stands now."""
    found: Sequence[Service] = daemon.get("/api/services")["items"]
    return found


def lines(session: Session, services: Sequence[Service]) -> list[list[Cell]]:
    """A table of services, a line for each instance."""
    rows = [row for service in services for row in _rows(service, session)]
    return table(COLUMNS, rows, session.width, session.glyphs.more)


def _rows(service: Service, session: Session) -> Iterator[list[Cell | str]]:
    instances = service["instances"]
    for one in instances:
        name = service["name"] if len(instances) == 1 else f"{service['name']}/{one['number']}"
        yield [
            Cell(name, Style.NAME),
            state_cell(one["state"], session.glyphs),
            _time(one, session),
            str(one["run_id"] or ""),
            str(one["pid"] or ""),
            str(one["restarts"] or ""),
            Cell(note_on(service, one), Style.DIM),
        ]
    if not instances:
        note = Cell(note_on(service, {}), Style.DIM)
        yield [Cell(service["name"], Style.NAME), state_cell(service["state"], session.glyphs), "", "", "", "", note]


def state_cell(state: str, glyphs: Glyphs) -> Cell:
    """A state with its mark; the colour only repeats what the word says."""
    mark, style = LOOKS.get(state, ("note", Style.WARN))
    return Cell(f"{getattr(glyphs, mark)} {state}", style)


def _time(one: Mapping[str, Any], session: Session) -> str:
    since, due = instant(one["since"]), instant(one["next_start_at"])
    if due is not None:
        return relative(due, session.now)
    return "" if since is None else span_words(session.now - since)


def note_on(service: Service, one: Mapping[str, Any]) -> str:
    """What else is worth knowing, the most urgent first."""
    if not service["wanted"]:
        return WHY.get(service["why"], service["why"])
    said = [exit_text(one)] if one.get("exit_code") or one.get("signal") else []
    if not said and one.get("error"):
        said.append(str(one["error"]))
    if one.get("failures"):
        said.append(f"{one['failures']} fast failure{'s' if one['failures'] > 1 else ''}")
    if one.get("well") is False:
        said.append(" ".join(str(one["text"] or "its check fails").split()))
    if one.get("trouble"):
        said.append(f"cannot be checked: {one['trouble']}")
    if one.get("state") in {None, "waiting"}:
        said.append(f"waits for {', '.join(service['waits_for']) or 'its turn, or for free disk'}")
    if one.get("outdated"):
        said.append("gets its new definition when its turn comes")
    return "; ".join(said)
