"""Words about the schedule of a task: pause it, resume it, leave out its next slot."""

from __future__ import annotations

from typing import Final

from polysync.api.asked import Asked
from polysync.api.fields import COMING, PROSE, Field
from polysync.api.office import Office
from polysync.api.refusal import invalid
from polysync.api.response import Response
from polysync.api.route import Route
from polysync.api.task_shapes import TASK
from polysync.api.tasks import shown
from polysync.api.work import carry_out
from polysync.domain.inputs import Pause, Resume, SkipNext
from polysync.domain.values import Role


async def pause(office: Office, asked: Asked) -> Response:
    """Account for the slots of a task without running them."""
    name, until = asked.path["task"], asked.told["until"]
    office.check_task(name)
    if until is not None and until <= office.noticeboard.now():
        raise invalid([("until", "is over already")])
    await carry_out(office, asked, Pause(name, until=until, reason=asked.told["reason"]))
    return await shown(office, name)


async def resume(office: Office, asked: Asked) -> Response:
    """End a pause; what passed meanwhile is not caught up."""
    name = asked.path["task"]
    office.check_task(name)
    await carry_out(office, asked, Resume(name))
    return await shown(office, name)


async def skip_next(office: Office, asked: Asked) -> Response:
    """Leave out the next slot that would run; asked again, the one after it too."""
    name = asked.path["task"]
    office.check_task(name)
    await carry_out(office, asked, SkipNext(name))
    return await shown(office, name)


REFUSES: Final = frozenset({404, 409})
PAUSE: Final = (
    Field("until", COMING, "Until this time; without it, until somebody resumes it."),
    Field("reason", PROSE, "Why, for those who wonder.", ""),
)
ROUTES: Final = (
    Route(
        "POST",
        "tasks/{task}/pause",
        Role.OPERATOR,
        pause,
        "Account for the slots of a task without running them.",
        body=PAUSE,
        answer=TASK,
        refuses=REFUSES,
    ),
    Route(
        "POST",
        "tasks/{task}/resume",
        Role.OPERATOR,
        resume,
        "End a pause; what passed meanwhile is not caught up.",
        answer=TASK,
        refuses=REFUSES,
    ),
    Route(
        "POST",
        "tasks/{task}/skip-next",
        Role.OPERATOR,
        skip_next,
        "Leave out the next slot that would run; asked again, the one after it too.",
        answer=TASK,
        refuses=REFUSES,
    ),
)
