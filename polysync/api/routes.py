"""One table of what can be asked, by whom, and what answers it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache, partial
from typing import Final

from polysync.api import (
    audit,
    deciding,
    ending,
    events,
    logs,
    metrics,
    names,
    openapi,
    overview,
    pausing,
    runs,
    search,
    services,
    slots,
    state,
    tasks,
    trace,
    work,
)
from polysync.api.asked import Asked, document, split
from polysync.api.auth import allows
from polysync.api.fields import read
from polysync.api.idempotency import HEADER, Keys
from polysync.api.office import Office
from polysync.api.protocol import Request
from polysync.api.recalling import Past, answered
from polysync.api.refusal import Refused
from polysync.api.response import Response
from polysync.api.route import Route
from polysync.api.shapes import dumps
from polysync.api.tables import drawn, screen_of
from polysync.domain.values import Role


async def described(_office: Office, _asked: Asked) -> Response:
    """What can be asked, as an OpenAPI document."""
    return Response(body=_document())


@cache
def _document() -> bytes:
    """It is the same for as long as the daemon lives."""
    return dumps(openapi.document(ROUTES)).encode("ascii")


ROUTES: Final[Sequence[Route]] = (
    Route("GET", "openapi.json", Role.VIEWER, described, "This document."),
    *state.ROUTES,
    *runs.ROUTES,
    *logs.ROUTES,
    *names.ROUTES,
    *events.ROUTES,
    *search.ROUTES,
    *services.ROUTES,
    *work.ROUTES,
    *tasks.ROUTES,
    *slots.ROUTES,
    *pausing.ROUTES,
    *deciding.ROUTES,
    *overview.ROUTES,
    *ending.ROUTES,
    *audit.ROUTES,
    *metrics.ROUTES,
    *trace.ROUTES,
)


async def dispatch(
    office: Office,
    asked: Asked,
    routes: Sequence[Route] = ROUTES,
    keys: Keys | None = None,
    past: Past | None = None,
) -> Response:
    """Find the route, check the role, and only then let it answer."""
    segments, query = split(asked.request.target)
    route, path = _found(segments, asked.request, routes)
    _check_role(office, route, asked)
    asked.path, asked.query = path, query
    asked = _read(route, asked)
    if keys is not None and route.method != "GET" and HEADER.lower() in asked.request.headers:
        return await keys.once(asked, partial(answered, office, past or Past(), route, asked))
    return await _drawn(office, route, asked)


async def _drawn(office: Office, route: Route, asked: Asked) -> Response:
    """The answer, as text where that is asked for and can be had."""
    accept = asked.request.headers.get("accept", "")
    screen = screen_of(accept, office.now()) if route.draw is not None and "text/plain" in accept.lower() else None
    response = await route.handler(office, asked)
    if screen is None or route.draw is None:
        return response
    return drawn(response, json.loads(response.body), route.draw, screen)


def _found(segments: tuple[str, ...], request: Request, routes: Sequence[Route]) -> tuple[Route, dict[str, str]]:
    """The route that is meant, and the open parts of its path."""
    method = "GET" if request.method == "HEAD" else request.method
    near = _by_head().get((len(segments), segments[:2]), ()) if routes is ROUTES else routes
    matching = [(route, path) for route in near if (path := _match(route, segments)) is not None]
    if not matching:
        raise Refused(404, f"nothing at {request.target.partition('?')[0]}")
    for route, path in matching:
        if route.method == method:
            return route, path
    allowed = sorted({name for route, _ in matching for name in (route.method, *_implied(route.method))})
    raise Refused(405, f"not with {request.method}", headers={"Allow": ", ".join(allowed)})


@cache
def _by_head() -> dict[tuple[int, tuple[str, ...]], list[Route]]:
    """The routes by how long they are and how they begin, which no route leaves open."""
    found: dict[tuple[int, tuple[str, ...]], list[Route]] = {}
    for route in ROUTES:
        found.setdefault((len(route.parts), route.parts[:2]), []).append(route)
    return found


def _check_role(office: Office, route: Route, asked: Asked) -> None:
    """Refuse whoever has too small a role, and have that put down."""
    asker = asked.asker
    if not allows(asker.role, route.role):
        segments, _ = split(asked.request.target)
        office.desk.deny(asker, route.verb, route.subject(segments))
        raise Refused(403, f"this needs the role {route.role}; {asker.name} has {asker.role}")


def _read(route: Route, asked: Asked) -> Asked:
    """Read what the route declares."""
    asked.given = read(route.query, asked.query)
    if route.method != "GET":
        asked.told = read(route.body, document(asked.request.body))
    return asked


def _match(route: Route, segments: tuple[str, ...]) -> dict[str, str] | None:
    parts = route.parts
    if len(parts) != len(segments):
        return None
    path = {}
    for part, segment in zip(parts, segments, strict=True):
        if part.startswith("{"):
            path[part[1:-1]] = segment
        elif part != segment:
            return None
    return path


def _implied(method: str) -> tuple[str, ...]:
    return ("HEAD",) if method == "GET" else ()
