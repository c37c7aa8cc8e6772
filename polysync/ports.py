"""The seams to the world: what executes work, keeps secrets, tells people and remembers.

Whatever stands behind a port reports trouble as `PortError` and as nothing else; a failed task is not
trouble but an `Exit`.  Every method may be cancelled, and must then leave nothing half done that a
later call could not find again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn, Protocol

from polysync.domain.admission import Need
from polysync.domain.cover import Cover
from polysync.domain.effects import Answer, EventName, Record
from polysync.domain.errors import PolysyncError
from polysync.domain.inputs import Archive, Decide, Pause, Release, Resume, SetService, SkipNext, Stop, Submit
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Message, Run, Snapshot
from polysync.domain.run import Reason, State
from polysync.domain.task import JobParameter, Process
from polysync.domain.values import Command, Role, Trigger

Handle = Mapping[str, Any]  # JSON, without secrets: by it an execution is found again after a crash


class PortError(PolysyncError):
    """The world outside failed."""

    def __init__(
        self,
        message: str,
        permanent: bool = False,  # noqa: FBT001, FBT002 - the second of three facts that are always given in this order
        retry_after: timedelta | None = None,
        *,
        reason: Reason | None = None,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent  # repeating the call cannot help
        self.retry_after = retry_after  # the other side asked for this much patience
        self.reason = reason  # why an attempt that fails by this ends, where it is not start_failed


class NoRoom(PortError):
    """This host lacks just now what every start needs: disk, memory, descriptors.  It is not a failed try."""


class Secret:
    """A secret on its way to where it is used: it prints as stars and cannot be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself; call it where the value leaves for its user, and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never written down")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One attempt as an adapter gets it: everything decided, every secret fetched."""

    token: str  # unique and stable: sent along as idempotency key, name or label
    run_id: int
    number: int
    task: str
    type: str
    external_id: str | None = None
    command: Command | None = None  # as in the task, with every ${…} filled in
    process: Process = field(default_factory=Process)  # the keys of a process on a host: user, shell, limits …
    folder: str = "/"  # of the main configuration file: relative paths of the task start here
    settings: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    cover: Cover = field(default_factory=Cover)  # what is masked in whatever comes back


class Sink(Protocol):
    """Where an adapter puts what an execution says while it runs."""

    async def stored(self, stream: str) -> int:
        """How many bytes of `out` or `err` are stored already: where to go on."""

    async def write(self, stream: str, offset: int, chunk: bytes) -> int:
        """Take output; what comes back is its stored end, and what lies behind that must still be there after a crash.

        What starts before the stored end is a repeat.
        """

    async def leave_out(self, stream: str, offset: int, length: int) -> int:
        """Pass over output that was put out and is not told; what comes back is the stored end."""

    def excess(self, stream: str, waiting: int) -> tuple[int, int]:
        """Which part of the `waiting` bytes after the stored end need not be told: its begin there, and its length."""

    async def report(
        self,
        *,
        progress: tuple[int, str] | None = None,
        outputs: Mapping[str, Any] | None = None,
        messages: Sequence[Message] = (),
        secrets: Sequence[str] = (),
    ) -> None:
        """Note progress, new outputs and all messages so far; an empty report is a sign of life.

        `secrets` are masked from here on: what the work reported, and nobody may see.
        """


class Adapter(Protocol):
    """Executes work on one kind of platform."""

    async def start(self, attempt: Work) -> Handle:
        """Start the execution and return at once; a second start with the same token is the same execution."""

    async def find(self, token: str) -> Handle | None:
        """The execution that was started with `token`, or None where it is certain that there is none."""

    async def follow(self, handle: Handle, sink: Sink) -> Exit:
        """Feed the sink until the execution ends; any number of followers, at any time, also after the end."""

    async def stop(self, handle: Handle, grace: timedelta) -> None:
        """Ask it to end, and make it end after `grace`; stopping what is over already is fine."""

    async def check(self) -> None:
        """Prove that the platform can be reached and would accept work, without starting any."""

    async def forget(self, handle: Handle) -> None:
        """The end is stored: give back whatever was kept for it; forgetting twice is fine."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """Something on a platform that a job could be made from."""

    external_id: str
    type: str
    title: str
    description: str = ""


class Catalogue(Protocol):
    """Lists what a platform has to execute."""

    async def artefacts(self) -> Sequence[Artefact]:
        """Everything that could become a job."""

    async def describe(self, external_id: str) -> Mapping[str, JobParameter]:
        """The parameter schema of one artefact."""


class Vault(Protocol):
    """Keeps secrets."""

    async def fetch(self, name: str) -> Secret:
        """The secret of that name; a name that does not exist is a permanent `PortError`."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person is told."""

    event: EventName
    at: datetime
    title: str
    text: str
    run_id: int | None = None
    task: str | None = None


class Notifier(Protocol):
    """Tells people over one channel."""

    async def send(self, notice: Notice) -> None:
        """Deliver the notice; returning means that the channel accepted it."""


class Journal(Protocol):
    """Remembers decisions."""

    async def commit(self, records: Iterable[Record]) -> None:
        """Write all the records of one decision in one transaction; returning means that they are durable."""

    async def snapshot(self) -> Snapshot:
        """Everything that a new engine needs to go on where the last one stopped."""

    async def taken_after(self, at: datetime) -> Mapping[str, frozenset[datetime]]:
        """The slots after `at` that already have a run, by task: what a corrected clock must not fire again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs somebody wants to see; what is not set does not matter."""

    task: str | None = None  # a name, or a pattern of names with `*`, `?` or `[`
    state: State | None = None
    tag: str | None = None
    correlation_id: str | None = None
    trigger: Trigger | None = None
    external_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    archived: bool = False  # those too that somebody took out of the lists


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs, newest first, and before which id the next page goes on, unless this was the last."""

    runs: Sequence[Run]
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which rows of the audit somebody wants to see; what is not set does not matter."""

    actor: str | None = None
    verb: str | None = None
    subject: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who did, or was refused, what; its number in the chain."""

    seq: int
    at: datetime
    actor: str
    role: str
    channel: str
    verb: str
    subject: str
    outcome: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Rows, newest first, and from where the next page goes on, unless this was the last."""

    rows: Sequence[AuditRow]
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditVerdict:
    """What came of looking at the whole chain of the audit."""

    rows: int  # that were looked at
    pruned: int  # that are gone, each stretch of them under an anchor
    first: int | None = None
    last: int | None = None
    tip: str | None = None  # the link of the newest row: who keeps it elsewhere can prove later what was before it
    broken: int | None = None  # the number of the first row that is not what was written, or is missing
    what: str = ""


class AuditBook(Protocol):
    """Reads the audit, without ever changing it."""

    async def page(self, wanted: AuditFilter, limit: int, before: int | None) -> AuditPage:
        """At most so many rows, newest first; one that finds few may have looked at many, and says where it stopped."""

    async def verify(self) -> AuditVerdict:
        """Look at every row there is."""


class Reader(Protocol):
    """Reads what was decided, without ever changing it."""

    async def run(self, run_id: int) -> Run | None:
        """One run."""

    async def runs(self, wanted: RunFilter, limit: int, before: int | None) -> Sequence[Run]:
        """A page of runs, newest first; `before` is the last id of the page before."""

    async def page(self, wanted: RunFilter, limit: int, before: int | None) -> RunPage:
        """The same, looking at a bounded number of rows: it may hold fewer than there are, and says where to go on."""

    async def attempts(self, run_id: int) -> Sequence[Attempt]:
        """The attempts of a run, oldest first."""

    async def history(self, run_id: int) -> Sequence[Record]:
        """What happened to a run, oldest first."""

    async def log(self, run_id: int, attempt: int, stream: str, offset: int, limit: int) -> bytes:
        """Stored output from `offset` on; empty at its end."""


@dataclass(frozen=True, slots=True)
class LogPiece:
    """A stretch of an attempt's output."""

    attempt: int
    stream: str  # out or err
    offset: int
    data: bytes
    at: datetime | None = None  # when it was read
    left_out: int = 0  # bytes that were put out here and are not kept; then `data` is empty


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: for the audit, and for what is allowed."""

    name: str  # a user name, else a uid or the name of a token
    role: Role
    channel: str = "socket"
    reveal: bool = False
    known: bool = True  # false: somebody at an address, whose role stands for nothing
    key: str = ""  # the key that the request came with, and what it asked for, both hashed: for the audit


Request = Submit | Release | Stop | Decide | Archive | Pause | Resume | SkipNext | SetService


class Scribe(Protocol):
    """Puts down in the audit what the engine is not asked."""

    def deny(self, asker: Asker, verb: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
        """Put down in the audit that something was refused; nobody waits for it."""

    async def note(
        self, asker: Asker, verb: str, subject: str, *, outcome: str = "done", detail: Mapping[str, Any] | None = None
    ) -> None:
        """Put down in the audit what is no request; it is durable when this returns."""

    async def flush(self) -> None:
        """Wait until everything that was put down so far is durable, or cannot be."""


class Desk(Scribe, Protocol):
    """The running daemon, as the API sees it."""

    async def ask(self, request: Request, asker: Asker) -> Answer:
        """Carry out a request; the answer comes once it is durable.  The desk sets `key` and `actor`."""

    def status(self) -> Mapping[str, Any]:
        """The state of the daemon as JSON data."""

    def live(self, run_id: int) -> Run | None:
        """A run that is not final, as it stands now."""

    def why(self, run_id: int) -> Sequence[Need]:
        """What a run that waits still lacks."""

    def log(self, run_id: int, since: Mapping[tuple[int, str], int]) -> AsyncIterator[LogPiece]:
        """Output as it comes, after the given offsets by attempt and stream, until the run is over and all was told."""
