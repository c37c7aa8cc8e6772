"""The coming slots of one or many timetables, in the order of time, each with what a person should know of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from polysync.cli.rules import Rules
from polysync.domain.cron import EVERY
from polysync.domain.schedule import Timetable, compile_timetable, timetable_of
from polysync.domain.settings import Configuration
from polysync.domain.task import Task
from polysync.domain.zone import LATEST, Stretch, stretch_at

TICK: Final = timedelta(microseconds=1)
COUNTED: Final = "counted from the start of this list"  # the daemon counts from when it first saw the schedule
DISABLED: Final = "disabled"


@dataclass(frozen=True, slots=True)
class Plan:
    """One schedule to look at: a task's, or one from the command line."""

    task: str | None
    timetable: Timetable
    note: str = ""  # said of each slot
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """The time looked at: after `after` and, where there is an end, up to and with `until`."""

    after: datetime
    until: datetime | None
    number: int | None  # slots wanted; None: all


class Occurrence(NamedTuple):
    """One slot as it is listed; a tuple, because a window may hold millions."""

    task: str | None
    at: datetime
    zone: ZoneInfo
    note: str = ""
    fires: bool = True


def plan_of(task: Task, config: Configuration, start: datetime) -> Plan | None:
    """The schedule of a task; None where it has none."""
    every = {text: start for text in task.cron if text.lstrip().lower().startswith(EVERY)}
    timetable = timetable_of(task, config, every)
    if timetable is None:
        return None
    return Plan(task.name, timetable, COUNTED if every else "" if task.enabled else DISABLED, task.enabled)


def plan_for(text: str, zone: str, start: datetime, rules: Rules) -> Plan:
    """The schedule of an expression on its own."""
    timetable = compile_timetable((text,), zone=zone, anchors={text: start}, **rules)
    return Plan(None, timetable, COUNTED if text.lstrip().lower().startswith(EVERY) else "")


def occurrences(plans: Sequence[Plan], window: Window, *, together: bool) -> Iterator[Occurrence]:
    """The slots in the window; `together` counts those of all plans, else those of each."""
    each = [_slots(plan, window) for plan in plans]
    if window.number is not None and not together:
        each = [islice(slots, window.number) for slots in each]
    merged = each[0] if len(each) == 1 else merge(*each, key=lambda found: (found.at, found.task or ""))
    return islice(merged, window.number) if together else merged


def shown_in(found: Iterable[Occurrence], zone: ZoneInfo) -> Iterator[Occurrence]:
    """The same slots on the clocks of one zone."""
    return (one._replace(zone=zone) for one in found)


def _slots(plan: Plan, window: Window) -> Iterator[Occurrence]:
    timetable, zone = plan.timetable, plan.timetable.zone
    plain: Stretch | None = None  # the stretch of time in which only the clock decides
    for at in timetable.instants(window.after, window.until or LATEST):
        if plain is None or at >= plain.end:
            plain = stretch_at(zone, at)
        if _unremarkable(timetable, plain, at):
            yield Occurrence(plan.task, at, zone, plan.note, plan.enabled)
            continue
        slot = timetable.slot(at)
        note = "; ".join(filter(None, (slot.note, plan.note)))
        yield Occurrence(plan.task, at, zone, note, plan.enabled and not slot.excluded)


def _unremarkable(timetable: Timetable, stretch: Stretch, at: datetime) -> bool:
    """Whether neither a calendar nor a clock change has anything to say; working that out for each slot is slow."""
    reading = at + stretch.offset
    return timetable.openings is None and at > stretch.start and stretch.fresh_from <= reading < stretch.again_from
