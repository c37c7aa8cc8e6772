"""Reading what was decided, over a connection that cannot change it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from polysync.domain.effects import Record, RunCreated, RunMoved
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import Reason, State
from polysync.ports import RunFilter, RunPage
from polysync.store.audit import SqliteAudit
from polysync.store.codec import moment
from polysync.store.pages import (
    SPAN,
    Walk,
    Wanted,
    floor_statement,
    length_statement,
    page_statement,
    walks,
    wanted_by,
)
from polysync.store.readonly import ReadOnly
from polysync.store.rows import ATTEMPT, RUN
from polysync.store.sql import statements

_SQL: Final = statements("reading")
_COLUMNS: Final = ", ".join(f"runs.{name.strip()}" for name in RUN.titles.split(","))
SMALL: Final = 8 << 10  # characters of a row that is kept in memory
KEPT: Final = 1_000  # runs that have ended, as they were shown last


class Output(Protocol):
    """Where stored output is read: the log book."""

    async def read(self, run_id: int, attempt: int, stream: str, offset: int, limit: int) -> bytes:
        """Stored output from `offset` on; empty at its end."""


class SqliteReader:
    """The `Reader` of a home; every answer is one short statement, or a few."""

    def __init__(self, database: ReadOnly, output: Output) -> None:
        self.database = database
        self._output = output
        self._ended: dict[tuple[int, int], Run] = {}  # by id and checksum: the newest pages are asked for all the time

    @classmethod
    async def open(cls, path: Path, output: Output) -> SqliteReader:
        """Open a database that exists for reading; `close` it before the loop ends."""
        return cls(await ReadOnly.open(path), output)

    @property
    def audit(self) -> SqliteAudit:
        """The audit, over the same connection."""
        return SqliteAudit(self.database)

    async def run(self, run_id: int) -> Run | None:
        """One run."""
        rows = await self.database.rows(_SQL["run"], (run_id,))
        return RUN.load(rows[0]) if rows else None

    async def runs(self, wanted: RunFilter, limit: int, before: int | None) -> Sequence[Run]:
        """A page of runs, newest first; `before` is the last id of the page before."""
        conditions = wanted_by(wanted, limit, before)
        walk = await self._shortest(walks(conditions), conditions)
        rows = await self.database.rows(page_statement(walk, conditions, _COLUMNS), conditions.values)
        return [self._shown(row) for row in rows]

    async def page(self, wanted: RunFilter, limit: int, before: int | None, span: int = SPAN) -> RunPage:
        """The same, bounded: where what is wanted is rare, it says how far it looked instead of looking on."""
        conditions = wanted_by(wanted, limit + 1, before, span)
        walk = await self._shortest(walks(conditions), conditions)
        rows = await self.database.rows(page_statement(walk, conditions, _COLUMNS, bounded=True), conditions.values)
        found = [self._shown(row) for row in rows]
        if len(found) > limit:
            return RunPage(found[:limit], found[limit - 1].id)
        if conditions.names <= walk.answers:
            return RunPage(found, None)
        floor = await self.database.rows(floor_statement(walk, conditions), conditions.values)
        return RunPage(found, floor[0][0] if floor else None)

    async def attempts(self, run_id: int) -> Sequence[Attempt]:
        """The attempts of a run, oldest first."""
        return [ATTEMPT.load(row) for row in await self.database.rows(_SQL["attempts"], (run_id,))]

    async def history(self, run_id: int) -> Sequence[Record]:
        """What happened to a run, oldest first: its creation as it was then, and every move without its changes."""
        run = await self.run(run_id)
        rows = await self.database.rows(_SQL["history"], (run_id,))
        return [] if run is None else [_record(run, row) for row in rows]

    async def log(self, run_id: int, attempt: int, stream: str, offset: int, limit: int) -> bytes:
        """Stored output from `offset` on; empty at its end."""
        return await self._output.read(run_id, attempt, stream, offset, limit)

    async def close(self) -> None:
        """Close the connection; the log book has its own."""
        await self.database.close()

    def _shown(self, row: Sequence[Any]) -> Run:
        """The run of a row; whoever is handed it leaves it as it is."""
        key = row[0], row[-1]
        known = self._ended.get(key)
        if known is None:
            known = RUN.load(row)
            if known.ended_at is not None and sum(len(part) for part in row if isinstance(part, str)) < SMALL:
                if len(self._ended) >= KEPT:
                    self._ended.clear()
                self._ended[key] = known
        return known

    async def _shortest(self, ways: Sequence[Walk], wanted: Wanted) -> Walk:
        """The way with the fewest rows; measuring stops where the difference stops to matter."""
        if len(ways) == 1:
            return ways[0]
        lengths = ", ".join(f"({length_statement(way, wanted)})" for way in ways)
        (counted,) = await self.database.rows(f"SELECT {lengths}", wanted.values)
        return min(zip(counted, ways, strict=True), key=lambda pair: pair[0])[1]


def _record(run: Run, row: Sequence[Any]) -> Record:
    at, before, state, why, actor = row
    reason = Reason(why) if why else None
    if before is None:
        return RunCreated(_as_born(run, State(state), reason))
    return RunMoved(run.id, moment(at), State(before), State(state), reason, actor, {})


def _as_born(run: Run, state: State, reason: Reason | None) -> Run:
    """The run as it was made: what an execution adds to it later is left out."""
    return Run(
        id=run.id,
        uid=run.uid,
        task=run.task,
        state=state,
        trigger=run.trigger,
        created_at=run.created_at,
        available_at=run.available_at,
        scheduled_for=run.scheduled_for,
        end_reason=reason,
        ended_at=run.created_at if reason else None,
        correlation_id=run.correlation_id,
        parents=run.parents,
        rerun_of=run.rerun_of,
        tags=run.tags,
        actor=run.actor,
    )
