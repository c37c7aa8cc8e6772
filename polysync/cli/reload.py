"""`polysync reload`: let the configuration on disk hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

import click

from polysync.cli.attach import attach
from polysync.cli.group import verb
from polysync.cli.planned import show_plan
from polysync.cli.session import Session
from polysync.config.diff import plan_of
from polysync.domain.render import Cell, Style
from polysync.domain.schedule import load_zone


@verb("reload", examples=["polysync reload --dry-run", "polysync reload"])
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.pass_obj
def command(session: Session, *, dry_run: bool) -> int:
    """Have the daemon read its configuration again: all of it or, where anything is wrong with it, nothing.

    Shows what changes and which next firings move.  What runs goes on as it was started.  Exits with 2 where the
    configuration has errors: the old one stays in force.
    """
    with attach(session) as daemon:
        told = daemon.post("/api/reload", {"dry_run": dry_run}, patient=True)
    if session.json:
        session.document(told)
        return 0
    for warning in told.get("warnings", ()):
        session.remark(Cell("warning: ", Style.WARN), _warning(warning))
    found = plan_of(told)
    if found.empty:
        session.remark("nothing would change" if dry_run else "nothing has changed")
        return 0
    zones = {moved["task"]: moved.get("timezone") for moved in told["moved"]}
    show_plan(session, found, lambda name: _zone(session, zones.get(name)), done=not dry_run)
    if found.restart_only and not dry_run:
        session.remark(Cell("! ", Style.WARN), "only after a restart: ", ", ".join(found.restart_only))
    return 0


def _zone(session: Session, name: str | None) -> tzinfo:
    return load_zone(name or session.host_zone)


def _warning(told: Mapping[str, Any]) -> str:
    place = f"{told['path']}:{told['line']}:{told['column']}: " if told.get("line") else f"{told['path']}: "
    key = f"{told['key']}: " if told.get("key") else ""
    hint = f"; {told['hint']}" if told.get("hint") else ""
    return f"{place}{key}{told['message']}{hint}"
