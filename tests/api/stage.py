"""A served office for tests: real sockets, a desk and stores made of plain tables."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from polysync.api.auth import Doorkeeper, Peer
from polysync.api.binding import bind_socket, socket_path
from polysync.api.client import Answer as Got
from polysync.api.client import Client, Stream
from polysync.api.connection import Limits
from polysync.api.office import Office, Places
from polysync.api.route import Route
from polysync.api.routes import ROUTES
from polysync.api.server import Server
from polysync.domain.admission import Need
from polysync.domain.effects import Answer, Record, Refusal, RunCreated, RunMoved
from polysync.domain.inputs import Release, Stop, Submit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import Lack, State
from polysync.domain.service_views import ServiceView, Standing
from polysync.domain.settings import Access
from polysync.domain.task import Task
from polysync.domain.values import Trigger
from polysync.home import Home
from polysync.ports import Asker, LogPiece, Request, RunFilter, RunPage
from tests.store_reading import naive_log

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
WEB = ServiceView("web", "Services", Standing.RUNNING, wanted=True, why="", waits_for=(), instances=())
DEADLINE = 20.0  # seconds until a test gives up


def a_run(number: int, state: State = State.SUCCEEDED, **values: Any) -> Run:
    """A run that was made `number` minutes after noon."""
    at = NOON + timedelta(minutes=number)
    run = Run(number, f"uid-{number}", "backup", state, Trigger.CRON, at, at, scheduled_for=at)
    return replace(run, **values)


@dataclass
class Books:
    """What is stored: a reader and logs in one."""

    stored: dict[int, Run] = field(default_factory=dict)
    tries: dict[int, list[Attempt]] = field(default_factory=dict)
    output: dict[int, list[LogPiece]] = field(default_factory=dict)
    fails: BaseException | None = None
    asked: list[tuple[RunFilter, int, int | None]] = field(default_factory=list)
    busy: bool = False  # with searches
    searches: list[dict[str, Any]] = field(default_factory=list)
    reads: int = 0

    def keep(self, *runs: Run) -> None:
        """Store runs."""
        self.stored |= {run.id: run for run in runs}

    def say(self, run_id: int, attempt: int, stream: str, *chunks: bytes) -> None:
        """Store output."""
        pieces = self.output.setdefault(run_id, [])
        for data in chunks:
            offset = sum(len(p.data) for p in pieces if (p.attempt, p.stream) == (attempt, stream))
            pieces.append(LogPiece(attempt, stream, offset, data, NOON))

    async def run(self, run_id: int) -> Run | None:
        """One run."""
        if self.fails is not None:
            raise self.fails
        return self.stored.get(run_id)

    async def runs(self, wanted: RunFilter, limit: int, before: int | None) -> Sequence[Run]:
        """A page."""
        self.asked.append((wanted, limit, before))
        found = sorted((r for r in self.stored.values() if before is None or r.id < before), key=lambda r: -r.id)
        return [r for r in found if wanted.state in {None, r.state}][:limit]

    async def page(self, wanted: RunFilter, limit: int, before: int | None) -> RunPage:
        """The same with a cursor."""
        found = await self.runs(wanted, limit + 1, before)
        return RunPage(found[:limit], found[limit - 1].id if len(found) > limit else None)

    async def attempts(self, run_id: int) -> Sequence[Attempt]:
        """Its attempts."""
        return self.tries.get(run_id, [])

    async def history(self, run_id: int) -> Sequence[Record]:
        """Two moves, from queued to its end."""
        run = self.stored[run_id]
        made = RunCreated(replace(run, state=State.QUEUED, end_reason=None))
        return [made, RunMoved(run_id, NOON, State.QUEUED, run.state, run.end_reason, "ada", {})]

    async def log(self, run_id: int, attempt: int, stream: str, offset: int, limit: int) -> bytes:
        """Stored output."""
        return await self.read(run_id, attempt, stream, offset, limit)

    async def ends(self, run_id: int) -> Mapping[tuple[int, str], int]:
        """Where each stream ends."""
        return naive_log.ends(self._said(run_id))

    async def first(self, run_id: int, begins: Places, ends: Places) -> int | None:
        """The first piece of a part."""
        wanted = naive_log.between(self._said(run_id), begins, ends)
        places = [(naive_log.place_of(piece), naive_log.end_of_piece(piece)) for piece in self._said(run_id)]
        return places.index((naive_log.place_of(wanted[0]), naive_log.end_of_piece(wanted[0]))) + 1 if wanted else None

    async def last_lines(self, run_id: int, ends: Places, count: int) -> Places:
        """Where the last lines begin."""
        return naive_log.last_lines(self._said(run_id), ends, count)

    async def last_bytes(self, run_id: int, ends: Places, count: int) -> Places:
        """Where the last bytes begin."""
        return naive_log.last_bytes(self._said(run_id), ends, count)

    async def since(self, run_id: int, ends: Places, at: datetime) -> Places:
        """Where a time begins."""
        return naive_log.since(self._said(run_id), ends, at)

    async def line(self, run_id: int, place: tuple[int, str], number: int, end: int) -> int:
        """Where a line begins."""
        return naive_log.line(self._said(run_id), place, number, end)

    async def read(self, run_id: int, attempt: int, stream: str, offset: int, limit: int) -> bytes:
        """One stream."""
        pieces = (p for p in self._said(run_id) if (p.attempt, p.stream) == (attempt, stream))
        return b"".join(p.data for p in pieces)[offset : offset + limit]

    async def stretch(self, run_id: int, place: tuple[int, str], offset: int, limit: int) -> Sequence[LogPiece]:
        """Pieces of one stream."""
        self.reads += 1
        own = [p for p in self._said(run_id) if naive_log.place_of(p) == place]
        return [p for p in own if naive_log.end_of_piece(p) > offset][:limit]

    async def pieces(self, run_id: int, after: int, limit: int) -> Sequence[tuple[int, LogPiece]]:
        """All streams, in order."""
        self.reads += 1
        return list(enumerate(self._said(run_id), 1))[after : after + limit]

    async def find(self, **wanted: Any) -> AsyncIterator[bytes]:
        """A search that finds what it was asked."""
        self.searches.append(wanted)
        yield b'{"searched":true}\n'

    def _said(self, run_id: int) -> list[LogPiece]:
        return self.output.get(run_id, [])


@dataclass
class Counter:
    """A desk that notes what it was asked, and does the least that could be called it."""

    books: Books
    lives: dict[int, Run] = field(default_factory=dict)
    lacks: dict[int, list[Need]] = field(default_factory=dict)
    refusal: Refusal | None = None
    requests: list[tuple[Request, Asker]] = field(default_factory=list)
    feed: Callable[[int, Mapping[tuple[int, str], int]], AsyncIterator[LogPiece]] | None = None
    hold: asyncio.Event | None = None
    held: int = 0  # requests that wait for it
    denied: list[tuple[Asker, str, str]] = field(default_factory=list)
    noted: list[tuple[Asker, str, str, str, Mapping[str, Any]]] = field(default_factory=list)

    async def ask(self, request: Request, asker: Asker) -> Answer:
        """Note it, and answer as a desk would."""
        if self.hold is not None:
            self.held += 1
            await self.hold.wait()
            self.held -= 1
        self.requests.append((request, asker))
        if self.refusal is not None:
            return Answer("key", refusal=self.refusal, message="because")
        if isinstance(request, Submit):
            run = a_run(max(self.books.stored, default=0) + 1, State.QUEUED, parameters=dict(request.parameters))
            self.books.keep(run)
            return Answer("key", run.id)
        return Answer("key", request.run_id if isinstance(request, Stop | Release) else None)

    def deny(self, asker: Asker, verb: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
        """Note a refusal."""
        del detail
        self.denied.append((asker, verb, subject))

    async def note(
        self, asker: Asker, verb: str, subject: str, *, outcome: str = "done", detail: Mapping[str, Any] | None = None
    ) -> None:
        """Note what is to be known later."""
        self.noted.append((asker, verb, subject, outcome, detail or {}))

    async def flush(self) -> None:
        """Everything is there at once."""

    def status(self) -> Mapping[str, Any]:
        """Some state."""
        return {"running": len(self.lives)}

    def live(self, run_id: int) -> Run | None:
        """A live run."""
        return self.lives.get(run_id)

    def why(self, run_id: int) -> Sequence[Need]:
        """What it lacks."""
        return self.lacks.get(run_id, [Need(Lack.SLOT, "max_concurrent")] if run_id in self.lives else [])

    def log(self, run_id: int, since: Mapping[tuple[int, str], int]) -> AsyncIterator[LogPiece]:
        """The feed of the test, else what is stored."""
        return self.feed(run_id, since) if self.feed is not None else self._stored(run_id, since)

    async def _stored(self, run_id: int, since: Mapping[tuple[int, str], int]) -> AsyncIterator[LogPiece]:
        for piece in self.books.output.get(run_id, []):
            begin = max(0, since.get((piece.attempt, piece.stream), 0) - piece.offset)
            if begin < len(piece.data):
                yield replace(piece, offset=piece.offset + begin, data=piece.data[begin:])


@dataclass
class Stage:
    """A server that serves, and everything behind it."""

    home: Home
    path: Path
    server: Server
    desk: Counter
    books: Books
    said: list[tuple[str, BaseException | None]]

    def client(self, **options: Any) -> Client:
        """A client of this server."""
        return Client(str(self.path), timeout=DEADLINE, **options)

    async def ask(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Got:
        """One request over a connection of its own."""

        def work() -> Got:
            with self.client() as client:
                return client.request(method, target, body, headers)

        return await asyncio.to_thread(work)

    async def raw(self, *parts: bytes, half: bool = False) -> bytes:
        """Everything that comes back for these bytes until the server hangs up."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        try:
            async with asyncio.timeout(DEADLINE):
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                if half:
                    writer.write_eof()
                return await reader.read()
        finally:
            writer.close()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something to hold."""
        turn = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(DEADLINE):
            while not holds():
                loop.call_later(0.005, turn.set)
                await turn.wait()
                turn.clear()


def descriptors() -> int:
    """How many descriptors this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))


@asynccontextmanager
async def staged(
    folder: Path,
    *,
    limits: Limits | None = None,
    access: Access | None = None,
    routes: Sequence[Route] = ROUTES,
    peer: Callable[[socket.socket], Peer] | None = None,
    hidden: frozenset[str] = frozenset({"password"}),
    names: Iterable[str] = ("backup", "report"),
    **more: Any,
) -> AsyncIterator[Stage]:
    """A server on a socket in `folder`."""
    folder.chmod(0o700)  # noqa: ASYNC240 - a folder in memory, and nobody waits
    home = Home(folder)
    books = Books()
    desk = Counter(books)
    office = Office(
        desk=desk,
        reader=books,
        logs=books,
        search=books,
        sensitive=lambda _run: hidden,
        task_of=lambda run: Task(name=run.task, category="nightly"),
        task_names=lambda: names,
        **{"services": lambda: (WEB,), **more},
    )
    said: list[tuple[str, BaseException | None]] = []
    options: dict[str, Any] = {} if peer is None else {"peer": peer}
    server = Server(
        office,
        Doorkeeper(access or Access()),
        log=lambda text, error: said.append((text, error)),
        limits=limits or Limits(),
        routes=routes,
        **options,
    )
    await server.start(bind_socket(home))
    try:
        yield Stage(home, socket_path(home), server, desk, books, said)
    finally:
        await server.close()


def all_lines(stream: Stream) -> list[bytes]:
    """Every line of a stream."""
    return list(stream.lines())
