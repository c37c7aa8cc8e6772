"""A reload plan as people read it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Any, Final

from polysync.cli.failure import count
from polysync.cli.moments import local_text
from polysync.cli.session import Session
from polysync.config.diff import Change, Plan
from polysync.config.toml import write_value
from polysync.config.written import as_written
from polysync.domain.render import Cell, Column, Style, cut, table

SHORT: Final = 24  # two values up to this length stand on one line


def show_plan(session: Session, found: Plan, zone_of: Callable[[str], tzinfo], *, done: bool = False) -> None:
    """What would change, or has, table by table, and which next firings move."""
    for name in found.added:
        session.line(Cell("+ ", Style.GOOD), Cell(name, Style.GOOD))
    for name in found.removed:
        session.line(Cell("- ", Style.BAD), Cell(name, Style.BAD))
    for old, new in found.renamed:
        session.line(
            Cell("= ", Style.NAME), f"tasks.{old} {session.glyphs.arrow} tasks.{new}", Cell("  renamed", Style.DIM)
        )
    table_name = None
    for change in found.changed:
        if change.table != table_name:
            session.line(Cell("~ ", Style.WARN), Cell(change.table, Style.WARN))
            table_name = change.table
        _show_change(session, change, found)
    _show_moved(session, found, zone_of)
    session.line()
    session.line(_summary(found, "moved" if done else "would move"))


def _show_change(session: Session, change: Change, found: Plan) -> None:
    restart = f"{change.table}.{change.key}" in found.restart_only
    note = Cell("  only after a restart" if restart else "", Style.WARN)
    old, new = (_text(change.key, value) for value in (change.old, change.new))
    lead = f"    {change.key}: " if change.key else "    "
    if max(len(old), len(new)) <= SHORT:
        session.line(lead, old, f" {session.glyphs.arrow} ", new, note)
        return
    session.line(lead.rstrip(), note)
    room = None if session.width is None else session.width - len("      - ")
    for mark, style, text in (("-", Style.BAD, old), ("+", Style.GOOD, new)):
        shown = text if room is None else cut(text, room, session.glyphs.more)
        session.line("      ", Cell(f"{mark} ", style), shown)


def _text(key: str, value: Any) -> str:
    return "-" if value is None else write_value(as_written(key, value)).replace("\n", "⏎")


def _show_moved(session: Session, found: Plan, zone_of: Callable[[str], tzinfo]) -> None:
    if not found.moved:
        return
    session.line()
    rows: list[list[Cell | str]] = []
    for moved in found.moved:
        zone = zone_of(moved.task)
        old, new = (local_text(at, zone) if at else "-" for at in (moved.old_at, moved.new_at))
        rows.append([Cell(moved.task, Style.NAME), old, new])
    columns = (Column("Next firing of", gives=True), Column("Before"), Column("After"))
    session.lines(table(columns, rows, session.width, session.glyphs.more))


def _summary(found: Plan, moved: str) -> str:
    tables = len({change.table for change in found.changed})
    parts = [
        (len(found.added), "added"),
        (len(found.removed), "removed"),
        (len(found.renamed), "renamed"),
        (tables, "changed"),
    ]
    said = ", ".join(f"{number} {word}" for number, word in parts if number)
    return f"{said}; {count(len(found.moved), 'next firing')} {moved}" if found.moved else said
