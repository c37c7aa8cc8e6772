"""What there was of each task, kept as it was shown last: thousands of tasks are looked at again and again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

from polysync.domain.effects import Record, RunCreated, RunMoved
from polysync.domain.glances import Glance, Past
from polysync.domain.run import FINAL, State

KEPT: Final = 4_096  # tasks; whoever looks at more reads them anew
AT_ONCE: Final = 200
STRIP: Final = 20  # outcomes of one task


class Overview(Protocol):
    """Reads many tasks at once."""

    async def last_of(self, tasks: Sequence[str]) -> Mapping[str, Glance]:
        """The newest run of each of these tasks that ever had one."""

    async def outcomes(self, tasks: Sequence[str], limit: int) -> Mapping[str, Sequence[tuple[int, State]]]:
        """How the last runs of these tasks ended, newest first."""


class Pasts:
    """Reads what it does not know, and forgets what a stored decision has changed."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview
        self._known: dict[str, Past] = {}
        self._open: dict[int, str] = {}  # the task of each run that was made under our eyes
        self._reading: list[_Reading] = []

    async def of(self, tasks: Collection[str]) -> Mapping[str, Past]:
        """What there was of these tasks, as far as it is stored."""
        known = self._known
        missing = [task for task in tasks if task not in known]
        if not missing:
            return {task: known[task] for task in tasks}
        reading = _Reading()
        self._reading.append(reading)
        try:
            read = await self._read(missing)
        finally:
            self._reading.remove(reading)
        found = {task: read[task] if task in read else self._known.get(task, Past()) for task in tasks}
        if len(self._known) + len(read) > KEPT:
            self._known.clear()
        self._known |= {} if reading.all else {task: past for task, past in read.items() if task not in reading.stale}
        return found

    async def _read(self, missing: Sequence[str]) -> Mapping[str, Past]:
        """So many at a time that the loop is not held for long."""
        read: dict[str, Past] = {}
        for first in range(0, len(missing), AT_ONCE):
            some = missing[first : first + AT_ONCE]
            last, outcomes = await self._overview.last_of(some), await self._overview.outcomes(some, STRIP)
            read |= {task: Past(last.get(task), tuple(outcomes.get(task, ()))[::-1]) for task in some}
        return read

    def settled(self, records: Iterable[Record]) -> None:
        """This was stored."""
        for record in records:
            if type(record) is RunMoved:
                if record.state in FINAL:
                    self._forget(self._open.pop(record.run_id, None))
            elif type(record) is RunCreated:
                run = record.run
                if run.state not in FINAL:
                    self._open[run.id] = run.task
                self._forget(run.task)

    def _forget(self, task: str | None) -> None:
        """A run of this task was made or ended; one that was there before us may belong to any."""
        for reading in self._reading:
            reading.all = reading.all or task is None
            reading.stale |= {task} if task is not None else set()
        if task is None:
            self._known.clear()
        else:
            self._known.pop(task, None)


class _Reading:
    """What was changed while somebody read."""

    __slots__ = ("all", "stale")

    def __init__(self) -> None:
        self.all = False
        self.stale: set[str] = set()
