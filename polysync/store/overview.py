"""The overview: what a first screen shows of thousands of tasks, from columns alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from polysync.domain.glances import Ending, Glance
from polysync.domain.rows import Run
from polysync.domain.run import FINAL, Reason, State
from polysync.domain.values import Trigger
from polysync.store.codec import micros, moment, moment_or_none
from polysync.store.pages import LONGEST, NEWEST, SLACK
from polysync.store.readonly import ReadOnly
from polysync.store.rows import RUN
from polysync.store.sql import statements

_SQL: Final = statements("reading")
_TASKS: Final = statements("tasks")
_SLACK: Final = SLACK // timedelta(microseconds=1)
_ENDS: Final = json.dumps([state for state in State if state in FINAL])
# Three look-ups for each of thousands of rows: a table is five times as fast as a call of the class.
_STATES: Final = {state.value: state for state in State}
_TRIGGERS: Final = {trigger.value: trigger for trigger in Trigger}
_REASONS: Final[dict[str | None, Reason | None]] = {None: None, **{reason.value: reason for reason in Reason}}


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
        return {task: [(run_id, _STATES[state]) for run_id, state in json.loads(ends)] for task, ends in rows}

    async def counts(self, since: datetime) -> Mapping[State, int]:
        """How many runs ended since then, by state, and how many have not ended, by theirs."""
        ended = await self._database.rows(_SQL["ended_since"], {"since": micros(since), "states": _ENDS})
        open_now = await self._database.rows(_SQL["not_ended"])
        return {State(state): count for state, count in (*ended, *open_now) if count}

    async def last_of(self, tasks: Sequence[str]) -> Mapping[str, Glance]:
        """The newest run of each of these tasks that ever had one."""
        rows = await self._database.rows(_TASKS["last_of"], {"tasks": json.dumps(list(tasks))})
        return {row[1]: _glance(row) for row in rows}

    async def endings(self, task: str, since: datetime, limit: int) -> Sequence[Ending]:
        """How the newest runs of a task stand that were made since then."""
        values = {"task": task, "since": micros(since), "slack": _SLACK, "limit": limit}
        rows = await self._database.rows(_TASKS["endings"], values)
        return [
            Ending(_STATES[state], moment_or_none(started), moment_or_none(ended), count)
            for state, started, ended, count in rows
        ]

    async def slot_rows(self, task: str, until: datetime, limit: int) -> Sequence[Run]:
        """The newest rows of a task whose slots are not after `until`, newest slot first."""
        values = {"task": task, "until": micros(until), "limit": limit}
        return [RUN.load(row) for row in await self._database.rows(_TASKS["slot_rows"], values)]

    async def close(self) -> None:
        """Close the connection."""
        await self._database.close()


def _glance(row: Sequence[Any]) -> Glance:
    run_id, task, state, reason, created_at, started_at, ended_at, trigger, priority = row
    times = moment(created_at), moment_or_none(started_at), moment_or_none(ended_at)
    return Glance(run_id, task, _STATES[state], _REASONS[reason], *times, _TRIGGERS[trigger], priority)
