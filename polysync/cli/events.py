"""`polysync events`: what happened lately, and what happens now."""

from __future__ import annotations

import select
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from polysync.cli.attach import Daemon, Lost, attach, socket_path
from polysync.cli.failure import Failure, count
from polysync.cli.group import verb
from polysync.cli.link import PATIENCE, PAUSE
from polysync.cli.session import Session, ascii_json
from polysync.cli.standing import clock_text, value_text
from polysync.domain.render import Cell, Style

RECENT: Final = 20  # that are shown unless somebody asks for others
GAP: Final = "gap"
BAD: Final = frozenset(
    "run.failed run.timeout run.crashed run.dead run.missed service.fatal config.error notify.failed".split()
)
GOOD: Final = frozenset("run.succeeded run.recovered service.started".split())
WORRIED: Final = frozenset(
    "run.late run.long run.stale run.expired run.rejected clock.changed disk.low log.dropped approval.requested".split()
)
EXAMPLES: Final = [
    "polysync events",
    "polysync events -f --types 'run.failed,run.timeout,service.*'",
    "polysync events -f --json | jq -r .event",
]


@verb("events", examples=EXAMPLES)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, also over restarts of the daemon.")
@click.option("--since", type=click.IntRange(0), metavar="SEQ", help="Behind the event of this number (seq in --json).")
@click.option("-n", "last", type=click.IntRange(0), metavar="N", help=f"The last N first; {RECENT} unless --since.")
@click.option("--types", metavar="NAME,…", help="Only these: run.failed, or run.* for all that begin so.")
@click.option("--task", metavar="TASK", help="Only those of this task or service.")
@click.option("--run", type=click.IntRange(1), metavar="ID", help="Only those of this run.")
@click.pass_obj
def command(session: Session, /, **given: Any) -> None:
    """What happened lately; with -f also what happens from now on.

    The daemon remembers the newest events of its own life only; the history of runs stands in `polysync runs`.  Where
    events are missing, that is said, with their number where it is known.  With --json every event is a document, in a
    line of its own.
    """
    wanted = {name: given[name] for name in ("types", "task", "run")}
    last = given["last"] if given["last"] is not None or given["since"] is not None else RECENT
    with attach(session) as daemon:
        seen = given["since"]
        if given["follow"] and seen is None:
            seen = int(daemon.get("/api/status")["events"])
        if last is not None or not given["follow"]:
            query = {**wanted, "since": given["since"], "last": last, "follow": 0}
            seen = max([seen or 0, *_told(session, daemon, query)])
    if given["follow"]:
        _follow(session, wanted, seen)


def _follow(session: Session, wanted: Mapping[str, Any], seen: int) -> None:
    """Tell what comes until somebody ends it; where the connection is lost, go on behind what was told."""
    left = PATIENCE
    while True:
        try:
            for number in _listened(session, {**wanted, "since": seen, "follow": 1}):
                seen, left = max(seen, number), PATIENCE
        except Lost as lost:
            if not left:
                hint = f"polysync events -f --since {seen} goes on once the daemon is there again"
                message = f"the daemon went away and did not come back: {lost.message}"
                raise Failure(message, code=lost.code, status=lost.status, hint=hint) from lost
        if left == PATIENCE:
            session.remark("the daemon went away; waiting for it to come back …")
        left -= 1
        select.select([], [], [], PAUSE)


def _listened(session: Session, query: Mapping[str, Any]) -> Iterator[int]:
    """Write events as they come over one connection; the daemon may be another one than before."""
    with Daemon(str(socket_path(session)), again=True) as daemon:
        yield from _told(session, daemon, query)


def _told(session: Session, daemon: Daemon, query: Mapping[str, Any]) -> Iterator[int]:
    """Write events as they come; gives the number of each."""
    for event in daemon.lines("/api/events", **query):
        out = session.around.stdout
        if session.json:
            out.write(ascii_json(event) + "\n")
        elif event["event"] == GAP:
            session.remark(Cell(_missing(event), Style.WARN))
        else:
            session.line(*_line(session, event))
        out.flush()
        yield int(event["seq"])


def _missing(gap: Mapping[str, Any]) -> str:
    if gap["lost"] is None:
        return "… the daemon was restarted: what it told before is not known any more …"
    return f"… {count(gap['lost'], 'event')} missing …"


def _line(session: Session, event: Mapping[str, Any]) -> list[Cell | str]:
    name, data = str(event["event"]), dict(event["data"])
    style = Style.BAD if name in BAD else Style.GOOD if name in GOOD else Style.WARN if name in WORRIED else Style.NAME
    parts: list[Cell | str] = [Cell(clock_text(event["at"], session), Style.DIM), "  ", Cell(f"{name:<18}", style)]
    if event["task"]:
        parts += ["  ", Cell(str(event["task"]), Style.BOLD)]
    if event["run_id"] is not None:
        parts.append(f"  run {event['run_id']}")
    if event["reason"]:
        parts.append(f"  {event['reason']}")
    more = "  ".join(f"{key}={value_text(value)}" for key, value in data.items() if value not in (None, ""))
    return [*parts, Cell(f"  {more}", Style.DIM)] if more else parts
