"""How the schedule of a task stands, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from polysync.api.told import instant
from polysync.cli.session import Session
from polysync.cli.standing import clock_text
from polysync.domain.render import Cell, Style, relative

Told = Mapping[str, Any]


def schedule_line(session: Session, task: Told) -> list[Cell | str]:
    """A task, and what becomes of its schedule."""
    return [Cell(str(task["name"]), Style.NAME), "  ", "; ".join(schedule_words(session, task))]


def schedule_words(session: Session, task: Told) -> Iterator[str]:
    """What holds a schedule up, and when it goes on."""
    notes = list(holding_words(session, task))
    yield from notes
    at = instant(task["next_at"])
    if at is not None:
        yield f"next {clock_text(task['next_at'], session)}, {relative(at, session.now)}"
    elif not task["cron"]:
        yield "it has no schedule"
    elif not notes:
        yield "nothing of its schedule is to come"


def holding_words(session: Session, task: Told) -> Iterator[str]:
    """What keeps the schedule of a task from running."""
    if not task["enabled"]:
        yield "disabled"
    if task["tripped"]:
        yield "stopped: it started more often than its schedule allows; polysync resume lets it go on"
    if task["paused"]:
        until = f" until {clock_text(task['paused_until'], session)}" if task["paused_until"] else ""
        by = f" by {task['paused_by']}" if task["paused_by"] else ""
        reason = f": {task['pause_reason']}" if task["pause_reason"] else ""
        yield f"paused{until}{by}{reason}"
    if task["skip_next"]:
        yield f"skips the next {task['skip_next']}" if task["skip_next"] > 1 else "skips the next one"
