"""Answers as text for people: the tables of the command line, drawn by the daemon that is warm already."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from polysync.api.refusal import invalid
from polysync.api.response import TEXT, Response
from polysync.api.told import began, exit_text, instant, lacking, state_cell, took
from polysync.domain.render import (
    ASCII,
    UNICODE,
    Cell,
    Column,
    Glyphs,
    Style,
    painted,
    relative,
    span_words,
    table,
)

WIDEST: Final = 10_000  # columns
LABEL: Final = 13
COLUMNS: Final = (
    Column("Run", right=True),
    Column("Task", gives=True),
    Column("State"),
    Column("When"),
    Column("Took", right=True),
    Column("Why", gives=True),
)
_WORDS: Final = {"0": False, "1": True}
_GLYPHS: Final = {"ascii": ASCII, "utf-8": UNICODE}
_PARAMETER: Final = re.compile(r";\s*([a-z]+)=([!-+\--:<-~]+)\s*")
_TEXT: Final = re.compile(rf"text/plain\s*((?:{_PARAMETER.pattern})*)")

Line = Sequence[Cell | str]
Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Screen:
    """Where the text will stand."""

    now: datetime
    width: int | None = None  # None: any
    colour: bool = False
    glyphs: Glyphs = UNICODE


@dataclass(frozen=True, slots=True)
class Drawn:
    """Lines of text, and what is said beside them."""

    lines: Sequence[Line]
    headers: Mapping[str, str]


Draw = Callable[[Told, Screen], Drawn]


def screen_of(accept: str, now: datetime) -> Screen | None:
    """The screen of `Accept: text/plain; width=80; color=1; glyphs=ascii`; None where it asks for no text."""
    found = _TEXT.search(accept.lower())
    if found is None:
        return None
    given = dict(_PARAMETER.findall(found[1]))
    width = given.get("width")
    if width is not None and not (width.isascii() and width.isdigit() and 0 < int(width[:9]) <= WIDEST):
        raise invalid([("Accept", f"width: not a whole number from 1 to {WIDEST}")])
    return Screen(now, None if width is None else int(width), _colour(given), _glyphs(given))


def drawn(response: Response, told: Told, draw: Draw, screen: Screen) -> Response:
    """The same answer as text."""
    text = draw(told, screen)
    body = "".join(f"{painted(line, colour=screen.colour)}\n" for line in text.lines)
    return replace(response, body=body.encode(), type=TEXT, headers={**response.headers, **text.headers})


def runs(told: Told, screen: Screen) -> Drawn:
    """A page of runs."""
    lines = table(COLUMNS, (_run(run, screen) for run in told["items"]), screen.width, screen.glyphs.more)
    return Drawn(lines if told["items"] else (), {"Polysync-Next": told["next"]} if told["next"] else {})


def status(told: Told, screen: Screen) -> Drawn:
    """The state of the daemon, and whether it needs a person."""
    found = list(troubles(told))
    mark = Cell(screen.glyphs.good, Style.GOOD)
    if found:
        mark = Cell(f"{screen.glyphs.bad} needs attention", Style.BAD)
    uptime = span_words(timedelta(seconds=float(told.get("uptime") or 0)))
    lines: list[Line] = [
        (Cell("polysync", Style.BOLD), f" {told['version']}, up {uptime}, pid {told['pid']}  ", mark),
        *((Cell(label.ljust(LABEL), Style.DIM), "  ", text) for label, text in _facts(told, screen)),
        *((Cell("trouble".ljust(LABEL), Style.BAD), "  ", trouble) for trouble in found),
    ]
    return Drawn(lines, {"Polysync-Troubles": str(len(found))})


def troubles(told: Told) -> Iterator[str]:
    """What needs a person, in words."""
    storage, disk, clock = (told.get(name) or {} for name in ("storage", "disk", "clock"))
    error = (told.get("config") or {}).get("error")
    if error:
        wrong = f"{error['problems']} problem{'' if error['problems'] == 1 else 's'}"
        yield f"the configuration on disk has {wrong}, the one before stays in force: {error['first']}"
        yield "polysync validate shows all of them; mend them, then polysync reload"
    if storage.get("trouble"):
        yield f"nothing can be stored: {storage['trouble']}"
    if storage.get("logs"):
        yield f"output is not stored: {storage['logs']}"
    if disk.get("low"):
        yield "the disk is almost full: new attempts wait"
    if clock.get("held"):
        yield "the clock stands before the last stored look at it: nothing fires until it is right"
    stuck = (told.get("watchdog") or {}).get("stuck")
    if stuck:
        yield f"a part of the daemon does not answer: {', '.join(stuck)}; polysync doctor says more"


def _run(run: Told, screen: Screen) -> Line:
    return (
        str(run["id"]),
        Cell(str(run["task"]), Style.NAME),
        state_cell(run, screen.glyphs),
        began(run, screen.now),
        took(run, screen.now),
        Cell(_why(run), Style.DIM),
    )


def _why(run: Told) -> str:
    """What made the run, and what is worth saying of its end."""
    count = f" x{run['slots']}" if (run.get("slots") or 1) > 1 else ""
    waits = lacking(run)
    said = run.get("error") or (f"waits for {waits}" if waits else "")
    if not said and run.get("exit_code"):
        said = exit_text(run)
    return f"{run['trigger']}{count}" + (f": {said}" if said else "")


def _facts(told: Told, screen: Screen) -> Iterator[tuple[str, str]]:
    config = told.get("config") or {}
    if config:
        yield "configuration", _configuration(config, screen)
    if told.get("home"):
        yield "home", str(told["home"])
    states = (told.get("runs") or {}).get("states") or {}
    yield "runs", ", ".join(f"{count} {state}" for state, count in states.items() if count) or "none at the moment"
    due = told.get("next")
    if due:
        at = instant(due["at"])
        yield "next", f"{due['task']} {relative(at, screen.now)}" if at else str(due["task"])
    disk = told.get("disk") or {}
    if disk.get("free") is not None:
        yield "disk", f"{_size(disk['free'])} free" + (", low" if disk.get("low") else "")
    zone = told.get("timezone")
    if zone:
        yield "time zone", f"{zone}, zone data {told.get('zone_data', 'unknown')}"


def _configuration(config: Told, screen: Screen) -> str:
    at = instant(config.get("loaded_at"))
    notes = [f"read {relative(at, screen.now)}" if at else ""]
    if config.get("newer"):
        notes.append("the file is newer: polysync reload takes it, --dry-run shows what changes")
    if config.get("restart_only"):
        notes.append(f"waits for a restart: {', '.join(config['restart_only'])}")
    return "; ".join([str(config.get("path")), *filter(None, notes)])


def _size(count: int) -> str:
    """So many bytes in the unit that fits."""
    return f"{count / (1 << 30):.1f} GB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MB"


def _colour(given: Mapping[str, str]) -> bool:
    word = given.get("color", "0")
    if word not in _WORDS:
        raise invalid([("Accept", "color: neither 0 nor 1")])
    return _WORDS[word]


def _glyphs(given: Mapping[str, str]) -> Glyphs:
    word = given.get("glyphs", "utf-8")
    if word not in _GLYPHS:
        raise invalid([("Accept", "glyphs: neither utf-8 nor ascii")])
    return _GLYPHS[word]
