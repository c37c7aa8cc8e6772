"""What the routes work with: the desk of the running daemon, what is stored, and what is known of definitions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from polysync.api.refusal import Refused
from polysync.api.reloading import Reloads
from polysync.api.shapes import Details, Sensitive, run_text
from polysync.config.suggest import did_you_mean
from polysync.domain.rows import Run
from polysync.domain.run import State
from polysync.domain.service_views import ServiceView
from polysync.domain.settings import Service
from polysync.domain.task import Task
from polysync.ports import Asker, Desk, LogPiece, Reader

Place = tuple[int, str]  # attempt and stream
Places = Mapping[Place, int]  # an offset in each of them


class Logs(Protocol):
    """Stored output: each stream by its offsets, and all of a run in the order in which it was stored."""

    async def ends(self, run_id: int) -> Places:
        """Where each stream of each attempt ends."""

    async def first(self, run_id: int, begins: Places, ends: Places) -> int | None:
        """The number of the first piece that holds anything between begins and ends."""

    async def last_lines(self, run_id: int, ends: Places, count: int) -> Places:
        """Where the last lines of these streams begin."""

    async def last_bytes(self, run_id: int, ends: Places, count: int) -> Places:
        """Where the last bytes of these streams begin."""

    async def since(self, run_id: int, ends: Places, at: datetime) -> Places:
        """Where each of these streams goes on from the first line that came at that time or later."""

    async def line(self, run_id: int, place: Place, number: int, end: int) -> int:
        """Where the line of that number begins in its stream."""

    async def pieces(self, run_id: int, after: int, limit: int) -> Sequence[tuple[int, LogPiece]]:
        """The next pieces of all streams, each with its place in the order."""

    async def stretch(self, run_id: int, place: Place, offset: int, limit: int) -> Sequence[LogPiece]:
        """So many pieces of one stream, from the one that holds the offset on."""


class Search(Protocol):
    """Looks for a pattern in stored output."""

    @property
    def busy(self) -> bool:
        """Whether there are as many searches as may be."""

    def find(self, **wanted: Any) -> AsyncIterator[bytes]:
        """Lines of JSON, whole ones, as they are found; who closes it ends the search."""


class Upkeep(Protocol):
    """Who keeps the home in order."""

    async def prune(self, asker: Asker, *, dry_run: bool) -> Mapping[str, Any]:
        """Remove what may go, or say what would."""


class NoUpkeep:
    """Nobody does."""

    async def prune(self, asker: Asker, *, dry_run: bool) -> Mapping[str, Any]:
        """Refuse."""
        raise Refused(503, f"nobody keeps this home in order: nothing is removed for {asker.name}, {dry_run=}")


@dataclass(slots=True, kw_only=True)
class Office:
    """Everything that an answer is made of."""

    desk: Desk
    reader: Reader
    logs: Logs
    search: Search
    sensitive: Sensitive  # the parameters and outputs of a run that are shown as stars
    task_of: Callable[[Run], Task | None]  # the definition that a run was made under
    task_names: Callable[[], Iterable[str]]
    reloads: Reloads | None = None
    degraded: Callable[[], Sequence[str]] = tuple  # what is not as it should be, in one word each
    upkeep: Upkeep = field(default_factory=NoUpkeep)
    services: Callable[[], Sequence[ServiceView]] = tuple
    service_of: Callable[[str], Service | None] = lambda _name: None  # as the configuration has it
    trouble_of: Callable[[int], str] = lambda _run_id: ""  # why nobody can say whether that life is well

    async def run(self, run_id: int) -> Run:
        """One run, as fresh as it can be."""
        run = self.desk.live(run_id) or await self.reader.run(run_id)
        if run is None:
            raise Refused(404, f"no run {run_id}")
        return run

    async def detailed(self, run: Run) -> str:
        """One run with its attempts and its history, as JSON text."""
        details = Details(await self.reader.attempts(run.id), await self.reader.history(run.id))
        return self._text(run, details)

    def brief(self, run: Run) -> str:
        """One run of a list, as JSON text."""
        return self._text(run, None)

    def check_task(self, name: str) -> None:
        """Refuse a task that does not exist, with the name that was probably meant."""
        names = list(self.task_names())
        if name not in names:
            raise Refused(404, "; ".join(filter(None, (f"no task {name}", did_you_mean(name, names)))))

    def _text(self, run: Run, details: Details | None) -> str:
        hidden = self.sensitive(run) if run.parameters or run.outputs else frozenset[str]()
        needs = self.desk.why(run.id) if run.state is State.QUEUED else None
        return run_text(run, task=self.task_of(run), hidden=hidden, needs=needs, details=details)
