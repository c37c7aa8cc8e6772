"""What changes something: start, stop and release."""

from __future__ import annotations

from typing import Final

from polysync.api.asked import Asked
from polysync.api.fields import COMING, FLAG, PROSE, SPAN, TABLE, TAGS, WORD, Field, number
from polysync.api.office import Office
from polysync.api.refusal import Refused, invalid
from polysync.api.response import Response
from polysync.api.route import Route
from polysync.api.schemas import RUN
from polysync.domain.effects import Answer, Refusal
from polysync.domain.inputs import Release, Stop, Submit
from polysync.domain.run import FINAL
from polysync.domain.values import Role
from polysync.failpoints import hit
from polysync.ports import Request

CONFLICT: Final = 409
STATUS: Final = {Refusal.UNKNOWN: 404, Refusal.FORBIDDEN: 403, Refusal.CONFLICT: CONFLICT}


async def start(office: Office, asked: Asked) -> Response:
    """Create a run of a task."""
    name = asked.path["task"]
    office.check_task(name)
    submit = Submit(task=name, **{key: value for key, value in asked.told.items() if value is not None})
    answer = await carry_out(office, asked, submit)
    shown = await _shown(office, answer)
    shown.status = 201
    shown.headers = {"Location": f"/api/runs/{answer.run_id}"}
    return shown


async def stop(office: Office, asked: Asked) -> Response:
    """Stop a run, wherever it stands."""
    run = await office.run(asked.number("id"))
    stop = Stop(run.id, comment=asked.told["reason"])
    try:
        return await _shown(office, await carry_out(office, asked, stop))
    except Refused as refused:
        if refused.status == CONFLICT and run.state in FINAL:  # the engine has forgotten it, and we have not
            because = f"/{run.end_reason}" if run.end_reason else ""
            raise Refused(CONFLICT, f"run {run.id} is over already: {run.state}{because}") from refused
        raise


async def release(office: Office, asked: Asked) -> Response:
    """Let a held run go."""
    number = (await office.run(asked.number("id"))).id
    return await _shown(office, await carry_out(office, asked, Release(number)))


async def carry_out(office: Office, asked: Asked, request: Request) -> Answer:
    """Have the engine do it: its answer, or a refusal with what it said."""
    answer = await office.desk.ask(request, asked.asker)
    if answer.refusal is not None:
        if answer.refusal is Refusal.INVALID:
            raise invalid([("", answer.message)])
        raise Refused(STATUS[answer.refusal], answer.message)
    hit("api.before_answer")
    return answer


async def _shown(office: Office, answer: Answer) -> Response:
    if answer.run_id is None:
        raise RuntimeError("the answer to a request about a run names none")
    found = await office.run(answer.run_id)
    return Response(body=(await office.detailed(found)).encode("ascii"))


START: Final = (
    Field("parameters", TABLE, "Values for the parameters of the task."),
    Field("hold", FLAG, "Keep it back until it is released."),
    Field("start_at", COMING, "Not before this time."),
    Field("expires_after", SPAN, "Give it up when it has not started within this time."),
    Field("priority", number(-100, 100), "Before those with less."),
    Field("external_id", WORD, "The id of another system, to find it again by."),
    Field("correlation_id", WORD, "Runs that belong together carry the same."),
    Field("tags", TAGS, "Labels of the run."),
)
REASON: Final = (Field("reason", PROSE, "Why, for the history.", ""),)
ROUTES: Final = (
    Route(
        "POST",
        "tasks/{task}/run",
        Role.OPERATOR,
        start,
        "Create a run of a task.",
        query=(),
        body=START,
        success=201,
        answer=RUN,
        refuses=frozenset({403, 404, 409}),
    ),
    Route(
        "POST",
        "runs/{id}/stop",
        Role.OPERATOR,
        stop,
        "Stop a run, wherever it stands.",
        query=(),
        body=REASON,
        answer=RUN,
        refuses=frozenset({404, 409}),
    ),
    Route(
        "POST",
        "runs/{id}/release",
        Role.OPERATOR,
        release,
        "Let a held run go.",
        query=(),
        body=REASON,
        answer=RUN,
        refuses=frozenset({404, 409}),
    ),
)
