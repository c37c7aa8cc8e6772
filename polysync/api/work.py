"""What changes something: start, stop and release."""

from __future__ import annotations

from typing import Final

from polysync.api.asked import Asked, Problems, between, document, flag, instant, prose, span, table, tags, word
from polysync.api.office import Office
from polysync.api.refusal import Refused, invalid
from polysync.api.response import Response
from polysync.domain.effects import Answer, Refusal
from polysync.domain.inputs import Release, Stop, Submit
from polysync.domain.run import FINAL
from polysync.failpoints import hit
from polysync.ports import Request

CONFLICT: Final = 409
STATUS: Final = {Refusal.UNKNOWN: 404, Refusal.FORBIDDEN: 403, Refusal.CONFLICT: CONFLICT}
START_KEYS: Final = frozenset("parameters hold start_at expires_after priority external_id correlation_id tags".split())
REASON: Final = frozenset({"reason"})


async def start(office: Office, asked: Asked) -> Response:
    """Create a run of a task."""
    name = asked.path["task"]
    office.check_task(name)
    take = Problems(document(asked.request.body), START_KEYS)
    submit = Submit(
        task=name,
        parameters=take.take("parameters", table, {}),
        hold=take.take("hold", flag, default=False),
        start_at=take.take("start_at", instant, None),
        expires_after=take.take("expires_after", span, None),
        priority=take.take("priority", between(-100, 100), None),
        external_id=take.take("external_id", word, None),
        correlation_id=take.take("correlation_id", word, None),
        tags=take.take("tags", tags, {}),
    )
    take.refuse()
    answer = await carry_out(office, asked, submit)
    shown = await _shown(office, answer)
    shown.status = 201
    shown.headers = {"Location": f"/api/runs/{answer.run_id}"}
    return shown


async def stop(office: Office, asked: Asked) -> Response:
    """Stop a run, wherever it stands."""
    run = await office.run(asked.number("id"))
    stop = Stop(run.id, comment=_reason(asked))
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
    _reason(asked)
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


def _reason(asked: Asked) -> str:
    take = Problems(document(asked.request.body), REASON)
    reason = take.take("reason", prose, "")
    take.refuse()
    return reason
