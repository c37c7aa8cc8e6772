"""Reading the audit: pages of it, newest first, and whether its chain is whole."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from polysync.ports import AuditFilter, AuditPage, AuditRow, AuditVerdict, PortError
from polysync.store.chain import GENESIS, Place, first_break
from polysync.store.codec import loads, micros_or_none, moment
from polysync.store.errors import StorageBroken
from polysync.store.lines import verify
from polysync.store.readonly import ReadOnly
from polysync.store.sql import statements
from polysync.store.uri import read_only_uri

SPAN: Final = 50_000  # rows that one page looks at: some milliseconds, whatever the filter
SLACK: Final = timedelta(days=1)  # a clock that was set may have put rows out of the order of time by so much
_SQL: Final = statements("audit")


class SqliteAudit:
    """The audit of a home, over a connection that cannot change it."""

    def __init__(self, database: ReadOnly) -> None:
        self.span = SPAN
        self._database = database

    async def page(self, wanted: AuditFilter, limit: int, before: int | None) -> AuditPage:
        """At most so many rows, newest first; one that finds few may have looked at many, and says where it stopped."""
        ((newest,),) = await self._database.rows(_SQL["newest"])
        begin = newest + 1 if before is None else min(before, newest + 1)
        floor = max(1, begin - self.span)
        values = {
            "before": begin,
            "floor": floor,
            "limit": limit,
            **{name: getattr(wanted, name) for name in ("actor", "verb", "subject", "outcome")},
            "since": micros_or_none(wanted.since),
            "until": micros_or_none(wanted.until),
        }
        rows = [_row(row) for row in await self._database.rows(_SQL["page"], values)]
        reached = rows[-1].seq if len(rows) == limit else floor
        return AuditPage(rows=rows, next=reached if await self._goes_on(reached, wanted) else None)

    async def _goes_on(self, reached: int, wanted: AuditFilter) -> bool:
        """Whether there are rows before that number which may be wanted."""
        before = await self._database.rows(_SQL["before"], (reached,))
        return bool(before) and (wanted.since is None or moment(before[0][0]) > wanted.since - SLACK)

    async def verify(self) -> AuditVerdict:
        """Look at every row there is, in a thread and over a connection of its own."""
        return await asyncio.to_thread(verify_audit, self._database.path)


def verify_audit(path: Path) -> AuditVerdict:
    """Look at every row of the audit of a database, and at what stands for those that were pruned."""
    try:
        with closing(sqlite3.connect(read_only_uri(path), uri=True, isolation_level=None)) as connection:
            connection.execute("BEGIN")  # rows and anchors of one moment
            return _verified(connection)
    except sqlite3.Error as error:
        raise PortError(f"{path} cannot be read: {error}") from error


def _verified(connection: sqlite3.Connection) -> AuditVerdict:
    pruned: dict[int, Place] = {}
    gone = 0
    for first, last, link, checksum in connection.execute(_SQL["pruned"]):
        try:
            verify(("audit", first, link, last, checksum), f"anchor {last}")
        except StorageBroken as error:
            return AuditVerdict(rows=0, pruned=gone, broken=first, what=str(error))
        pruned[first] = (last, link)
        gone += last - first + 1
    counting = _Counting()
    broken = first_break(map(counting.count, connection.execute(_SQL["after"], (0,))), (0, GENESIS), pruned)
    tip = counting.tip.hex() if counting.tip is not None and broken is None else None
    what = "this row, or one before it, was changed or is missing" if broken is not None else ""
    return AuditVerdict(
        rows=counting.rows,
        pruned=gone,
        first=counting.first,
        last=counting.last,
        tip=tip,
        broken=broken,
        what=what,
    )


class _Counting:
    """Notes what passes."""

    def __init__(self) -> None:
        self.rows = 0
        self.first: int | None = None
        self.last: int | None = None
        self.tip: bytes | None = None

    def count(self, row: Sequence[Any]) -> Sequence[Any]:
        self.rows += 1
        self.first = row[0] if self.first is None else self.first
        self.last, self.tip = row[0], row[-1]
        return row


def _row(row: Sequence[Any]) -> AuditRow:
    seq, at, actor, role, channel, verb, subject, outcome, detail = row
    try:
        told: Mapping[str, Any] = loads(detail)
    except ValueError:
        told = {"damaged": detail}  # `verify` says so; whoever looks must still see the others
    return AuditRow(
        seq=seq,
        at=moment(at),
        actor=actor,
        role=role,
        channel=channel,
        verb=verb,
        subject=subject,
        outcome=outcome,
        detail=told,
    )
