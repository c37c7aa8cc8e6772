"""Searching output: one run, one task or everything, told line by line as it is found."""

from __future__ import annotations

from typing import Any, Final

from polysync.api.asked import LARGEST_ID, Asked, Problems, between, flag, instant, one_of, word
from polysync.api.log_query import MOST_CONTEXT, Which, pattern
from polysync.api.office import Office
from polysync.api.refusal import Refused
from polysync.api.response import NDJSON, Response
from polysync.ports import RunFilter

PARAMETERS: Final = frozenset("q run task stream since limit context ignore_case".split())
USUAL: Final = 1_000
MOST: Final = 1_000_000


async def search(office: Office, asked: Asked) -> Response:
    """The lines that a pattern is found in, the newest run first; the last line of the answer counts."""
    take = Problems(asked.query, PARAMETERS)
    wanted = {
        "q": take.take("q", pattern, None),
        "run": take.take("run", between(1, LARGEST_ID), None),
        "task": take.take("task", word, None),
        "stream": take.take("stream", one_of(Which), None),
        "since": take.take("since", instant, None),
        "limit": take.take("limit", between(1, MOST), USUAL),
        "context": take.take("context", between(0, MOST_CONTEXT), 0),
        "ignore_case": take.take("ignore_case", flag, default=False),
    }
    if "q" not in asked.query:
        take.add("q", "say what to search for")
    if wanted["run"] is not None and wanted["task"] is not None:
        take.add("run", "stands instead of task")
    take.refuse()
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
