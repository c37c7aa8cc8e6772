"""One thing that can be asked of the daemon: where, by whom, with what, and what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from polysync.api.asked import Asked
from polysync.api.fields import Field, Schema
from polysync.api.office import Office
from polysync.api.response import JSON, Response
from polysync.api.shapes import dumps
from polysync.domain.values import Role

Handler = Callable[[Office, Asked], Awaitable[Response]]
ANYTHING: Final[Schema] = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked; its query and its body are read before the handler sees them."""

    method: str
    pattern: str  # below /api; a part in braces is open
    role: Role  # the least that may ask it
    handler: Handler
    summary: str = ""  # one sentence: what it does
    query: Sequence[Field] | None = None  # None: the handler reads it for itself
    body: Sequence[Field] | None = None
    success: int = 200
    answer: Schema = field(default_factory=lambda: ANYTHING)
    media: str = JSON  # of the answer
    refuses: frozenset[int] = frozenset()  # statuses beyond those that any route may give

    @property
    def parts(self) -> tuple[str, ...]:
        """The segments of its path."""
        return ("api", *self.pattern.split("/"))


def document(found: Any) -> Response:
    """An answer that is one JSON document."""
    return Response(body=dumps(found).encode("ascii"))
