"""`polysync show`: one task, service or job with every value that holds for it, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import click

from polysync.cli.group import verb
from polysync.cli.loading import pick_one, read, usable
from polysync.cli.moments import utc_text
from polysync.cli.occurrences import Window, occurrences, plan_of
from polysync.cli.session import Session
from polysync.config.decode import Loaded
from polysync.config.lines import locate
from polysync.config.origin import BUILT_IN, Origin, origins
from polysync.config.secrecy import HIDDEN, masked
from polysync.config.toml import write_value
from polysync.config.written import as_written
from polysync.domain.definition import data_of
from polysync.domain.render import Cell, Column, Style, relative, table, width_of, wrapped
from polysync.domain.settings import Configuration
from polysync.domain.shape import keys_of
from polysync.domain.task import Job
from polysync.domain.values import DayMatch, Mode
from polysync.domain.words import explain

COLUMNS: Final = (Column("Key"), Column("Value", gives=True), Column("From", gives=True))


@verb("show", examples=["polysync show backup", "polysync show backup --all --json"])
@click.argument("name", metavar="TASK")
@click.option("--all", "everything", is_flag=True, help="Built-in defaults too.")
@click.pass_obj
def command(session: Session, name: str, *, everything: bool) -> None:
    """One task, service or job: the values that hold for it, and the place that set each.

    Secrets stay references, and sensitive values show as ***.
    """
    loaded = read(session)
    config = usable(loaded)
    kinds = {**dict.fromkeys(config.jobs, "job"), **dict.fromkeys(config.services, "service")}
    kinds |= dict.fromkeys(config.tasks, "task")
    found = pick_one(name, kinds, "task, service or job")
    values = _of_job(loaded, config.jobs[found]) if kinds[found] == "job" else origins(loaded, found)
    listed = [one for one in values if _worth_showing(one, everything=everything)]
    if session.json:
        session.document(_data(found, kinds[found], listed))
        return
    session.line(Cell(found, Style.BOLD), f"  {kinds[found]}")
    session.lines(table(COLUMNS, [_row(one) for one in listed], session.width, session.glyphs.more))
    if kinds[found] == "task" and not session.quiet:
        _schedule(session, config, found)


def _worth_showing(one: Origin, *, everything: bool) -> bool:
    return one.source != BUILT_IN or (everything and one.value is not None)


def _data(name: str, kind: str, values: Sequence[Origin]) -> dict[str, Any]:
    items = [
        {
            "key": one.key,
            "value": as_written(one.key, one.value),
            "origin": one.source,
            "path": one.file or None,
            "line": one.line or None,
            "column": one.column or None,
        }
        for one in values
    ]
    return {"name": name, "kind": kind, "items": items, "next": None}


def _row(one: Origin) -> list[Cell | str]:
    place = f"{one.source} ({one.file}:{one.line})" if one.line else one.source
    style = Style.DIM if one.source == BUILT_IN else Style.PLAIN
    return [Cell(one.key, Style.NAME), Cell(_text(as_written(one.key, one.value)), style), Cell(place, Style.DIM)]


def _text(value: Any) -> str:
    """A value as TOML, on one line."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value if value == HIDDEN else write_value(value.replace("\n", "⏎").rstrip("⏎"))
    return write_value(value)


def _of_job(loaded: Loaded, job: Job) -> Iterator[Origin]:
    """Every key of a job; nothing else than its own table sets one."""
    gathered = loaded.gathered
    raw = gathered.named["jobs"][job.name].raw if gathered else {}
    for key in keys_of(Job):
        value = masked(key, data_of(getattr(job, key)))
        if gathered is None or key not in raw:
            yield Origin(key, value, BUILT_IN)
            continue
        file, path = gathered.findings.origin(("jobs", job.name, key))
        yield Origin(key, value, "job", file, *locate(gathered.texts[file]).key(path))


def _schedule(session: Session, config: Configuration, name: str) -> None:
    """What the schedule of a task means, and when it is due next."""
    task = config.tasks[name]
    plan = None if task.mode is Mode.TEMPLATE else plan_of(task, config, session.now)
    if plan is None:
        return
    session.line()
    for text in task.cron:
        meaning = _meaning(text, name, task.day_match)
        if width_of(text) + 2 + width_of(meaning) <= session.text_width:
            session.line(Cell(text, Style.BOLD), "  ", meaning)
        else:
            session.line(Cell(text, Style.BOLD))
            session.lines([line] for line in wrapped(meaning, session.text_width, "  "))
    for one in occurrences([plan], Window(session.now, None, 1), together=True):
        local = one.at.astimezone(one.zone)
        away = relative(one.at, session.now)
        when = f"next: {local:%a %Y-%m-%d %H:%M} {one.zone.key}, {away} ({utc_text(one.at)})"
        first, *more = wrapped(when, session.text_width)
        session.lines([line] for line in (first, *(" " * len("next: ") + line for line in more)))
        if one.note:
            session.line(" " * len("next: "), Cell(one.note, Style.WARN))


def _meaning(text: str, name: str, match: DayMatch) -> str:
    from polysync.domain.cron import parse

    return explain(parse(text, name, match), match).partition(". ")[0].rstrip(".")
