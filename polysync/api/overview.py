"""What stands around the tasks: the graph, jobs, platforms, vaults, shared limits."""

from __future__ import annotations

from typing import Any, Final

from polysync.api.asked import Asked
from polysync.api.fields import FLAG, WORD, Field
from polysync.api.office import Office
from polysync.api.response import Response
from polysync.api.route import Route, document
from polysync.api.schemas import NUMBER, TEXT, TIME, YES_NO, many, maybe, page_of, shape, tabled, word_of
from polysync.api.shapes import moment_text
from polysync.config.graph import as_data, graph_of
from polysync.config.secrecy import HIDDEN
from polysync.domain.definition import resolve_job
from polysync.domain.limit_views import ContentionView, PlatformView
from polysync.domain.settings import Configuration
from polysync.domain.task import Job, JobParameter
from polysync.domain.values import (
    Algorithm,
    Direction,
    EdgeOn,
    OnExceed,
    ParamType,
    ProfileType,
    Role,
    Scope,
    VaultType,
)


async def graph(office: Office, asked: Asked) -> Response:
    """What depends on what; with `task` only what leads to it and what it leads to."""
    found, name = graph_of(office.noticeboard.configuration.tasks), asked.given["task"]
    if name is not None:
        office.check_task(name)
        return document(as_data(found.around(name) if name in found.tasks else found.only(())))
    if not asked.given["all"]:
        found = found.only(one for one, task in found.tasks.items() if not task.unlisted)
    return document(as_data(found))


async def jobs(office: Office, asked: Asked) -> Response:
    """Every job, by name."""
    configuration = office.noticeboard.configuration
    listed = [job for _, job in sorted(configuration.jobs.items()) if asked.given["all"] or not job.unlisted]
    used = _used(configuration)
    return document({"items": [_job(job, used.get(job.name, [])) for job in listed], "next": None})


async def platforms(office: Office, _asked: Asked) -> Response:
    """Every platform, and how much runs there."""
    return document({"items": [_platform(view) for view in office.noticeboard.platforms()], "next": None})


async def vaults(office: Office, _asked: Asked) -> Response:
    """Every vault by its name and kind, and nothing of what it keeps."""
    found = sorted(office.noticeboard.configuration.vaults.items())
    return document({"items": [{"name": name, "type": vault.type} for name, vault in found], "next": None})


async def contention(office: Office, _asked: Asked) -> Response:
    """Every shared limit: how much of it is taken, and how many wait."""
    return document({"items": [_limit(view) for view in office.noticeboard.contention()], "next": None})


def _used(configuration: Configuration) -> dict[str, list[str]]:
    """The tasks that are instances of each job."""
    found: dict[str, list[str]] = {}
    for name, task in sorted(configuration.tasks.items()):
        job = resolve_job(task.job, configuration.jobs) if task.job else None
        if job is not None:
            found.setdefault(job.name, []).append(name)
    return found


def _job(job: Job, tasks: list[str]) -> dict[str, Any]:
    return {
        "name": job.name,
        "title": job.title,
        "description": job.description,
        "platform": job.platform,
        "type": job.type,
        "external_id": job.external_id,
        "tags": job.tags,
        "unlisted": job.unlisted,
        "contention": job.contention,
        "parameters": {name: _parameter(entry) for name, entry in job.parameters.items()},
        "tasks": tasks,
    }


def _parameter(entry: JobParameter) -> dict[str, Any]:
    secret = entry.sensitive or entry.type is ParamType.SECRET
    return {
        "type": entry.type,
        "required": entry.required,
        "default": HIDDEN if secret and entry.default is not None else entry.default,
        "choices": entry.choices,
        "direction": entry.direction,
        "sensitive": secret,
        "description": entry.description,
    }


def _platform(view: PlatformView) -> dict[str, Any]:
    platform = view.platform
    return {
        "name": platform.name,
        "type": platform.type,
        "labels": platform.labels,
        "max_running": platform.max_running if view.limited else None,
        "running": view.running,
        "contention": platform.contention,
    }


def _limit(view: ContentionView) -> dict[str, Any]:
    profile = view.profile
    rate = profile.type is ProfileType.RATE
    return {
        "name": profile.name,
        "type": profile.type,
        "scope": profile.scope,
        "platform": view.platform or None,
        "enabled": profile.enabled,
        "on_exceed": profile.on_exceed,
        "max": profile.max,
        "limit": profile.limit,
        "window": None if profile.window is None else profile.window.total_seconds(),
        "burst": profile.burst,
        "algorithm": profile.algorithm if rate else None,
        "running": view.running,
        "waiting": view.waiting,
        "left": view.left,
        "room_at": moment_text(view.room_at),
    }


LABELS: Final = tabled({"type": ["boolean", "string", "number"]})
GRAPH: Final = shape(
    nodes=many(
        shape(
            name=TEXT,
            title=maybe(TEXT),
            group=TEXT,
            enabled=YES_NO,
            cron=many(TEXT),
            depends_mode={"type": ["string", "integer"]},
        )
    ),
    edges=many(shape(**{"from": TEXT, "to": TEXT, "on": word_of(EdgeOn), "when": maybe(TEXT)})),
)
JOB: Final = shape(
    name=TEXT,
    title=maybe(TEXT),
    description=maybe(TEXT),
    platform=TEXT,
    type=TEXT,
    external_id=maybe(TEXT),
    tags=tabled(TEXT),
    unlisted=YES_NO,
    contention=many(TEXT),
    parameters=tabled(
        shape(
            type=word_of(ParamType),
            required=YES_NO,
            default={"description": "Stars where it is sensitive."},
            choices=many({}),
            direction=word_of(Direction),
            sensitive=YES_NO,
            description=maybe(TEXT),
        )
    ),
    tasks={**many(TEXT), "description": "The tasks that are instances of it."},
)
PLATFORM: Final = shape(
    name=TEXT,
    type=TEXT,
    labels=LABELS,
    max_running={**maybe(NUMBER), "description": "Null where only the limit of the daemon counts."},
    running=NUMBER,
    contention=many(TEXT),
)
LIMIT: Final = shape(
    name=TEXT,
    type=word_of(ProfileType),
    scope=word_of(Scope),
    platform={**maybe(TEXT), "description": "Where it counts for each platform apart."},
    enabled=YES_NO,
    on_exceed=word_of(OnExceed),
    max={**maybe(NUMBER), "description": "Of a number at once."},
    limit={**maybe(NUMBER), "description": "Of a rate: starts per window."},
    window={**maybe({"type": "number"}), "description": "Seconds."},
    burst=maybe(NUMBER),
    algorithm=maybe(word_of(Algorithm)),
    running=NUMBER,
    waiting={**NUMBER, "description": "Queued runs that take part in it."},
    left={**maybe(NUMBER), "description": "Starts that a rate has room for at once."},
    room_at={**maybe(TIME), "description": "When a rate has room again that has none."},
)
ALL: Final = Field("all", FLAG, "Unlisted ones too.", default=False)
ROUTES: Final = (
    Route(
        "GET",
        "graph",
        Role.VIEWER,
        graph,
        "What depends on what.",
        query=(Field("task", WORD, "Only what leads to this task, and what it leads to."), ALL),
        answer=GRAPH,
        refuses=frozenset({404}),
    ),
    Route("GET", "jobs", Role.VIEWER, jobs, "Every job, by name.", query=(ALL,), answer=page_of(JOB)),
    Route(
        "GET", "platforms", Role.VIEWER, platforms, "Every platform, and how much runs there.", answer=page_of(PLATFORM)
    ),
    Route(
        "GET",
        "vaults",
        Role.VIEWER,
        vaults,
        "Every vault by its name and kind, and nothing of what it keeps.",
        answer=page_of(shape(name=TEXT, type=word_of(VaultType))),
    ),
    Route(
        "GET",
        "contention",
        Role.VIEWER,
        contention,
        "Every shared limit: how much of it is taken, and how many wait.",
        answer=page_of(LIMIT),
    ),
)
