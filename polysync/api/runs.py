"""What is told of runs: pages of them, one with everything, its moves, and what it waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from polysync.api import tables
from polysync.api.asked import Asked, whole
from polysync.api.fields import FLAG, INSTANT, WORD, Field, Kind, choice, choices, number
from polysync.api.office import Office
from polysync.api.response import Response
from polysync.api.revealing import REVEAL, hidden
from polysync.api.route import Route, document
from polysync.api.schemas import MOVE, RUN, WHY, page_of
from polysync.api.shapes import history_shapes, list_text, need_shape
from polysync.domain.errors import ValueProblem
from polysync.domain.rows import Run
from polysync.domain.run import State
from polysync.domain.values import Role, Trigger
from polysync.ports import RunFilter, RunPage

PAGE: Final = 50
LONGEST_PAGE: Final = 500
LARGEST_PAGE: Final = 8 << 20  # characters: whoever made the runs may have told each of them very much


async def runs(office: Office, asked: Asked) -> Response:
    """A page of runs, newest first; many who ask for the same at once are told the same."""
    return Response(body=await office.sharing.of(asked.request.target, partial(_page, office, asked.given)))


async def _page(office: Office, given: Mapping[str, Any]) -> bytes:
    filters = dict(given)
    limit, before = filters.pop("limit"), filters.pop("cursor")
    states = filters.pop("state")
    pages = [await office.reader.page(RunFilter(state=state, **filters), limit, before) for state in states or (None,)]
    found = joined(pages, limit)
    page = [office.desk.live(run.id) or run for run in found.runs]
    shown = [run for run in page if not states or run.state in states]  # one may have moved on since it was stored
    texts, cut = _fitting(office, shown)
    return list_text(texts, found.next if cut is None else cut).encode("ascii")


def _fitting(office: Office, shown: Sequence[Run]) -> tuple[list[str], int | None]:
    """The texts of as many runs as one page can bear, and where to go on if that is not all of them."""
    texts: list[str] = []
    size = 0
    for at, run in enumerate(shown):
        text = office.brief(run)
        size += len(text)
        if texts and size > LARGEST_PAGE:
            return texts, shown[at - 1].id
        texts.append(text)
    return texts, None


def joined(pages: Sequence[RunPage], limit: int) -> RunPage:
    """Pages of different filters as one: down to where all of them were looked through."""
    if len(pages) == 1:
        return pages[0]
    floor = max((page.next for page in pages if page.next is not None), default=None)
    every = {run.id: run for page in pages for run in page.runs}  # one may have moved on between two of them
    certain = [every[number] for number in sorted(every, reverse=True) if floor is None or number >= floor]
    if len(certain) > limit:
        return RunPage(certain[:limit], certain[limit - 1].id)
    return RunPage(certain, floor)


async def run(office: Office, asked: Asked) -> Response:
    """One run, with its attempts and its history."""
    found = await office.run(asked.number("id"))
    return Response(body=(await office.detailed(found, await hidden(office, asked, found))).encode("ascii"))


async def history(office: Office, asked: Asked) -> Response:
    """The moves of a run."""
    found = await office.run(asked.number("id"))
    return document({"items": history_shapes(await office.reader.history(found.id)), "next": None})


async def why(office: Office, asked: Asked) -> Response:
    """What a run waits for."""
    found = await office.run(asked.number("id"))
    needs = [need_shape(need) for need in office.desk.why(found.id)]
    blocked = found.blocked_on
    shape = None if blocked is None else {"kind": blocked.kind, "name": blocked.name, "reason": blocked.reason}
    return document({"id": found.id, "state": found.state, "blocked_on": shape, "waiting_for": needs})


def _cursor(value: Any) -> int:
    found = whole(value)
    if found is None:
        raise ValueProblem("not a cursor", "take it from `next` of the page before")
    return found


CURSOR: Final = Kind(_cursor, {"type": "string", "pattern": "^[0-9]{1,19}$"})
FILTERS: Final = (
    Field("task", WORD, "Of this task, or of those whose names match a pattern with `*`, `?` or `[`."),
    Field("state", choices(State), "In this state, or in one of these, with commas between."),
    Field("trigger", choice(Trigger), "Made by this."),
    Field("tag", WORD, "With this tag: `name`, or `name=value`."),
    Field("correlation_id", WORD, "That belong together under this id."),
    Field("external_id", WORD, "With this id of another system."),
    Field("since", INSTANT, "Created at or after this time."),
    Field("until", INSTANT, "Created at or before this time."),
    Field("archived", FLAG, "Archived ones too.", default=False),
    Field("limit", number(1, LONGEST_PAGE), "How many of them a page may hold.", PAGE),
    Field("cursor", CURSOR, "Go on where a page ended: its `next`."),
)
ROUTES: Final = (
    Route(
        "GET",
        "runs",
        Role.VIEWER,
        runs,
        "A page of runs, newest first.",
        query=FILTERS,
        answer=page_of(RUN),
        draw=tables.runs,
    ),
    Route(
        "GET",
        "runs/{id}",
        Role.VIEWER,
        run,
        "One run, with its attempts and its history.",
        query=(REVEAL,),
        answer=RUN,
        refuses=frozenset({403, 404}),
    ),
    Route("GET", "runs/{id}/history", Role.VIEWER, history, "The moves of a run, oldest first.", answer=page_of(MOVE)),
    Route("GET", "runs/{id}/why", Role.VIEWER, why, "What a run waits for.", answer=WHY),
)
