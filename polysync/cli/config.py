"""`polysync config diff`: what a reload would change."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from polysync.cli.failure import FAILED, count
from polysync.cli.group import Verb, global_options, verb
from polysync.cli.loading import read, usable, where
from polysync.cli.moments import local_text
from polysync.cli.render import Cell, Column, Style, cut, table
from polysync.cli.session import Session
from polysync.cli.written import as_written
from polysync.config.diff import Change, Plan, plan
from polysync.config.toml import write_value
from polysync.domain.schedule import load_zone
from polysync.domain.settings import Configuration

SHORT: Final = 24  # two values up to this length stand on one line


class Parts(click.Group):
    """A command with parts of its own, and the options that every command takes."""

    format_epilog = Verb.format_epilog
    examples = ("polysync config diff old.toml polysync.toml",)


@click.group(
    "config",
    cls=Parts,
    add_help_option=False,
    no_args_is_help=False,
    params=global_options(),
    subcommand_metavar="PART",
)
def command() -> None:
    """Look at configurations side by side."""


@verb(
    "diff",
    examples=["polysync config diff /etc/polysync/polysync.toml new.toml", "polysync config diff old.toml --check"],
)
@click.argument("old")
@click.argument("new", required=False)
@click.option("--check", is_flag=True, help="Exit with 1 where anything would change.")
@click.pass_obj
def diff(session: Session, old: str, new: str | None, *, check: bool) -> int:
    """What a reload from OLD to NEW, or to the configuration in use, would change."""
    before, after = usable(read(session, Path(old))), usable(read(session, Path(new) if new else where(session)))
    found = plan(before, after, session.now)
    if session.json:
        session.document(found.to_data())
    elif found.empty:
        session.remark("nothing would change")
    else:
        _show(session, found, after)
    return FAILED if check and not found.empty else 0


command.add_command(diff)


def _show(session: Session, found: Plan, after: Configuration) -> None:
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
    _show_moved(session, found, after)
    session.line()
    session.line(_summary(found))


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


def _show_moved(session: Session, found: Plan, after: Configuration) -> None:
    if not found.moved:
        return
    session.line()
    rows: list[list[Cell | str]] = []
    for moved in found.moved:
        task = after.tasks.get(moved.task)
        zone = load_zone((task.timezone if task else None) or after.zone)
        old, new = (local_text(at, zone) if at else "-" for at in (moved.old_at, moved.new_at))
        rows.append([Cell(moved.task, Style.NAME), old, new])
    columns = (Column("Next firing of", gives=True), Column("Before"), Column("After"))
    session.lines(table(columns, rows, session.width, session.glyphs.more))


def _summary(found: Plan) -> str:
    tables = len({change.table for change in found.changed})
    parts = [
        (len(found.added), "added"),
        (len(found.removed), "removed"),
        (len(found.renamed), "renamed"),
        (tables, "changed"),
    ]
    said = ", ".join(f"{number} {word}" for number, word in parts if number)
    return f"{said}; {count(len(found.moved), 'next firing')} would move" if found.moved else said
