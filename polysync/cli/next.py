"""`polysync next`: the coming firings of tasks, or of any cron expression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from polysync.cli.failure import bad_cron, usage
from polysync.cli.group import verb
from polysync.cli.moments import local_text, moment, utc_text
from polysync.cli.occurrences import TICK, Occurrence, Plan, Window, occurrences, plan_for, plan_of, shown_in
from polysync.cli.rules import rule_options, rules
from polysync.cli.rules import zone as zone_of
from polysync.cli.session import Session, ascii_json
from polysync.domain.errors import ValueProblem
from polysync.domain.render import Cell, Style, cut, relative, width_of
from polysync.domain.settings import Configuration
from polysync.domain.values import Mode

USUAL: Final = 5  # firings listed where nothing else is said
WIDEST_NAME: Final = 24
STAMP: Final = 30  # columns of "Sun 2026-03-29 03:00:00 +02:00"
AWAY: Final = 12  # columns of "238d 10h ago"
EXAMPLES: Final = [
    "polysync next",
    "polysync next backup 'etl-*' -n 10",
    "polysync next --cron '30 2 * * *' --tz Europe/Bratislava --from 2026-03-29",
    "polysync next --from tomorrow --until +2d",
]


@verb("next", examples=EXAMPLES)
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@click.option("--cron", metavar="EXPR", help="Look at this expression instead of tasks; needs no configuration.")
@click.option("--tz", metavar="ZONE", help="Zone of --cron; with tasks, the zone in which times are read and shown.")
@click.option("--from", "start", metavar="T", help="Start here instead of now: 2026-03-29, 2026-03-29 02:30, +2d …")
@click.option(
    "-n", "number", type=click.IntRange(1), metavar="N", help="How many, of each task that is named. Default: 5."
)
@click.option("--until", "end", metavar="T", help="All before this time.")
@click.option("--all", "everything", is_flag=True, help="Unlisted tasks too.")
@rule_options
@click.pass_obj
def command(session: Session, /, **given: Any) -> None:
    """The coming firings, with notes about clock changes and calendars.

    Without TASK: the next of all tasks together. A slot that a calendar leaves out is listed with a note.
    """
    if given["cron"] is None:
        plans, zone, window = _of_tasks(session, given)
    else:
        plans, zone, window = _of_expression(session, given)
    zones = {zone.key} if given["tz"] else {plan.timetable.zone.key for plan in plans}
    together = not given["tasks"]
    found = occurrences(plans, window, together=together) if plans else iter(())
    listed = shown_in(found, zone) if given["tz"] and given["cron"] is None else found
    if session.json:
        _write_json(session, listed)
    else:
        _write(session, listed, plans, zones)


def _of_expression(session: Session, given: Mapping[str, Any]) -> tuple[list[Plan], ZoneInfo, Window]:
    if given["tasks"]:
        raise usage("name tasks or give --cron, not both", "polysync next --help")
    zone = zone_of(given["tz"] or session.host_zone)
    window = _window(session, given, zone)
    try:
        plan = plan_for(given["cron"], zone.key, _first(window), rules(given))
    except ValueProblem as problem:
        raise bad_cron(given["cron"], problem) from problem
    return [plan], zone, window


def _of_tasks(session: Session, given: Mapping[str, Any]) -> tuple[list[Plan], ZoneInfo, Window]:
    from polysync.cli.loading import configuration, pick  # an expression needs no configuration

    for key in rules(given):
        raise usage(f"--{key.replace('_', '-')} goes with --cron", "a task has its own in the configuration")
    config = configuration(session)
    runnable = {name: task for name, task in config.tasks.items() if task.mode is not Mode.TEMPLATE}
    usual = [name for name, task in runnable.items() if given["everything"] or not task.unlisted]
    names = pick(given["tasks"], runnable) if given["tasks"] else usual
    zone = zone_of(given["tz"] or _shared_zone(names, config))
    window = _window(session, given, zone)
    made = {name: plan_of(config.tasks[name], config, _first(window)) for name in names}
    for name in given["tasks"] and [name for name, plan in made.items() if plan is None]:
        session.remark(f"{name} has no schedule")
    return [plan for plan in made.values() if plan is not None], zone, window


def _shared_zone(names: Sequence[str], config: Configuration) -> str:
    """The zone that the named tasks share, else the configuration's."""
    zones = {config.tasks[name].timezone or config.zone for name in names}
    return zones.pop() if len(zones) == 1 else config.zone


def _first(window: Window) -> datetime:
    """The instant from which `@every` counts here."""
    return window.after if window.after.microsecond == 0 else window.after + TICK


def _window(session: Session, given: Mapping[str, Any], zone: ZoneInfo) -> Window:
    """With an end: from the start on; without: after it, but a day that is named begins with its first instant."""
    start = moment(given["start"] or "now", "--from", session.now, zone)
    at = start.at.replace(microsecond=0)
    if given["end"] is None:
        return Window(at - TICK if start.day else start.at, None, given["number"] or USUAL)
    end = moment(given["end"], "--until", start.at, zone)
    if end.at <= start.at:
        raise usage("--until is not after --from", "the times are read in the zone that --tz or the task names")
    return Window(start.at - TICK, end.at - TICK, given["number"])


def _write_json(session: Session, found: Iterable[Occurrence]) -> None:
    """One document, written as it grows: a year of seconds must not stand in memory."""
    write = session.around.stdout.write
    write('{"items": [')
    for index, one in enumerate(found):
        lead = ",\n  " if index else "\n  "
        times = f'"at": "{utc_text(one.at)}", "local": "{local_text(one.at, one.zone)}"'
        said = f'"note": {_word(one.note)}, "fires": {_word(one.fires)}, "zone": {_word(one.zone.key)}'
        write(f'{lead}{{"task": {_word(one.task)}, {times}, {said}}}')
    write('\n], "next": null}\n')


@lru_cache(maxsize=4096)
def _word(value: Any) -> str:
    """A value as JSON; the few that there are come again in every item."""
    return ascii_json(value)


def _write(session: Session, found: Iterable[Occurrence], plans: Sequence[Plan], zones: set[str]) -> None:
    first = next(iter(found := iter(found)), None)
    if first is None:
        session.remark("nothing is due in that time" if plans else "nothing has a schedule")
        return
    name = min(max((width_of(plan.task or "") for plan in plans), default=0), WIDEST_NAME)
    session.line(Cell(_heading(zones, name, session.glyphs.more), Style.DIM))
    for one in chain([first], found):
        _write_one(session, one, name, several=len(zones) > 1)


def _heading(zones: set[str], name: int, more: str) -> str:
    where = f"Local time ({min(zones)})" if len(zones) == 1 else "Local time"
    left = cut(where, STAMP, more).ljust(STAMP)
    return (f"{left}  {'When'.ljust(AWAY)}" + (f"  {'Task'.ljust(name)}" if name else "")).rstrip()


def _write_one(session: Session, one: Occurrence, width: int, *, several: bool) -> None:
    local = one.at.astimezone(one.zone)
    away, name = relative(one.at, session.now), cut(one.task or "", width, session.glyphs.more)
    parts: list[Cell | str] = [
        Cell(f"{local:%a %Y-%m-%d %H:%M:%S}", Style.PLAIN if one.fires else Style.DIM),
        Cell(f" {local.isoformat()[-6:]}  ", Style.DIM),
        away,
    ]
    pad = " " * (AWAY - len(away))
    if width:
        parts += [pad, "  ", Cell(name, Style.NAME)]
        pad = " " * (width - width_of(name))
    said = "; ".join(filter(None, ("" if one.fires else "does not run", one.note, one.zone.key if several else "")))
    taken = STAMP + 2 + AWAY + (width + 2 if width else 0)
    if said and session.width and taken + 2 + width_of(said) > session.width:
        session.line(*parts)
        session.line(" " * 4, Cell(said, Style.DIM if one.fires else Style.WARN))
    else:
        session.line(*parts, Cell(f"{pad}  {said}" if said else "", Style.DIM if one.fires else Style.WARN))
