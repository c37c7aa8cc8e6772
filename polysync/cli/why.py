"""`polysync why`: what a run waits for or why it ended so, and what became of a slot of a task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import click

from polysync.api.told import instant, state_cell
from polysync.cli.attach import Daemon, attach
from polysync.cli.failure import usage
from polysync.cli.group import verb
from polysync.cli.meant import run_meant, task_meant
from polysync.cli.moments import Moment, moment
from polysync.cli.reasons import AHEAD, BLOCKERS, LACKS, REASONS, standing_sentence
from polysync.cli.session import Session
from polysync.cli.standing import clock_text
from polysync.domain.render import Cell, Style, relative

Told = Mapping[str, Any]
TICK: Final = timedelta(microseconds=1)
EXAMPLES: Final = [
    "polysync why 42",
    "polysync why backup",
    "polysync why backup 2026-03-29 02:30",
    "polysync why backup tomorrow",
]


@verb("why", examples=EXAMPLES)
@click.argument("what", metavar="RUN|TASK")
@click.argument("date", metavar="[DATE]", nargs=-1)
@click.pass_obj
def command(session: Session, what: str, date: Sequence[str]) -> None:
    """Why a run waits, or ended as it did; with DATE: what became of the slots of a task then, or will.

    DATE is a time, or a day and then all of its slots: 2026-03-29, 2026-03-29 02:30, 14:00, tomorrow, +2h …  Of a
    slot that is still to come it says what will become of it if all stays as it is.
    """
    with attach(session) as daemon:
        if date:
            _tell_slots(session, daemon, what, " ".join(date))
        else:
            _tell_run(session, daemon, run_meant(daemon, what))


def _tell_run(session: Session, daemon: Daemon, number: int) -> None:
    if session.json:
        session.document(daemon.get(f"/api/runs/{number}/why"))
        return
    run = daemon.get(f"/api/runs/{number}")
    session.line(
        *(Cell(f"run {number}", Style.BOLD), "  ", Cell(run["task"], Style.NAME), "  "),
        state_cell(run, session.glyphs),
    )
    for line in _run_lines(session, run):
        session.line("  ", line)


def _run_lines(session: Session, run: Told) -> Iterator[str]:
    blocked = run["blocked_on"]
    if not (blocked and run["state"] == "waiting"):  # then the line about what it waits for says more
        yield standing_sentence(run)
    if run["error"]:
        yield f"it said: {run['error']}"
    if run["comment"]:
        yield f"with the comment: {run['comment']}"
    if blocked:
        yield f"{BLOCKERS.get(blocked['kind'], blocked['kind'])} ({blocked['reason']}: {blocked['name']})"
        yield f"since {clock_text(blocked['since'], session)}"
    for need in run["waiting_for"] or ():
        name = f" ({need['name']})" if need["name"] else ""
        until = f", until {clock_text(need['until'], session)}" if need["until"] else ""
        yield f"{need['kind']}: {LACKS.get(need['kind'], '')}{name}{until}"
    if run["state"] in {"scheduled", "retrying"}:
        yield f"due {clock_text(run['available_at'], session)}"
    if run["decide_by"]:
        yield f"to be decided by {clock_text(run['decide_by'], session)}"


def _tell_slots(session: Session, daemon: Daemon, word: str, date: str) -> None:
    from zoneinfo import ZoneInfo

    if word.isascii() and word.isdigit():
        raise usage(f"{word} is a run, and has no other date", "name a task: polysync why TASK DATE")
    name = task_meant(daemon, word)
    meant = moment(date, "DATE", session.now, ZoneInfo(session.host_zone))
    found = daemon.get(f"/api/tasks/{name}/slots", **_stretch(meant))
    if session.json:
        session.document(found)
        return
    for item in found["items"]:
        run = item["run"]
        shown = state_cell(run, session.glyphs) if run else Cell(str(item["fate"]).replace("_", " "), Style.WARN)
        session.line(Cell(clock_text(item["at"], session), Style.BOLD), "  ", shown)
        session.lines(["  ", line] for line in _slot_lines(session, item, found))
    if found["more"]:
        session.remark("there are more: name a time of the day")
    if not any(item["fate"] != "no_slot" for item in found["items"]):
        session.lines([line] for line in _near(session, name, found, date))


def _stretch(meant: Moment) -> dict[str, str]:
    """The instant, or the whole day."""
    if not meant.day:
        return {"at": meant.at.isoformat()}
    return {"at": meant.at.isoformat(), "until": (meant.at + timedelta(days=1) - TICK).isoformat()}


def _slot_lines(session: Session, item: Told, found: Told) -> Iterator[str]:
    run, reason = item["run"], item["reason"]
    if run is not None:
        many = f", with {run['slots'] - 1} others up to {clock_text(run['last_slot'], session)}"
        yield f"run {run['id']}, {run['trigger']}" + (many if run["slots"] > 1 else "")
    if reason:
        yield REASONS[reason] if run is not None else AHEAD.get(reason, REASONS[reason])
    if item["fate"] == "coming":
        at = instant(item["at"])
        yield "it will run" + (f", {relative(at, session.now)}" if at else "")
    if item["fate"] == "no_slot":
        yield "the task has no schedule" if not found["scheduled"] else "its schedule has no slot then"
    if item["fate"] == "unknown":
        stopped = "the schedule is stopped: it started more often than it can"
        yield (
            stopped
            if found["tripped"]
            else ("nothing is written down: the daemon did not know this schedule yet, or its row was removed since")
        )
    if item["note"]:
        yield item["note"]


def _near(session: Session, name: str, found: Told, date: str) -> Iterator[str]:
    """The slots on either side, where there is none."""
    if not found["items"]:
        yield f"{name} has no slot {date}" if found["scheduled"] else f"{name} has no schedule"
    for word, key in (("before", "previous_at"), ("after", "next_at")):
        if found[key]:
            yield f"  the slot {word}: {clock_text(found[key], session)}"
