"""`polysync tasks`: every task with its last run, its next one, and how it did lately."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

import click

from polysync.api.told import BAD, instant, state_cell
from polysync.cli.attach import attach
from polysync.cli.group import verb
from polysync.cli.loading import MAGIC
from polysync.cli.meant import listed
from polysync.cli.pausing import holding_words
from polysync.cli.session import Session
from polysync.domain.render import ASCII, Cell, Column, Style, relative, span_words, table

Task = Mapping[str, Any]
NARROW: Final = 110  # columns; below this the strip is short and the lengths are left out
STRIP: Final = {True: 10, False: 20}
MARKS: Final = {
    "succeeded": "·",
    "failed": "✗",
    "timeout": "t",
    "crashed": "c",
    "dead": "d",
    "cancelled": "-",
    "skipped": "-",
    "expired": "-",
    "rejected": "-",
}
PLAIN: Final = {**MARKS, "succeeded": ".", "failed": "x"}
EXAMPLES: Final = [
    "polysync tasks",
    "polysync tasks 'backup-*' --json",
    "polysync tasks --group Nightly --tag team=ops",
]


@verb("tasks", examples=EXAMPLES)
@click.argument("words", metavar="[TASK]...", nargs=-1)
@click.option("--group", metavar="G", help="Of this group, or of those like this pattern.")
@click.option("--tag", metavar="T", help="With this tag: NAME or NAME=VALUE.")
@click.option("--all", "everything", is_flag=True, help="Unlisted ones too.")
@click.pass_obj
def command(session: Session, /, words: Sequence[str], *, everything: bool, **wanted: str | None) -> None:
    """The tasks: how the last run of each ended, when the next one is, and how the ones before it went.

    TASK is a name, how one begins, or a pattern.  In the last column the newest run stands on the right: · succeeded,
    ✗ failed, t timed out, c crashed, d dead, - did not run to an end of its own.
    """
    with attach(session) as daemon:
        found: dict[str, Task] = {}
        for match in (*map(_pattern, words),) or (None,):
            some = listed(daemon, match=match, all=1 if everything or words else None, **wanted)
            found |= {str(one["name"]): one for one in some}
    if session.json:
        session.document({"items": list(found.values()), "next": None})
    elif found:
        _show(session, list(found.values()))
    else:
        session.remark("no task is like that" if words or any(wanted.values()) else "no tasks")


def _pattern(word: str) -> str:
    return word if any(sign in word for sign in MAGIC) else f"{word}*"


def _show(session: Session, tasks: Sequence[Task]) -> None:
    """A table for each group, all of one shape."""
    ordered = sorted(tasks, key=lambda one: (str(one["group"]), str(one["name"])))
    lines = iter(rows_of(session, ordered))
    heading = next(lines)
    groups = [(name, len(list(members))) for name, members in groupby(ordered, key=lambda one: str(one["group"]))]
    for number, (name, size) in enumerate(groups):
        if len(groups) > 1:
            session.lines([[]] if number else [])
            session.line(Cell(name, Style.BOLD))
        session.line(*heading)
        session.lines(next(lines) for _ in range(size))


def rows_of(session: Session, tasks: Sequence[Task]) -> list[list[Cell]]:
    """The table of these tasks, its heading first."""
    narrow = session.width is not None and session.width < NARROW
    columns = [
        Column("Task", gives=True),
        Column("Last"),
        Column("When"),
        *([] if narrow else [Column("Took", right=True)]),
        Column("Next"),
        Column("Lately", right=True),
        Column("", gives=True),
    ]
    rows = []
    for one in tasks:
        name, last, when, took, coming, strip, note = _row(session, one, narrow=narrow)
        rows.append([name, last, when, *([] if narrow else [took]), coming, strip, note])
    return table(columns, rows, session.width, session.glyphs.more)


def _row(session: Session, task: Task, *, narrow: bool) -> list[Cell | str]:
    last, marks = task["last"], PLAIN if session.glyphs is ASCII else MARKS
    strip = "".join(marks.get(state, "?") for state in task["outcomes"][-STRIP[narrow] :])
    bad = bool(task["outcomes"]) and task["outcomes"][-1] in BAD
    coming = instant(task["next_at"])
    return [
        Cell(str(task["name"]), Style.NAME),
        Cell("never ran", Style.DIM) if last is None else state_cell(last, session.glyphs),
        "" if last is None else _when(session, last),
        "" if last is None or last["duration"] is None else length_text(last["duration"]),
        Cell("-", Style.DIM) if coming is None else relative(coming, session.now),
        Cell(strip, Style.BAD if bad else Style.PLAIN),
        Cell("; ".join(_notes(session, task)), Style.WARN),
    ]


def _when(session: Session, run: Mapping[str, Any]) -> str:
    at = instant(run["started_at"] or run["created_at"])
    return "" if at is None else relative(at, session.now)


def length_text(seconds: float) -> str:
    """How long something took; below ten seconds a tenth matters to people."""
    return f"{seconds:.1f}s" if seconds < 10 else span_words(timedelta(seconds=seconds))


def _notes(session: Session, task: Task) -> Iterator[str]:
    """What is unusual about a task at this moment."""
    yield from holding_words(session, task)
    for word in ("running", "queued", "waiting"):
        if task[word]:
            yield f"{task[word]} {word}"
