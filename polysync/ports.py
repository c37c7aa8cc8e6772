"""The seams to the world: what executes work, keeps secrets, tells people and remembers.

Whatever stands behind a port reports trouble as `PortError` and as nothing else; a failed task is not
trouble but an `Exit`.  Every method may be cancelled, and must then leave nothing half done that a
later call could not find again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn, Protocol

from polysync.domain.effects import EventName, Record
from polysync.domain.errors import PolysyncError
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run, Snapshot
from polysync.domain.run import State
from polysync.domain.task import JobParameter
from polysync.domain.values import Command

Handle = Mapping[str, Any]  # JSON, without secrets: by it an execution is found again after a crash


class PortError(PolysyncError):
    """The world outside failed."""

    def __init__(
        self,
        message: str,
        permanent: bool = False,  # noqa: FBT001, FBT002 - the second of three facts that are always given in this order
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent  # repeating the call cannot help
        self.retry_after = retry_after  # the other side asked for this much patience


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
    command: Command | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str | Secret] = field(default_factory=dict)


class Sink(Protocol):
    """Where an adapter puts what an execution says while it runs."""

    async def write(self, stream: str, offset: int, chunk: bytes) -> None:
        """Store output of `out` or `err`; a chunk that starts before the end of what is stored is a repeat."""

    async def report(self, *, progress: tuple[int, str] | None, outputs: Mapping[str, Any]) -> None:
        """Note progress and outputs; an empty report is a sign of life."""


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

    task: str | None = None
    state: State | None = None
    tag: str | None = None
    correlation_id: str | None = None
    since: datetime | None = None


class Reader(Protocol):
    """Reads what was decided, without ever changing it."""

    async def run(self, run_id: int) -> Run | None:
        """One run."""

    async def runs(self, wanted: RunFilter, limit: int, before: int | None) -> Sequence[Run]:
        """A page of runs, newest first; `before` is the last id of the page before."""

    async def attempts(self, run_id: int) -> Sequence[Attempt]:
        """The attempts of a run, oldest first."""

    async def history(self, run_id: int) -> Sequence[Record]:
        """What happened to a run, oldest first."""

    async def log(self, run_id: int, attempt: int, stream: str, offset: int, limit: int) -> bytes:
        """Stored output from `offset` on; empty at its end."""
