"""Names for the completion of a shell: as text, one a line, because shells read nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from polysync.api.asked import Asked
from polysync.api.fields import Field, choice
from polysync.api.office import Office
from polysync.api.response import TEXT, Response
from polysync.api.route import Route
from polysync.domain.values import Role
from polysync.ports import RunFilter

NEWEST: Final = 50  # runs that are offered


class Kind(StrEnum):
    """What has names."""

    TASKS = "tasks"
    SERVICES = "services"
    RUNS = "runs"
    ALL = "all"


async def names(office: Office, asked: Asked) -> Response:
    """The names of what there is, in the order of the configuration; runs are offered newest first."""
    kind = asked.given["kind"]
    found: list[str] = []
    if kind in {Kind.TASKS, Kind.ALL}:
        found += office.task_names()
    if kind in {Kind.SERVICES, Kind.ALL}:
        found += _services(office)
    if kind is Kind.RUNS:
        found += [str(run.id) for run in await office.reader.runs(RunFilter(), NEWEST, None)]
    return Response(body="".join(f"{name}\n" for name in found).encode("ascii"), type=TEXT)


def _services(office: Office) -> Iterable[str]:
    return (view.name for view in office.services())


ROUTES: Final = (
    Route(
        "GET",
        "names",
        Role.VIEWER,
        names,
        "The names of what there is, one a line, as a shell completes them.",
        query=(Field("kind", choice(Kind), "Of what.", Kind.TASKS),),
        answer={"type": "string"},
        media=TEXT,
    ),
)
