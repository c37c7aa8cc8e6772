"""One table of what can be asked, by whom, and what answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from polysync.api import logs, reloading, search, services, upkeep, work
from polysync.api.asked import Asked, Problems, between, document, instant, one_of, split, whole, word
from polysync.api.auth import allows
from polysync.api.fields import read
from polysync.api.office import Office
from polysync.api.refusal import Refused
from polysync.api.response import Response
from polysync.api.route import Route
from polysync.api.route import document as as_json
from polysync.api.shapes import history_shapes, list_text, need_shape
from polysync.domain.errors import ValueProblem
from polysync.domain.run import State
from polysync.domain.values import Role, Trigger
from polysync.ports import RunFilter

PAGE: Final = 50
LONGEST_PAGE: Final = 500
RUN_FILTERS: Final = frozenset("task state since until trigger tag correlation_id external_id limit cursor".split())


async def health(office: Office, _asked: Asked) -> Response:
    """Whether somebody answers, and what is not as it should be."""
    return await reloading.health_of(office.reloads, office.degraded())


async def status(office: Office, _asked: Asked) -> Response:
    """The state of the daemon."""
    if office.reloads is not None:
        await office.reloads.look()
    return as_json(office.desk.status())


async def reload(office: Office, asked: Asked) -> Response:
    """Take the configuration on disk."""
    return await reloading.reload(office.reloads, asked)


async def runs(office: Office, asked: Asked) -> Response:
    """A page of runs, newest first."""
    wanted, limit, before = _page(asked.query)
    found = await office.reader.runs(wanted, limit + 1, before)
    page = [office.desk.live(run.id) or run for run in found[:limit]]
    shown = [run for run in page if wanted.state in {None, run.state}]  # one may have moved on since it was stored
    cursor = page[-1].id if len(found) > limit else None
    return Response(body=list_text(map(office.brief, shown), cursor).encode("ascii"))


async def run(office: Office, asked: Asked) -> Response:
    """One run, with its attempts and its history."""
    found = await office.run(asked.number("id"))
    return Response(body=(await office.detailed(found)).encode("ascii"))


async def history(office: Office, asked: Asked) -> Response:
    """The moves of a run."""
    found = await office.run(asked.number("id"))
    return as_json({"items": history_shapes(await office.reader.history(found.id)), "next": None})


async def why(office: Office, asked: Asked) -> Response:
    """What a run waits for."""
    found = await office.run(asked.number("id"))
    needs = [need_shape(need) for need in office.desk.why(found.id)]
    blocked = found.blocked_on
    shape = None if blocked is None else {"kind": blocked.kind, "name": blocked.name, "reason": blocked.reason}
    return as_json({"id": found.id, "state": found.state, "blocked_on": shape, "waiting_for": needs})


ROUTES: Final[Sequence[Route]] = (
    Route("GET", "health", Role.VIEWER, health),
    Route("GET", "status", Role.VIEWER, status),
    Route("GET", "runs", Role.VIEWER, runs),
    Route("GET", "runs/{id}", Role.VIEWER, run),
    Route("GET", "runs/{id}/history", Role.VIEWER, history),
    Route("GET", "runs/{id}/why", Role.VIEWER, why),
    Route("GET", "runs/{id}/log", Role.VIEWER, logs.log),
    Route("GET", "search", Role.VIEWER, search.search),
    Route("GET", "services", Role.VIEWER, services.services),
    Route("POST", "services/{service}/start", Role.OPERATOR, services.start),
    Route("POST", "services/{service}/stop", Role.OPERATOR, services.stop),
    Route("POST", "services/{service}/restart", Role.OPERATOR, services.restart),
    Route("POST", "prune", Role.ADMIN, upkeep.prune),
    *work.ROUTES,
    Route("POST", "reload", Role.ADMIN, reload),
)


async def dispatch(office: Office, asked: Asked, routes: Sequence[Route] = ROUTES) -> Response:
    """Find the route, check the role, and only then let it answer."""
    segments, query = split(asked.request.target)
    method = "GET" if asked.request.method == "HEAD" else asked.request.method
    matching = [(route, path) for route in routes if (path := _match(route, segments)) is not None]
    if not matching:
        raise Refused(404, f"nothing at {asked.request.target.partition('?')[0]}")
    for route, path in matching:
        if route.method == method:
            _check_role(route, asked)
            return await route.handler(office, _read(route, replace(asked, path=path, query=query)))
    allowed = sorted({name for route, _ in matching for name in (route.method, *_implied(route.method))})
    raise Refused(405, f"not with {asked.request.method}", headers={"Allow": ", ".join(allowed)})


def _check_role(route: Route, asked: Asked) -> None:
    if not allows(asked.asker.role, route.role):
        raise Refused(403, f"this needs the role {route.role}; {asked.asker.name} has {asked.asker.role}")


def _read(route: Route, asked: Asked) -> Asked:
    """Read what the route declares."""
    if route.query is not None:
        asked.given = read(route.query, asked.query)
    if route.body is not None:
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


def _page(query: Mapping[str, str]) -> tuple[RunFilter, int, int | None]:
    take = Problems(query, RUN_FILTERS)
    wanted = RunFilter(
        task=take.take("task", word, None),
        state=take.take("state", one_of(State), None),
        trigger=take.take("trigger", one_of(Trigger), None),
        tag=take.take("tag", word, None),
        correlation_id=take.take("correlation_id", word, None),
        external_id=take.take("external_id", word, None),
        since=take.take("since", instant, None),
        until=take.take("until", instant, None),
    )
    limit = take.take("limit", between(1, LONGEST_PAGE), PAGE)
    before = take.take("cursor", _cursor, None)
    take.refuse()
    return wanted, limit, before


def _cursor(value: Any) -> int:
    found = whole(value)
    if found is None:
        raise ValueProblem("not a cursor", "take it from `next` of the page before")
    return found
