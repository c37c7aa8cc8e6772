"""`polysync prune`: remove what is kept no longer, or show what would go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from polysync.cli.attach import attach
from polysync.cli.group import verb
from polysync.cli.session import Session
from polysync.domain.render import Cell, Column, Style

COLUMNS: Final = (
    Column("Task", gives=True),
    Column("Runs", right=True),
    Column("Output", right=True),
    Column("Why", gives=True),
)
UNITS: Final = (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10))
WORDS: Final = {
    "count": "too many (keep_runs)",
    "age": "too old (keep_for)",
    "size": "all output too large (max_size)",
    "space": "disk almost full (min_free_space)",
}


@verb("prune", examples=["polysync prune --dry-run", "polysync prune"])
@click.option("--dry-run", is_flag=True, help="Only show what would go, and why.")
@click.pass_obj
def command(session: Session, *, dry_run: bool) -> int:
    """Remove runs that are kept no longer, with their output: now, and not at the next `cleanup_every`.

    What is kept is said by keep_runs and keep_for of each task, and by max_size and min_free_space of [storage].
    Runs that are dead or not at their end stay.
    """
    with attach(session) as daemon:
        told = daemon.post("/api/prune", {"dry_run": dry_run}, patient=True)
    if session.json:
        session.document(told)
    elif not session.quiet:
        _show(session, told, dry_run=dry_run)
    return 0


def _show(session: Session, told: Mapping[str, Any], *, dry_run: bool) -> None:
    from polysync.domain.render import table

    rows: list[list[Cell | str]] = [
        [Cell(name, Style.NAME), str(share["runs"]), size_words(share["bytes"]), Cell(_why(share), Style.DIM)]
        for name, share in told["tasks"].items()
    ]
    if rows:
        session.lines(table(COLUMNS, rows, session.width, session.glyphs.more))
    runs = Cell(f"{told['runs']} run{'' if told['runs'] == 1 else 's'}", Style.BOLD)
    if told["runs"]:
        session.line(runs, f" with {size_words(told['bytes'])} of output ", "would go" if dry_run else "went")
    else:
        session.line("nothing would go" if dry_run else "nothing had to go")


def _why(share: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {WORDS.get(why, why)}" for why, count in share["why"].items())


def size_words(count: int) -> str:
    """So many bytes in the unit that fits."""
    for unit, size in UNITS:
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
