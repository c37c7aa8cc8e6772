"""Searching output: one run, one task or everything, told line by line as it is found."""

from __future__ import annotations

from typing import Any, Final

from polysync.api.asked import Asked
from polysync.api.fields import FLAG, INSTANT, WORD, Field, choice, number
from polysync.api.log_query import MOST_CONTEXT, PATTERN, Which
from polysync.api.office import Office
from polysync.api.refusal import Refused, invalid
from polysync.api.response import NDJSON, Response
from polysync.api.route import Route
from polysync.domain.values import Role
from polysync.ports import RunFilter

USUAL: Final = 1_000
MOST: Final = 1_000_000


async def search(office: Office, asked: Asked) -> Response:
    """The lines that a pattern is found in, the newest run first; the last line of the answer counts."""
    wanted = asked.given
    if wanted["run"] is not None and wanted["task"] is not None:
        raise invalid([("run", "stands instead of task")])
    await _check_subject(office, wanted["run"], wanted["task"])
    return found(office, **wanted)


def found(office: Office, **wanted: Any) -> Response:
    """The answer of a search; who hangs up ends it."""
    if office.search.busy:
        raise Refused(503, "as many searches as may be are under way; try again in a moment")
    return Response(stream=office.search.find(**wanted), endless=True, type=NDJSON)


async def _check_subject(office: Office, run: int | None, task: str | None) -> None:
    """Refuse what does not exist; a task that is gone may still have runs."""
    if run is not None:
        await office.run(run)
    if task is not None and not await office.reader.runs(RunFilter(task=task), 1, None):
        office.check_task(task)


FIELDS: Final = (
    Field("q", PATTERN, "What to look for: a regular expression as Python knows them.", required=True),
    Field("run", number(1), "In the output of this run."),
    Field("task", WORD, "In the output of the runs of this task."),
    Field("stream", choice(Which), "In this stream only."),
    Field("since", INSTANT, "In lines that came at or after this time."),
    Field("limit", number(1, MOST), "How many lines at most.", USUAL),
    Field("context", number(0, MOST_CONTEXT), "So many lines around each that is found.", 0),
    Field("ignore_case", FLAG, "Whether capitals do not matter.", default=False),
)
ROUTES: Final = (
    Route(
        "GET",
        "search",
        Role.VIEWER,
        search,
        "The lines of output that a pattern is found in, the newest run first.",
        query=FIELDS,
        media=NDJSON,
        refuses=frozenset({404}),
    ),
)
