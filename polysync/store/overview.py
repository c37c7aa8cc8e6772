"""The overview: what a first screen shows of thousands of tasks, from columns alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from polysync.domain.run import FINAL, Reason, State
from polysync.domain.values import Trigger
from polysync.store.codec import micros, moment, moment_or_none
from polysync.store.pages import LONGEST, NEWEST
from polysync.store.readonly import ReadOnly
from polysync.store.sql import statements

_SQL: Final = statements("reading")
_ENDS: Final = json.dumps([state for state in State if state in FINAL])
# Three look-ups for each of thousands of rows: a table is five times as fast as a call of the class.
_STATES: Final = {state.value: state for state in State}
_TRIGGERS: Final = {trigger.value: trigger for trigger in Trigger}
_REASONS: Final[dict[str | None, Reason | None]] = {None: None, **{reason.value: reason for reason in Reason}}


class Glance(NamedTuple):
    """A run as a row of a list shows it."""

    id: int
    task: str
    state: State
    reason: Reason | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    trigger: Trigger
    priority: int


class Overview:
    """Answers about many runs at once."""

    def __init__(self, database: ReadOnly) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> Overview:
        """Open the overview of a database."""
        return cls(await ReadOnly.open(path))

    async def newest(self, limit: int, before: int | None = None) -> Sequence[Glance]:
        """A page of all runs, newest first; `before` is the last id of the page before."""
        values = {"before": NEWEST if before is None else before, "limit": min(limit, LONGEST)}
        return [_glance(row) for row in await self._database.rows(_SQL["newest"], values)]

    async def last_runs(self) -> Mapping[str, Glance]:
        """The newest run of every task that ever had one."""
        return {row[1]: _glance(row) for row in await self._database.rows(_SQL["last_runs"])}

    async def outcomes(self, tasks: Sequence[str], limit: int = 20) -> Mapping[str, Sequence[tuple[int, State]]]:
        """How the last runs of these tasks ended, newest first, with their ids."""
        asked = {"tasks": json.dumps(list(tasks)), "limit": limit}
        rows = await self._database.rows(_SQL["outcomes"], asked)
        return {task: [(run_id, State(state)) for run_id, state in json.loads(ends)] for task, ends in rows}

    async def counts(self, since: datetime) -> Mapping[State, int]:
        """How many runs ended since then, by state, and how many have not ended, by theirs."""
        ended = await self._database.rows(_SQL["ended_since"], {"since": micros(since), "states": _ENDS})
        open_now = await self._database.rows(_SQL["not_ended"])
        return {State(state): count for state, count in (*ended, *open_now) if count}

    async def close(self) -> None:
        """Close the connection."""
        await self._database.close()


def _glance(row: Sequence[Any]) -> Glance:
    run_id, task, state, reason, created_at, started_at, ended_at, trigger, priority = row
    times = moment(created_at), moment_or_none(started_at), moment_or_none(ended_at)
    return Glance(run_id, task, _STATES[state], _REASONS[reason], *times, _TRIGGERS[trigger], priority)
