"""`polysync validate`: every problem of a configuration in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from polysync.cli.failure import USAGE, count
from polysync.cli.group import verb
from polysync.cli.loading import read, where
from polysync.cli.session import Session
from polysync.config.decode import Loaded
from polysync.config.report import problem_data
from polysync.domain.errors import Problem, Severity
from polysync.domain.render import Cell, Style, cut, wrapped
from polysync.domain.settings import Configuration

WIDE: Final = 72  # columns of a source line that are shown
LONGEST_KEY: Final = 160  # columns of a dotted key; names have at most 100
LEAD: Final = 40  # of them in front of the fault
INDENT: Final = "    "
COUNTED: Final = ("tasks", "jobs", "services", "platforms", "vaults", "contention", "calendars", "webhooks")


@verb("validate", examples=["polysync validate", "polysync validate /etc/polysync/polysync.toml --json"])
@click.argument("file", required=False)
@click.pass_obj
def command(session: Session, file: str | None) -> int:
    """Check FILE, or the configuration in use: every problem in one pass, with its line and column.

    Exits with 2 where there is an error; warnings alone do not matter to the exit code.
    """
    loaded = read(session, Path(file) if file else where(session))
    if session.json:
        session.document(_data(loaded))
    else:
        _tell(session, loaded)
    return USAGE if loaded.errors else 0


def _data(loaded: Loaded) -> dict[str, Any]:
    problems = [problem_data(problem) for problem in loaded.problems]
    whole: dict[str, Any] = {"valid": loaded.config is not None, "problems": problems, "files": list(loaded.files)}
    if loaded.config is not None:
        return {
            **whole,
            "counts": counts(loaded.config),
            "timezone": loaded.config.zone,
            "warnings": len(loaded.warnings),
        }
    listed = [problem_data(problem) for problem in loaded.errors]
    error = {"code": "invalid_configuration", "message": _summary(loaded), "problems": listed}
    return {**whole, "counts": {}, "timezone": None, "error": error}


def counts(config: Configuration) -> dict[str, int]:
    """How many of each kind of thing there are."""
    return {kind: len(getattr(config, kind)) for kind in COUNTED}


def _tell(session: Session, loaded: Loaded) -> None:
    for problem in loaded.problems:
        _show(session, problem, loaded.documents)
    if loaded.config is None:
        session.line(Cell(f"{session.glyphs.bad} ", Style.BAD), _summary(loaded))
    elif not session.quiet:
        _praise(session, loaded, loaded.config)


def _summary(loaded: Loaded) -> str:
    files = len({problem.path for problem in loaded.errors})
    warned = f", {count(len(loaded.warnings), 'warning')}" if loaded.warnings else ""
    return f"{count(len(loaded.errors), 'problem')} in {count(files, 'file')}{warned}"


def _show(session: Session, problem: Problem, documents: Mapping[str, str]) -> None:
    style = Style.BAD if problem.severity is Severity.ERROR else Style.WARN
    at = f"{problem.path}:{problem.line}:{problem.column}:" if problem.line else f"{problem.path}:"
    kind = "" if problem.severity is Severity.ERROR else "warning: "
    key = cut(problem.key, LONGEST_KEY, session.glyphs.more)
    said = f"{key}: {problem.message}" if key else problem.message
    hint = f"; {problem.hint}" if problem.hint else ""
    session.line(Cell(at, Style.BOLD), " ", Cell(kind + said, style), hint)
    if session.colour:
        _quote(session, problem, documents.get(problem.path, "").split("\n"))


def _quote(session: Session, problem: Problem, lines: Sequence[str]) -> None:
    """The line of the file with a caret under the fault."""
    if not 0 < problem.line <= len(lines):
        return
    source, column = lines[problem.line - 1], problem.column - 1
    start = max(0, column - LEAD) if len(source) > WIDE else 0
    shown = source[start : start + WIDE].replace("\t", " ")
    if not shown.strip():
        return
    number = f"{problem.line:5} "
    session.line(Cell(f"{number}| ", Style.DIM), shown.rstrip())
    session.line(Cell(f"{' ' * len(number)}| ", Style.DIM), " " * (column - start), Cell("^", Style.BAD))


def _praise(session: Session, loaded: Loaded, config: Configuration) -> None:
    there = [f"{number} {kind}" for kind, number in counts(config).items() if number]
    origin = "[scheduler]" if config.scheduler.timezone else "the host"
    zone = f"zone {config.zone} (from {origin})"
    named = ", ".join(_singular(words) for words in there) or "nothing is defined yet"
    session.line(Cell(f"{session.glyphs.good} ok: ", Style.GOOD), f"{named}; {zone}")
    from polysync.cli.daynotes import notes

    for note in notes(config, session.now):
        first, *more = wrapped(note, session.width and session.width - len(INDENT)) or [""]
        session.line(Cell(f"  {session.glyphs.note} ", Style.DIM), first)
        session.lines([INDENT, line] for line in more)
    if loaded.warnings:
        session.line(Cell("  ! ", Style.WARN), count(len(loaded.warnings), "warning"))


def _singular(words: str) -> str:
    return words[:-1] if words.startswith("1 ") and words.endswith("s") else words
