"""What the routes work with: the desk of the running daemon, what is stored, and what is known of definitions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from polysync.api.board import Board
from polysync.api.event_shape import Told
from polysync.api.refusal import Refused
from polysync.api.reloading import Reloads
from polysync.api.shapes import Details, Sensitive, run_text
from polysync.api.sharing import Sharing
from polysync.api.streams import Streams
from polysync.api.task_shapes import TaskText
from polysync.clock import SystemClock
from polysync.config.suggest import did_you_mean
from polysync.domain.rows import Run
from polysync.domain.run import State
from polysync.domain.service_views import ServiceView
from polysync.domain.settings import Service
from polysync.domain.task import Task
from polysync.ports import Asker, AuditBook, Desk, LogPiece, Reader

_CLOCK: Final = SystemClock()
KEPT: Final = 1_000  # runs whose text is kept
LONGEST_KEPT: Final = 16 << 10  # characters of each of them
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


class Events(Protocol):
    """The newest events, by their numbers."""

    @property
    def first(self) -> int:
        """The first number that this life of the daemon gives."""

    @property
    def oldest(self) -> int:
        """The oldest event that is still known; one behind the newest where none is."""

    @property
    def newest(self) -> int:
        """The newest event; one before the first where there was none yet."""

    def after(self, number: int, limit: int) -> Sequence[Told]:
        """So many events, oldest first, from the one behind that number on."""

    async def wait(self, number: int) -> bool:
        """Wait until there are events behind that number; false: there will be none."""


class NoEvents:
    """Nothing happens."""

    first, oldest, newest = 1, 1, 0

    def after(self, number: int, limit: int) -> Sequence[Told]:
        """None, whatever was asked for."""
        del number, limit
        return ()

    async def wait(self, number: int) -> bool:
        """Nothing will come."""
        del number
        return False


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
    secret: Sensitive | None = None  # what of it nobody ever sees; None: all of it
    reloads: Reloads | None = None
    now: Callable[[], datetime] = lambda: _CLOCK.read().wall
    degraded: Callable[[], Sequence[str]] = tuple  # what is not as it should be, in one word each
    upkeep: Upkeep = field(default_factory=NoUpkeep)
    audit: AuditBook | None = None
    metrics: Callable[[], AsyncIterator[bytes] | None] = lambda: None  # as text; None: they are off
    board: Board | None = None  # tasks and limits
    sharing: Sharing = field(default_factory=Sharing)
    run_texts: dict[int, tuple[Run, Task | None, str]] = field(default_factory=dict)  # of runs that are over
    task_texts: dict[str, TaskText] = field(default_factory=dict)  # of tasks as they were shown last
    events: Events = field(default_factory=NoEvents)
    streams: Streams = field(default_factory=Streams)
    services: Callable[[], Sequence[ServiceView]] = tuple
    service_of: Callable[[str], Service | None] = lambda _name: None  # as the configuration has it
    trouble_of: Callable[[int], str] = lambda _run_id: ""  # why nobody can say whether that life is well

    @property
    def noticeboard(self) -> Board:
        """What is known of tasks and limits."""
        if self.board is None:
            raise Refused(503, "nobody keeps a board of the tasks here")
        return self.board

    async def run(self, run_id: int) -> Run:
        """One run, as fresh as it can be."""
        run = self.desk.live(run_id) or await self.reader.run(run_id)
        if run is None:
            raise Refused(404, f"no run {run_id}")
        return run

    async def detailed(self, run: Run, hidden: frozenset[str] | None = None) -> str:
        """One run with its attempts and its history, as JSON text; `hidden` in place of all that is sensitive."""
        details = Details(await self.reader.attempts(run.id), await self.reader.history(run.id))
        return self._text(run, details, hidden)

    def brief(self, run: Run) -> str:
        """One run of a list, as JSON text; one that is over is written once, for it is asked for all the time."""
        if run.ended_at is None or self.desk.live(run.id) is not None:
            return self._text(run, None)
        known, task = self.run_texts.get(run.id), self.task_of(run)
        if known is not None and known[0] is run and known[1] is task:
            return known[2]
        if len(self.run_texts) >= KEPT:
            self.run_texts.clear()
        text = self._text(run, None)
        if len(text) <= LONGEST_KEPT:
            self.run_texts[run.id] = run, task, text
        return text

    def check_task(self, name: str) -> None:
        """Refuse a task that does not exist, with the name that was probably meant."""
        names = list(self.task_names())
        if name not in names:
            raise Refused(404, "; ".join(filter(None, (f"no task {name}", did_you_mean(name, names)))))

    def _text(self, run: Run, details: Details | None, hidden: frozenset[str] | None = None) -> str:
        if hidden is None:
            hidden = self.sensitive(run) if run.parameters or run.outputs else frozenset[str]()
        needs = self.desk.why(run.id) if run.state is State.QUEUED else None
        return run_text(run, task=self.task_of(run), hidden=hidden, needs=needs, details=details)
