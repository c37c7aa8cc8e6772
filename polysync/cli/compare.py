"""What `explain --compare` adds: where other schedulers would fire differently."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from polysync.cli.failure import count
from polysync.cli.moments import utc_text
from polysync.cli.session import Session
from polysync.config.compare import Comparison, compare
from polysync.domain.render import Cell, Style
from polysync.domain.schedule import Timetable

TOLD: Final = 3  # differences of each kind that are spelled out


def compared(text: str, timetable: Timetable, start: datetime) -> list[dict[str, Any]]:
    """The comparison as data."""
    return [
        {
            "scheduler": one.scheduler,
            "refused": one.refused or None,
            "only_ours": [utc_text(at) for at in one.only_ours],
            "only_theirs": [utc_text(at) for at in one.only_theirs],
            "compared": one.compared,
        }
        for one in compare(text, timetable, start)
    ]


def tell(session: Session, text: str, timetable: Timetable, start: datetime) -> None:
    """The comparison for people."""
    found = compare(text, timetable, start)
    session.line()
    session.line(Cell("Elsewhere, in the next two years and around their clock changes", Style.DIM))
    if not found:
        session.line("  no other scheduler can be asked: what it means depends on a name or on a start")
    for one in found:
        _tell_one(session, one, timetable.zone)


def _tell_one(session: Session, one: Comparison, zone: ZoneInfo) -> None:
    name = Cell(one.scheduler, Style.NAME)
    if one.refused:
        session.line("  ", name, Cell(f": {one.refused}", Style.WARN))
        return
    if not one.only_ours and not one.only_theirs:
        sign = Cell(f" {session.glyphs.good}", Style.GOOD)
        session.line("  ", name, sign, f" the same, as far as it was compared ({count(one.compared, 'firing')})")
        return
    session.line("  ", name, Cell(f" {session.glyphs.bad}", Style.BAD), " differs")
    for words, times in (("does not fire", one.only_ours), ("fires besides", one.only_theirs)):
        if times:
            session.line(f"    {words}  {_listed(times, zone)}")


def _listed(times: Sequence[datetime], zone: ZoneInfo) -> str:
    said = ", ".join(f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in times[:TOLD])
    return f"{said} and {len(times) - TOLD:,} more" if len(times) > TOLD else said
