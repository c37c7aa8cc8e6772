"""How the daemon is, what it knows of itself, and taking the configuration again."""

from __future__ import annotations

from typing import Final

from polysync.api import reloading, tables
from polysync.api.asked import Asked
from polysync.api.fields import FLAG, Field
from polysync.api.office import Office
from polysync.api.response import Response
from polysync.api.route import Route, document
from polysync.api.schemas import HEALTH, PLAN, PRUNED, STATUS
from polysync.domain.values import Role


async def health(office: Office, _asked: Asked) -> Response:
    """Whether somebody answers, and what is not as it should be."""
    return document(await reloading.health_of(office.reloads, office.degraded()))


async def status(office: Office, _asked: Asked) -> Response:
    """The state of the daemon."""
    if office.reloads is not None:
        await office.reloads.look()
    told = office.desk.status()
    answer = document(told)
    answer.headers = {"Polysync-Troubles": str(sum(1 for _ in tables.troubles(told)))}
    return answer


async def reload(office: Office, asked: Asked) -> Response:
    """Take the configuration on disk."""
    return document(await reloading.reload(office.reloads, asked.asker, dry_run=asked.told["dry_run"]))


async def prune(office: Office, asked: Asked) -> Response:
    """Remove what may go, or say what would."""
    return document(await office.upkeep.prune(asked.asker, dry_run=asked.told["dry_run"]))


DRY_RUN: Final = Field("dry_run", FLAG, "Only say what would come of it.", default=False)
ROUTES: Final = (
    Route(
        "GET",
        "health",
        Role.VIEWER,
        health,
        "Whether somebody answers, and what is not as it should be.",
        answer=HEALTH,
    ),
    Route("GET", "status", Role.VIEWER, status, "The state of the daemon.", answer=STATUS, draw=tables.status),
    Route("POST", "reload", Role.ADMIN, reload, "Take the configuration on disk.", body=(DRY_RUN,), answer=PLAN),
    Route("POST", "prune", Role.ADMIN, prune, "Remove what retention lets go.", body=(DRY_RUN,), answer=PRUNED),
)
