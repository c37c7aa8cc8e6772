"""The end of the daemon, by word."""

from __future__ import annotations

from typing import Final

from polysync.api.asked import Asked
from polysync.api.fields import Field, choice
from polysync.api.office import Office
from polysync.api.response import Response
from polysync.api.route import Route, document
from polysync.api.schemas import shape, word_of
from polysync.domain.values import OnShutdown, Role


async def shutdown(office: Office, asked: Asked) -> Response:
    """Have the daemon end; the answer comes before it does."""
    mode = asked.told["mode"] or office.noticeboard.configuration.daemon.on_shutdown
    await office.desk.note(asked.asker, "shutdown", "daemon", detail={"mode": mode.value})
    return document({"mode": office.noticeboard.end(mode)})


MODE: Final = Field(
    "mode", choice(OnShutdown), "What becomes of tasks that run: `detach` or `stop`; as configured unless given."
)
ROUTES: Final = (
    Route(
        "POST",
        "shutdown",
        Role.ADMIN,
        shutdown,
        "Have the daemon end.",
        body=(MODE,),
        answer=shape(mode=word_of(OnShutdown)),
    ),
)
