"""Where the time of a run went: its spans, from its history and its attempts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from polysync.api.asked import Asked
from polysync.api.office import Office
from polysync.api.response import Response
from polysync.api.route import Route, document
from polysync.api.schemas import AMOUNT, NUMBER, TEXT, TIME, many, maybe, shape
from polysync.api.shapes import moment_text
from polysync.domain.effects import Record, RunCreated, RunMoved
from polysync.domain.rows import Attempt
from polysync.domain.run import State
from polysync.domain.values import Role

# What it is called that a run stays in a state; of an attempt under way its own times tell more.
NAMES: Final[Mapping[State, str]] = {
    State.HELD: "held",
    State.SCHEDULED: "scheduled",
    State.WAITING: "waiting",
    State.QUEUED: "queue",
    State.RETRYING: "backoff",
    State.STOPPING: "stop",
}


async def trace(office: Office, asked: Asked) -> Response:
    """The spans of one run."""
    run = await office.run(asked.number("id"))
    found = spans(await office.reader.history(run.id), await office.reader.attempts(run.id), run.ended_at)
    told = {"id": run.id, "task": run.task, "correlation_id": run.correlation_id}
    return document({**told, **_lasting(run.created_at, run.ended_at), "items": found})


def spans(history: Sequence[Record], attempts: Iterable[Attempt], ended_at: datetime | None) -> list[dict[str, Any]]:
    """Everything that took time, in the order in which it began; what encloses others comes before them."""
    found = [*_waits(list(_stays(history)), ended_at), *(span for one in attempts for span in _tries(one))]
    return [span for _, _, span in sorted(found, key=lambda each: each[:2])]


Sortable = tuple[datetime, int, dict[str, Any]]


def _stays(history: Iterable[Record]) -> Iterator[tuple[datetime, State]]:
    """Since when it was in each state."""
    for record in history:
        if isinstance(record, RunCreated):
            yield record.run.created_at, record.run.state
        elif isinstance(record, RunMoved):
            yield record.at, record.state


def _waits(stays: Sequence[tuple[datetime, State]], ended_at: datetime | None) -> Iterator[Sortable]:
    attempt = 1
    ends = [*(at for at, _ in stays[1:]), ended_at]
    for (since, state), until in zip(stays, ends, strict=False):
        if state is State.RETRYING:
            attempt += 1
        if state in NAMES:
            yield since, 2, _span(NAMES[state], attempt, since, until)


def _tries(attempt: Attempt) -> Iterator[Sortable]:
    """An attempt: what it took to start it, secrets and all, and the work itself."""
    opened, started, ended = attempt.opened_at, attempt.started_at, attempt.ended_at
    yield opened, 0, _span("attempt", attempt.number, opened, ended)
    yield opened, 1, _span("submit", attempt.number, opened, started or ended)
    if started is not None:
        yield started, 1, _span("run", attempt.number, started, ended)


def _span(name: str, attempt: int, since: datetime, until: datetime | None) -> dict[str, Any]:
    return {"name": name, "attempt": attempt, **_lasting(since, until)}


def _lasting(since: datetime, until: datetime | None) -> dict[str, Any]:
    seconds = None if until is None else (until - since).total_seconds()
    return {"from": moment_text(since), "to": moment_text(until), "seconds": seconds}


SPAN: Final = shape(name=TEXT, attempt=NUMBER, **{"from": TIME, "to": maybe(TIME), "seconds": maybe(AMOUNT)})
ANSWER: Final = shape(
    id=NUMBER,
    task=TEXT,
    correlation_id=TEXT,
    **{"from": TIME, "to": maybe(TIME), "seconds": maybe(AMOUNT)},
    items=many(SPAN),
)
ROUTES: Final = (
    Route(
        "GET",
        "runs/{id}/trace",
        Role.VIEWER,
        trace,
        "Where the time of a run went: waiting, starting, working, stopping.",
        answer=ANSWER,
        refuses=frozenset({404}),
    ),
)
