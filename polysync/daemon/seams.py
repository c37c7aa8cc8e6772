"""What the driver needs of others: a journal that keeps the audit too, a launcher of attempts, a watch on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Protocol

from polysync.domain.effects import Action, Record
from polysync.domain.inputs import SetDiskLow
from polysync.domain.rows import Attempt, Run
from polysync.domain.settings import Configuration
from polysync.ports import Journal
from polysync.store.rows import AuditEntry

# Told what was decided, what is done for it, and the configuration that holds, once all of it is stored.
Settled = Callable[[Sequence[Record], Sequence[Action], Configuration], None]
# Told what was decided, and the runs that ended by it, once all of it is stored: for counting.
Meter = Callable[[Sequence[Record], Sequence[Run]], None]


class Minutes(Journal, Protocol):
    """A journal that keeps the audit in the same transaction."""

    async def commit(self, records: Iterable[Record], audit: Iterable[AuditEntry] = ()) -> None:
        """Write everything in one transaction."""


class Launcher(Protocol):
    """Starts, finds and stops attempts; what becomes of them comes through the inbox."""

    def start(self, run: Run, attempt: Attempt) -> None:
        """Start an attempt."""

    def attach(self, run: Run, attempt: Attempt) -> None:
        """Find an attempt again."""

    def stop(self, run_id: int, number: int, grace: timedelta) -> None:
        """Stop an attempt."""

    def settled(self, run_id: int, number: int) -> None:
        """The end of an attempt is stored."""


class Space(Protocol):
    """Watches the disk."""

    def give_way(self) -> bool:
        """The disk is full."""

    def rest(self, *, active: bool) -> timedelta:
        """How long it may take to the next look."""

    def look(self, now: timedelta, *, active: bool) -> SetDiskLow | None:
        """Look if it is time to, and say what changed."""
