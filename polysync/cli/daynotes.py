"""What is worth knowing about the schedules of a configuration although nothing is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from polysync.domain.cron import Cron, parse
from polysync.domain.schedule import Change, change_days, load_zone
from polysync.domain.settings import Configuration
from polysync.domain.values import DayMatch, Mode

AHEAD: Final = timedelta(days=400)  # every zone that changes its clocks does so within a year
SHOWN: Final = 5  # schedules with two day fields that are spelled out


def notes(config: Configuration, now: datetime) -> Iterator[str]:
    """How the days of schedules with two day fields combine, and when the clocks change next."""
    ruled = list(_two_day_fields(config))
    for name, text, both in ruled[:SHOWN]:
        yield f"{name}: {text}: {both}"
    if len(ruled) > SHOWN:
        yield f"and {len(ruled) - SHOWN} more schedules with two day fields; polysync explain tells of each"
    zones = {task.timezone or config.zone for task in config.tasks.values() if task.cron and task.mode is Mode.RUN}
    for zone in sorted(zones):
        yield from next_change(load_zone(zone), now)


def next_change(zone: ZoneInfo, now: datetime) -> Iterator[str]:
    """When the clocks of a zone change next, if they do."""
    for change in change_days(zone, now, now + AHEAD)[:1]:
        yield f"clocks in {zone.key} change next on {change_words(change)}"


def change_words(change: Change) -> str:
    """A clock change in words: `Sun 2026-03-29, 02:00 -> 03:00`."""
    before, after = change.at + change.before, change.at + change.after
    there = f"{after:%H:%M}" if before.date() == after.date() else f"{after:%Y-%m-%d %H:%M}"
    return f"{before:%a %Y-%m-%d}, {before:%H:%M} -> {there}"


def _two_day_fields(config: Configuration) -> Iterator[tuple[str, str, str]]:
    for name, task in config.tasks.items():
        for text in task.cron:
            said = day_words(text, name, task.day_match)
            if said:
                yield name, text, said


def day_words(text: str, name: str | None, match: DayMatch) -> str:
    """How the two day fields of an expression combine; nothing where only one of them restricts."""
    if text.strip().lower() == "@reboot":
        return ""
    cron = parse(text, name, match)
    if not isinstance(cron, Cron) or cron.days.days.bare or cron.days.weekdays.bare:
        return ""
    return "both the day of the month and the weekday must match" if cron.days.both else "either day is enough"
