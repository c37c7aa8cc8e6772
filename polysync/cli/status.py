"""`polysync status`: is the daemon well, and what does it do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import click

from polysync.cli.attach import attach
from polysync.cli.group import verb
from polysync.cli.render import Cell, Style, relative, span_words
from polysync.cli.session import Session
from polysync.cli.standing import instant

LABEL: Final = 13


@verb("status", examples=["polysync status", "polysync status --json"])
@click.pass_obj
def command(session: Session) -> int:
    """The daemon's health: since when it runs, what runs and waits, what is due next, disk and clock.

    Exits with 1 where something needs a person.
    """
    with attach(session) as daemon:
        told = daemon.get("/api/status")
    troubles = list(_troubles(told))
    if session.json:
        session.document(told)
        return 1 if troubles else 0
    mark = Cell(session.glyphs.good, Style.GOOD)
    if troubles:
        mark = Cell(f"{session.glyphs.bad} needs attention", Style.BAD)
    uptime = span_words(timedelta(seconds=float(told.get("uptime") or 0)))
    session.line(Cell("polysync", Style.BOLD), f" {told['version']}, up {uptime}, pid {told['pid']}  ", mark)
    for label, text in _facts(told, session):
        session.line(Cell(label.ljust(LABEL), Style.DIM), "  ", text)
    for trouble in troubles:
        session.line(Cell("trouble".ljust(LABEL), Style.BAD), "  ", str(trouble))
    return 1 if troubles else 0


def _troubles(told: Mapping[str, Any]) -> Iterator[str]:
    """What needs a person, in words."""
    storage, disk, clock = (told.get(name) or {} for name in ("storage", "disk", "clock"))
    error = (told.get("config") or {}).get("error")
    if error:
        wrong = f"{error['problems']} problem{'' if error['problems'] == 1 else 's'}"
        yield f"the configuration on disk has {wrong}, the one before stays in force: {error['first']}"
        yield "polysync validate shows all of them; mend them, then polysync reload"
    if storage.get("trouble"):
        yield f"nothing can be stored: {storage['trouble']}"
    if storage.get("logs"):
        yield f"output is not stored: {storage['logs']}"
    if disk.get("low"):
        yield "the disk is almost full: new attempts wait"
    if clock.get("held"):
        yield "the clock stands before the last stored look at it: nothing fires until it is right"
    stuck = (told.get("watchdog") or {}).get("stuck")
    if stuck:
        yield f"a part of the daemon does not answer: {', '.join(stuck)}; polysync doctor says more"


def _facts(told: Mapping[str, Any], session: Session) -> Iterator[tuple[str, str]]:
    config = told.get("config") or {}
    if config:
        yield "configuration", _configuration(config, session)
    if told.get("home"):
        yield "home", str(told["home"])
    states = (told.get("runs") or {}).get("states") or {}
    yield "runs", ", ".join(f"{count} {state}" for state, count in states.items() if count) or "none at the moment"
    due = told.get("next")
    if due:
        at = instant(due["at"])
        yield "next", f"{due['task']} {relative(at, session.now)}" if at else str(due["task"])
    disk = told.get("disk") or {}
    if disk.get("free") is not None:
        yield "disk", f"{_size(disk['free'])} free" + (", low" if disk.get("low") else "")
    zone = told.get("timezone")
    if zone:
        yield "time zone", f"{zone}, zone data {told.get('zone_data', 'unknown')}"


def _configuration(config: Mapping[str, Any], session: Session) -> str:
    at = instant(config.get("loaded_at"))
    notes = [f"read {relative(at, session.now)}" if at else ""]
    if config.get("newer"):
        notes.append("the file is newer: polysync reload takes it, --dry-run shows what changes")
    if config.get("restart_only"):
        notes.append(f"waits for a restart: {', '.join(config['restart_only'])}")
    return "; ".join([str(config.get("path")), *filter(None, notes)])


def _size(count: int) -> str:
    """So many bytes in the unit that fits."""
    return f"{count / (1 << 30):.1f} GB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MB"
