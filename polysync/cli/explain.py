"""`polysync explain`: a cron expression in words, its next firings, and what clock changes do to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from polysync.cli.daynotes import change_words
from polysync.cli.failure import bad_cron
from polysync.cli.group import verb
from polysync.cli.moments import local_text, moment, utc_text
from polysync.cli.occurrences import TICK, Occurrence, Plan, Window, occurrences, plan_for
from polysync.cli.rules import Rules, rule_options, rules, zone
from polysync.cli.session import Session
from polysync.domain.cron import Cron, Every, parse
from polysync.domain.errors import ValueProblem
from polysync.domain.render import Cell, Style, relative, wrapped
from polysync.domain.schedule import Change, change_days, unserved_changes
from polysync.domain.values import DayMatch
from polysync.domain.words import explain

NEXT: Final = 5
AHEAD: Final = timedelta(days=400)  # every zone that changes its clocks does so within a year
ONE_DAY: Final = timedelta(days=1)
TOLD: Final = 3  # firings of a change day that are spelled out


@dataclass(frozen=True, slots=True)
class Subject:
    """The expression that is explained."""

    text: str
    parsed: Cron | Every
    plan: Plan
    zone: ZoneInfo
    given: Rules
    start: datetime


@verb(
    "explain",
    examples=["polysync explain '30 2 * * 1-5'", "polysync explain '0 3 13 * fri' --tz Europe/Bratislava --compare"],
)
@click.argument("cron")
@click.option("--tz", metavar="ZONE", help="The zone to read it in. Default: the host's.")
@click.option("--from", "start", metavar="T", help="Start here instead of now.")
@click.option("--compare", is_flag=True, help="Where other crons would fire differently in the next two years.")
@rule_options
@click.pass_obj
def command(session: Session, /, cron: str, **given: Any) -> None:
    """The expression CRON in words: when it fires, how its days combine, what clock changes do."""
    where = zone(given["tz"] or session.host_zone)
    start = moment(given["start"] or "now", "--from", session.now, where)
    at = start.at - TICK if start.day else start.at
    asked = rules(given)
    try:
        parsed = parse(cron, asked.get("name"), asked.get("day_match", DayMatch.AUTO))
        plan = plan_for(cron, where.key, start.at.replace(microsecond=0), asked)
    except ValueProblem as problem:
        raise bad_cron(cron, problem) from problem
    subject = Subject(cron, parsed, plan, where, asked, at)
    if session.json:
        session.document(_data(subject, compare=given["compare"]))
    else:
        _tell(session, subject)
        if given["compare"]:
            from polysync.cli.compare import tell

            tell(session, subject.text, subject.plan.timetable, subject.start)


def kind_of(parsed: Cron | Every) -> str:
    """The class of an expression, which decides what clock changes do to it."""
    if isinstance(parsed, Every):
        return "elapsed"
    return "interval" if parsed.interval else "fixed"


def _data(subject: Subject, *, compare: bool) -> dict[str, Any]:
    cron = subject.parsed
    two = isinstance(cron, Cron) and not (cron.days.days.bare or cron.days.weekdays.bare)
    data: dict[str, Any] = {
        "cron": subject.text,
        "timezone": subject.zone.key,
        "explanation": _words(subject),
        "class": kind_of(cron),
        "day_rule": ("all" if isinstance(cron, Cron) and cron.days.both else "any") if two else None,
        "items": [
            {"task": None, "at": utc_text(one.at), "local": local_text(one.at, one.zone), "note": one.note}
            for one in _coming(subject)
        ],
        "next": None,
        "clock_changes": [
            {"at": utc_text(change.at), "change": change_words(change), "effect": said}
            for change, said in _changes(subject)
        ],
    }
    if compare:
        from polysync.cli.compare import compared

        data["compare"] = compared(subject.text, subject.plan.timetable, subject.start)
    return data


def _words(subject: Subject) -> str:
    return explain(subject.parsed, subject.given.get("day_match", DayMatch.AUTO))


def _coming(subject: Subject) -> Iterator[Occurrence]:
    return occurrences([subject.plan], Window(subject.start, None, NEXT), together=True)


def _tell(session: Session, subject: Subject) -> None:
    session.line(Cell(subject.text, Style.BOLD))
    for sentence in _words(subject).split(". "):
        for line in wrapped(sentence.rstrip(".") + ".", session.text_width, "  "):
            session.line(line)
    session.line()
    session.line(Cell(f"Next, in {subject.zone.key}", Style.DIM))
    for one in _coming(subject):
        local = one.at.astimezone(one.zone)
        when = (f"  {local:%a %Y-%m-%d %H:%M:%S}", Cell(f" {local.isoformat()[-6:]}  ", Style.DIM))
        away = relative(one.at, session.now)
        session.line(*when, away.ljust(12) if one.note else away, Cell(f"  {one.note}" if one.note else "", Style.WARN))
    told = list(_changes(subject))
    if told:
        session.line()
        session.line(Cell("When the clocks change", Style.DIM))
        for change, said in told:
            session.line(f"  {change_words(change)}: {said}")


def _changes(subject: Subject) -> Iterator[tuple[Change, str]]:
    """The coming clock changes, and what this schedule does on their days."""
    if isinstance(subject.parsed, Every):
        return
    unserved = set(unserved_changes(subject.plan.timetable, subject.start))
    for change in change_days(subject.zone, subject.start, subject.start + AHEAD):
        days = {(change.at + change.before).date(), (change.at + change.after).date()}
        yield change, "no firing that day" if days & unserved else _effect(subject, change)


def _effect(subject: Subject, change: Change) -> str:
    """What is special about the firings around a change."""
    found = occurrences([subject.plan], Window(change.at - ONE_DAY, change.at + ONE_DAY, None), together=True)
    noted = [one for one in found if one.note]
    said = [f"{one.at.astimezone(one.zone):%H:%M} ({one.note})" for one in noted[:TOLD]]
    if not said:
        return "as usual"
    return "fires at " + ", ".join(said) + (f" and {len(noted) - TOLD} more" if len(noted) > TOLD else "")
