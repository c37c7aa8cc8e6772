"""Words about one run: approve it, deny it, send it back, do it again, take it out of the lists."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from polysync.api.asked import Asked
from polysync.api.fields import FLAG, PROSE, TABLE, TAGS, WORD, Field, number
from polysync.api.office import Office
from polysync.api.refusal import Refused
from polysync.api.response import Response
from polysync.api.route import Route
from polysync.api.schemas import RUN
from polysync.api.work import carry_out
from polysync.domain.approvals import Decision
from polysync.domain.definition import resolve_job
from polysync.domain.inputs import Archive, Decide, Submit
from polysync.domain.params import VAULT
from polysync.domain.rows import Run
from polysync.domain.run import FINAL
from polysync.domain.settings import Configuration
from polysync.domain.values import Direction, Role, Trigger
from polysync.domain.variables import templated

CONFLICT: Final = 409


async def decide(office: Office, asked: Asked, decision: Decision) -> Response:
    """Say what a person decided about a run that waits for it."""
    run = await office.run(asked.number("id"))
    await carry_out(office, asked, Decide(run.id, decision, comment=asked.told["comment"]))
    return await _shown(office, run.id)


async def rerun(office: Office, asked: Asked) -> Response:
    """Make a run like one that is over: same parameters, same tags, unless others are given."""
    told, before = asked.told, await office.run(asked.number("id"))
    _check(office, before)
    had = _parameters(before, office.noticeboard.configuration)
    submit = Submit(
        task=before.task,
        trigger=Trigger.RERUN,
        rerun_of=before.id,
        parameters={**had, **(told["parameters"] or {})},
        tags={**before.tags, **(told["tags"] or {})},
        logical_at=before.logical_at or before.scheduled_for,
        correlation_id=told["correlation_id"] or before.correlation_id,
        priority=told["priority"],
    )
    answer = await carry_out(office, asked, submit)
    made = await _shown(office, answer.run_id or 0)
    made.status = 201
    made.headers = {"Location": f"/api/runs/{answer.run_id}"}
    return made


async def archive(office: Office, asked: Asked) -> Response:
    """Take a run that is over out of the lists, or back into them."""
    run = await office.run(asked.number("id"))
    await carry_out(office, asked, Archive(run.id, undo=asked.told["undo"]))
    return await _shown(office, run.id)


def _check(office: Office, before: Run) -> None:
    if before.instance:
        raise Refused(CONFLICT, f"run {before.id} is a life of the service {before.task}: restart the service instead")
    if before.state not in FINAL:
        raise Refused(CONFLICT, f"run {before.id} is not over: {before.state}")
    office.check_task(before.task)


def _parameters(before: Run, configuration: Configuration) -> Mapping[str, Any]:
    """What the run before had; what the task fills in or fetches for each run, it does again."""
    task = configuration.tasks[before.task]
    job = resolve_job(task.job, configuration.jobs) if task.job else None
    schema = job.parameters if job is not None else {}
    again = {*templated(task.parameters)}
    again |= {name for name, own in task.parameters.items() if own.vault is not None or own.state is not None}
    again |= {name for name, entry in schema.items() if entry.direction is Direction.OUT or _is_vaulted(entry.default)}
    fixed = {*schema, *task.parameters} - again
    return {**{name: value for name, value in before.parameters.items() if name in fixed}, **before.overrides}


def _is_vaulted(default: Any) -> bool:
    return isinstance(default, str) and default.startswith(VAULT)


async def _shown(office: Office, number_: int) -> Response:
    found = await office.run(number_)
    return Response(body=(await office.detailed(found)).encode("ascii"))


COMMENT: Final = (Field("comment", PROSE, "Why; it is kept with the run.", ""),)
REFUSES: Final = frozenset({404, 409})
DECISIONS: Final = {
    "approve": (Decision.APPROVE, "Approve a run that waits for it."),
    "deny": (Decision.DENY, "Deny a run that waits for approval: it fails."),
    "request-changes": (Decision.REQUEST_CHANGES, "Send a run back: it is done again, with the comment."),
}
RERUN: Final = (
    Field("parameters", TABLE, "Values in the place of those of the run before."),
    Field("tags", TAGS, "Tags beside those of the run before."),
    Field("correlation_id", WORD, "That of the run before, unless given."),
    Field("priority", number(-100, 100), "That of the task, unless given."),
)
ROUTES: Final = (
    *(
        Route(
            "POST",
            f"runs/{{id}}/{word}",
            Role.OPERATOR,
            partial(decide, decision=decision),
            text,
            body=COMMENT,
            answer=RUN,
            refuses=REFUSES,
        )
        for word, (decision, text) in DECISIONS.items()
    ),
    Route(
        "POST",
        "runs/{id}/rerun",
        Role.OPERATOR,
        rerun,
        "Make a run like one that is over: same parameters, same tags, unless others are given.",
        body=RERUN,
        success=201,
        answer=RUN,
        refuses=frozenset({403, 404, 409}),
    ),
    Route(
        "POST",
        "runs/{id}/archive",
        Role.OPERATOR,
        archive,
        "Take a run that is over out of the lists, or back into them.",
        body=(Field("undo", FLAG, "Back into the lists.", default=False),),
        answer=RUN,
        refuses=REFUSES,
    ),
)
