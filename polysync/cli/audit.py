"""`polysync audit`: who did, or was refused, what; and whether anybody changed it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import click

from polysync.cli.attach import Daemon, attach
from polysync.cli.failure import FAILED, count
from polysync.cli.group import verb
from polysync.cli.moments import moment, utc_text
from polysync.cli.session import Session
from polysync.domain.render import Cell, Column, Style, relative, table
from polysync.domain.schedule import load_zone

USUAL: Final = 20
LONGEST: Final = 500  # rows of one page of the API
UNSAID: Final = frozenset({"idempotency"})  # for machines; --json has it
COLUMNS: Final = (
    Column("No", right=True),
    Column("When"),
    Column("Who", gives=True),
    Column("Did"),
    Column("What", gives=True),
    Column("Outcome"),
    Column("More", gives=True),
)
EXAMPLES: Final = [
    "polysync audit",
    "polysync audit --actor anna --since -7d",
    "polysync audit --outcome denied -n 100",
    "polysync audit --verify",
]


@verb("audit", examples=EXAMPLES)
@click.option("--verify", is_flag=True, help="Look at every row: is it what was written, and is none missing?")
@click.option("-n", "limit", type=click.IntRange(1), default=USUAL, metavar="N", help="How many. Default: 20.")
@click.option("--actor", metavar="NAME", help="Only of this user or token.")
@click.option("--verb", "did", metavar="V", help="Only this verb: run, stop, reload …")
@click.option("--subject", metavar="S", help="Only about this: 'run 7', 'task backup' …")
@click.option("--outcome", metavar="O", help="Only with this outcome: done, denied, conflict …")
@click.option("--since", metavar="D", help="Only from this time on: 2026-03-29, 14:00, -2d …")
@click.option("--until", metavar="D", help="Only before this time.")
@click.pass_obj
def command(session: Session, /, *, verify: bool, limit: int, **given: Any) -> int:
    """The audit, newest first: everything that anybody changed, and everything that was refused to anybody.

    Each row carries a hash over itself and the row before.  --verify looks at all of them and exits with 1 where one
    was changed or is missing; what it prints as the tip, kept elsewhere, proves later that nothing was written anew.
    """
    with attach(session) as daemon:
        if verify:
            return _verify(session, daemon.get("/api/audit/verify"))
        _list(session, _rows(daemon, limit, _query(session, given)))
    return 0


def _query(session: Session, given: Mapping[str, str | None]) -> dict[str, str]:
    query = {"verb" if name == "did" else name: value for name, value in given.items() if value is not None}
    zone = load_zone(session.host_zone)
    for name in ("since", "until"):
        if name in query:
            query[name] = utc_text(moment(query[name], f"--{name}", session.now, zone).at)
    return query


def _rows(daemon: Daemon, limit: int, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """So many rows; a page may hold few of them, or none, and go on."""
    rows: list[Mapping[str, Any]] = []
    cursor: str | None = None
    while len(rows) < limit:
        page = daemon.get("/api/audit", **query, limit=min(limit - len(rows), LONGEST), cursor=cursor)
        rows += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    return rows


def _list(session: Session, rows: list[Mapping[str, Any]]) -> None:
    if session.json:
        session.document({"items": rows, "next": None})
    elif rows:
        session.lines(table(COLUMNS, [_cells(session, row) for row in rows], session.width, session.glyphs.more))
    else:
        session.remark("nothing was asked for yet, or nothing that fits")


def _cells(session: Session, row: Mapping[str, Any]) -> list[Cell | str]:
    who = f"{row['actor']} ({row['role']}, {row['channel']})"
    good = row["outcome"] == "done"
    return [
        str(row["seq"]),
        relative(datetime.fromisoformat(row["at"]), session.now),
        Cell(who, Style.NAME),
        row["verb"],
        row["subject"],
        Cell(row["outcome"], Style.PLAIN if good else Style.WARN),
        Cell(", ".join(f"{name} {value}" for name, value in row["detail"].items() if name not in UNSAID), Style.DIM),
    ]


def _verify(session: Session, told: Mapping[str, Any]) -> int:
    if session.json:
        session.document(told)
    elif told["ok"]:
        signs, gone = session.glyphs, f", {told['pruned']:,} pruned" if told["pruned"] else ""
        session.line(Cell(f"{signs.good} ", Style.GOOD), f"{count(told['rows'], 'row')}{gone}: the chain is whole")
        if told["tip"]:
            session.line("  tip ", Cell(f"{told['last']} {told['tip']}", Style.BOLD))
    else:
        broken = told["broken"]
        session.line(Cell(f"{session.glyphs.bad} ", Style.BAD), f"row {broken['seq']}: {broken['what']}")
        session.remark("polysync check looks at everything; it says what helps")
    return 0 if told["ok"] else FAILED
