"""Services: what is wanted of each, where its instances stand, and the operator's word about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from polysync.api.asked import Asked
from polysync.api.office import Office
from polysync.api.refusal import Refused
from polysync.api.response import Response
from polysync.api.route import Route, document
from polysync.api.schemas import SERVICE, page_of
from polysync.api.shapes import moment_text
from polysync.api.work import carry_out
from polysync.config.suggest import did_you_mean
from polysync.domain.inputs import SetService
from polysync.domain.service_views import InstanceView, ServiceView, Standing
from polysync.domain.settings import Service
from polysync.domain.values import Role

AT_REST: Final = frozenset({Standing.BACKOFF, Standing.WAITING, Standing.STOPPED, Standing.ENDED, Standing.FATAL})


async def services(office: Office, _asked: Asked) -> Response:
    """Every service, by name."""
    return document({"items": [await _shape(office, view) for view in office.services()], "next": None})


async def start(office: Office, asked: Asked) -> Response:
    """Have a service up."""
    return await _set(office, asked, up=True)


async def stop(office: Office, asked: Asked) -> Response:
    """Have a service down until somebody wants it up."""
    return await _set(office, asked, up=False)


async def restart(office: Office, asked: Asked) -> Response:
    """Give every instance of a service a new life, one after the other."""
    return await _set(office, asked, up=True, renew=True)


async def _set(office: Office, asked: Asked, *, up: bool, renew: bool = False) -> Response:
    name = asked.path["service"]
    views = office.services()
    if all(view.name != name for view in views):
        meant = did_you_mean(name, [view.name for view in views])
        raise Refused(404, "; ".join(filter(None, (f"no service {name}", meant))))
    await carry_out(office, asked, SetService(name, up=up, restart=renew))
    view = next((view for view in office.services() if view.name == name), None)
    if view is None:
        raise Refused(409, f"{name} was removed from the configuration meanwhile")
    return document(await _shape(office, view))


async def _shape(office: Office, view: ServiceView) -> Mapping[str, Any]:
    service = office.service_of(view.name)
    return {
        "name": view.name,
        "group": view.group,
        "title": service.title if service is not None else None,
        "description": service.description if service is not None else None,
        "unlisted": service is not None and service.unlisted,
        "state": view.state,
        "wanted": view.wanted,
        "why": view.why,
        "depends_on": service.depends_on if service is not None else (),
        "waits_for": view.waits_for,
        "check": _check(service),
        "instances": [await _instance(office, one) for one in view.instances],
    }


async def _instance(office: Office, one: InstanceView) -> Mapping[str, Any]:
    return {
        "number": one.number,
        "state": one.state,
        "run_id": one.run_id,
        "pid": await _pid(office, one),
        **await _end(office, one),
        "since": moment_text(one.since),
        "failures": one.failures,
        "restarts": one.restarts,
        "next_start_at": moment_text(one.next_start_at),
        "well": one.well,
        "text": one.text,
        "trouble": office.trouble_of(one.run_id) if one.run_id is not None else "",
        "outdated": one.outdated,
        "log": None if one.run_id is None else f"/api/runs/{one.run_id}/log",
    }


async def _pid(office: Office, one: InstanceView) -> int | None:
    """The process of a life that lasts."""
    if one.since is None or one.run_id is None:
        return None
    attempts = await office.reader.attempts(one.run_id)
    handle = attempts[-1].handle if attempts else None
    return handle.get("pid") if handle else None


async def _end(office: Office, one: InstanceView) -> Mapping[str, Any]:
    """How the newest life ended, where none lasts."""
    rests = one.run_id is not None and one.state in AT_REST
    run = await office.reader.run(one.run_id) if rests and one.run_id is not None else None
    if run is None:
        return {"end_reason": None, "exit_code": None, "signal": None, "error": None}
    return {"end_reason": run.end_reason, "exit_code": run.exit_code, "signal": run.signal, "error": run.error}


def _check(service: Service | None) -> str | None:
    """The way in which it is asked whether it is well."""
    check = service.health_check if service is not None else None
    if check is None:
        return None
    return next(kind for kind in ("command", "run", "http", "tcp") if getattr(check, kind) is not None)


ROUTES: Final = (
    Route("GET", "services", Role.VIEWER, services, "Every service, by name.", answer=page_of(SERVICE)),
    Route(
        "POST",
        "services/{service}/start",
        Role.OPERATOR,
        start,
        "Have a service up.",
        answer=SERVICE,
        refuses=frozenset({409}),
    ),
    Route(
        "POST",
        "services/{service}/stop",
        Role.OPERATOR,
        stop,
        "Have a service down until somebody wants it up.",
        answer=SERVICE,
        refuses=frozenset({409}),
    ),
    Route(
        "POST",
        "services/{service}/restart",
        Role.OPERATOR,
        restart,
        "Give every instance of a service a new life, one after the other.",
        answer=SERVICE,
        refuses=frozenset({409}),
    ),
)
