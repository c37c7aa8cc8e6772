"""`polysync top`: what runs and waits, and what ended lately, painted again as it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import click

from polysync.api.told import instant
from polysync.cli.attach import Daemon, Lost, attach
from polysync.cli.failure import usage
from polysync.cli.group import verb
from polysync.cli.runs import lines
from polysync.cli.screen import Screen, is_screen
from polysync.cli.session import Session
from polysync.domain.errors import ValueProblem
from polysync.domain.quantity import parse_span
from polysync.domain.render import Cell, Style, cut, painted, relative, span_words

HEADER: Final = 3  # lines above the table, its heading not among them
PLAIN_ROWS: Final = 20
SHORTEST: Final = timedelta(milliseconds=500)
OPEN: Final = ("stopping", "running", "starting", "retrying", "queued", "waiting", "scheduled", "held")
Run = Mapping[str, Any]


def _span(_context: click.Context, _parameter: click.Parameter, value: str) -> timedelta:
    try:
        return max(parse_span(value), SHORTEST)
    except ValueProblem as problem:
        raise usage(f"--every: {problem.message}", problem.hint) from None


@verb("top", examples=["polysync top", "polysync top --every 5s", "polysync top -n 1"])
@click.option("--every", metavar="D", default="1s", callback=_span, help="Look again so often; at least 500ms.")
@click.option("-n", "looks", type=click.IntRange(1), metavar="N", help="End after so many looks.")
@click.pass_obj
def command(session: Session, every: timedelta, looks: int | None) -> None:
    """What runs and waits now, and what ended lately; q or Ctrl-C ends it.

    Where the output is no terminal, or with --json, it looks once unless -n says otherwise.
    """
    if session.json or not is_screen(session):
        _plainly(session, every, looks or 1)
    else:
        _live(session, every, looks)


def _plainly(session: Session, every: timedelta, looks: int) -> None:
    from polysync.cli.link import rest

    for look in range(looks):
        if look:
            rest(every.total_seconds())
            session = _anew(session)
        with attach(session) as daemon:
            status, runs = _found(daemon, PLAIN_ROWS)
        if session.json:
            session.document({"status": status, "runs": runs})
        else:
            session.lines(_page(session, status, runs))


def _live(session: Session, every: timedelta, looks: int | None) -> None:
    """Paint until somebody wants it to end; a daemon that goes away is waited for, and what was seen stays."""
    seen: list[Sequence[Cell | str]] = []
    with Screen(session) as screen:
        while looks is None or looks > 0:
            looks = None if looks is None else looks - 1
            try:
                seen, trouble = _look(_anew(session, screen.columns), screen.rows), ""
            except Lost as lost:
                trouble = f"{lost}; what is shown is old"
            screen.paint([painted(line, colour=session.colour) for line in _told(seen, trouble)])
            if looks != 0 and screen.ended(every.total_seconds()):
                return


def _look(session: Session, rows: int) -> list[Sequence[Cell | str]]:
    with attach(session) as daemon:
        return [*_page(session, *_found(daemon, max(rows - HEADER - 1, 1)))]


def _anew(session: Session, columns: int | None = None) -> Session:
    """The same command at another time, on a terminal that may have another width."""
    around = session.around if columns is None else session.around.but(columns=columns)
    fresh = Session(around)
    fresh.given = session.given
    return fresh


def _told(seen: Sequence[Sequence[Cell | str]], trouble: str) -> list[Sequence[Cell | str]]:
    return [[Cell(trouble, Style.BAD)], *seen] if trouble else [*seen]


def _found(daemon: Daemon, rows: int) -> tuple[Run, list[Run]]:
    """The state of the daemon; what is open, as far as there is room, and below it what ended last."""
    status = daemon.get("/api/status")
    states = (status.get("runs") or {}).get("states") or {}
    runs: list[Run] = []
    for state in OPEN:
        if states.get(state) and len(runs) < rows:
            runs += daemon.get("/api/runs", state=state, limit=min(rows - len(runs), 500))["items"]
    if len(runs) < rows:
        newest = daemon.get("/api/runs", limit=min(rows, 500))["items"]
        known = {run["id"] for run in runs}
        ended = [run for run in newest if run["ended_at"] and run["id"] not in known]
        runs += ended[: rows - len(runs)]
    return status, runs


def _page(session: Session, status: Run, runs: Sequence[Run]) -> Iterator[Sequence[Cell | str]]:
    """A header about the daemon, and the table."""
    counts = status["runs"]
    uptime = span_words(timedelta(seconds=float(status["uptime"])))
    well = not status["degraded"]
    mark = Cell(session.glyphs.good, Style.GOOD) if well else Cell(", ".join(status["degraded"]), Style.BAD)
    yield [Cell("polysync", Style.BOLD), f" {status['version']}, up {uptime}  ", mark]
    due = status.get("next")
    at = instant(due["at"]) if due else None
    coming = f"; next {due['task']} {relative(at, session.now)}" if due and at else ""
    said = f"{counts['running']} running, {counts['queued']} queued, {counts['waiting']} waiting{coming}"
    yield [said if session.width is None else cut(said, session.width, session.glyphs.more)]
    yield []
    yield from lines(session, runs)
