"""`polysync run`: one run with its attempts and its timeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from polysync.api.told import exit_text, lacking, state_cell, took
from polysync.cli.attach import attach
from polysync.cli.group import verb
from polysync.cli.session import Session
from polysync.cli.standing import RUN, clock_text, fine_text, value_text
from polysync.cli.terse import loads
from polysync.domain.render import Cell, Column, Style, table, wrapped

LABEL: Final = 14
TIMES: Final = ("scheduled_for", "created_at", "started_at", "ended_at", "expires_at")
ATTEMPTS: Final = (Column("#", right=True), Column("Outcome"), Column("Took", right=True), Column("What", gives=True))
MOVES: Final = (Column("When"), Column("State"), Column("Reason"), Column("Who", gives=True))


@verb("run", examples=["polysync run 42", "polysync run 42 --json", "polysync run 42 --reveal"])
@click.argument("number", metavar="ID", type=RUN)
@click.option("--reveal", is_flag=True, help="Show what is sensitive, for those whom [access] reveal names; audited.")
@click.pass_obj
def command(session: Session, number: int, *, reveal: bool) -> None:
    """One run: its state and reason, its attempts, what it reported, and every step it took."""
    with attach(session) as daemon:
        answer = daemon.answer("GET", f"/api/runs/{number}" + ("?reveal=1" if reveal else ""))
    if session.json:
        session.passed_on(answer.body)
        return
    run = loads(answer.body)
    session.line(Cell(f"run {run['id']}", Style.BOLD), "  ", Cell(run["task"], Style.NAME), "  ", _state(run, session))
    for label, text in _facts(run, session):
        first, *more = wrapped(text, (session.width or 100) - LABEL - 2) or [""]
        session.line(Cell(label.ljust(LABEL), Style.DIM), "  ", first)
        session.lines([" " * (LABEL + 2), line] for line in more)
    _attempts(session, run)
    _timeline(session, run)


def _state(run: Mapping[str, Any], session: Session) -> Cell:
    return state_cell(run, session.glyphs)


def _facts(run: Mapping[str, Any], session: Session) -> Iterator[tuple[str, str]]:
    """What is known, by label; what is not is left out."""
    yield "trigger", f"{run['trigger']}, by {run['actor']}"
    for name in TIMES:
        if run.get(name):
            yield name.replace("_", " ").removesuffix(" at"), clock_text(run[name], session)
    if run.get("started_at"):
        yield "took", took(run, session.now)
    if run.get("exit_code") is not None:
        yield "exit code", str(run["exit_code"]) + (f" (SIG{run['signal']})" if run.get("signal") else "")
    if run["state"] in {"scheduled", "retrying"}:
        yield "due", clock_text(run["available_at"], session)
    waits = lacking(run)
    if waits:
        yield "waits for", waits
    if run.get("error"):
        yield "error", run["error"]
    if run.get("comment"):
        yield "comment", run["comment"]
    yield from _said(run)


def _said(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What went in, and what the work reported."""
    if run.get("progress"):
        yield "progress", _progress(run["progress"])
    for label in ("parameters", "outputs"):
        for name, value in (run.get(label) or {}).items():
            yield label.removesuffix("s"), f"{name}={value_text(value)}"
    for message in run.get("messages") or ():
        yield "error" if message.get("error") else "message", f"{message['code']}: {message['text']}"


def _progress(progress: Mapping[str, Any]) -> str:
    """How far the work says that it is: `40 %, loading`."""
    percent = [] if progress.get("percent") is None else [f"{progress['percent']:g} %"]
    return ", ".join([*percent, *filter(None, [progress.get("text")])])


def _attempts(session: Session, run: Mapping[str, Any]) -> None:
    rows = [
        [str(one["number"]), str(one.get("outcome") or "under way"), took(one, session.now), _what(one)]
        for one in run.get("attempts") or ()
    ]
    if rows:
        session.line()
        session.lines(table(ATTEMPTS, rows, session.width, session.glyphs.more))


def _what(attempt: Mapping[str, Any]) -> str:
    """The end of an attempt and what it used, in one line."""
    parts = []
    ended = exit_text(attempt)
    if ended:
        parts.append(ended)
    if attempt.get("cpu_seconds") is not None:
        parts.append(f"{attempt['cpu_seconds']:.2f}s CPU")
    if attempt.get("max_rss"):
        parts.append(f"{attempt['max_rss'] / (1 << 20):.0f} MB")
    if attempt.get("error"):
        parts.append(str(attempt["error"]))
    return ", ".join(parts)


def _timeline(session: Session, run: Mapping[str, Any]) -> None:
    rows = [
        [fine_text(step["at"], session), str(step["state"]), str(step.get("reason") or ""), str(step["actor"])]
        for step in run.get("history") or ()
    ]
    if rows:
        session.line()
        session.lines(table(MOVES, rows, session.width, session.glyphs.more))
