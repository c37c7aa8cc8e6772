"""A journal that is used without a loop: its writer carries everything out at once."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from polysync.domain.definition import Definition
from polysync.domain.effects import DefinitionKept, Record, RunCreated
from polysync.domain.rows import Run
from polysync.domain.run import State
from polysync.domain.task import Task
from polysync.domain.values import Trigger
from polysync.home import Home
from polysync.store.journal import SqliteJournal, open_journal
from polysync.testing import SimClock

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEPT = DefinitionKept("digest", Definition(Task(name="work", run="true")))
OPENED: list[SqliteJournal] = []
Result = TypeVar("Result")


def now(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    raise AssertionError("it waits for something")


def inline_journal(folder: Path) -> SqliteJournal:
    """The journal of a home, to be used without a loop."""
    journal = open_journal(Home(folder), SimClock(NOON), inline=True)
    OPENED.append(journal)
    return journal


def close_all() -> None:
    """Close whatever a test left open; from Python 3.13 on an open connection that is thrown away is a warning."""
    while OPENED:
        now(OPENED.pop().close())


def a_run(number: int, *, slot: datetime | None = None, state: State = State.QUEUED, **keys: Any) -> Run:
    """A run as the engine makes one."""
    return Run(
        id=number,
        uid=f"{number:032x}",
        task=keys.pop("task", "work"),
        state=state,
        trigger=Trigger.CRON if slot else Trigger.MANUAL,
        created_at=NOON,
        available_at=NOON,
        scheduled_for=slot,
        definition="digest",
        **keys,
    )


def creation(number: int, **keys: Any) -> list[Record]:
    """What it takes that a run exists."""
    return [KEPT, RunCreated(a_run(number, **keys))]
