"""One thing that can be asked of the daemon: where, by whom, with what, and what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from polysync.api.asked import Asked
from polysync.api.fields import Field, Schema
from polysync.api.office import Office
from polysync.api.response import JSON, TEXT, Response
from polysync.api.shapes import dumps
from polysync.api.tables import Draw
from polysync.domain.values import Role

Handler = Callable[[Office, Asked], Awaitable[Response]]
ANYTHING: Final[Schema] = {"type": "object"}
_OBJECTS: Final = {"reload": "configuration", "prune": "storage", "shutdown": "daemon"}


@cache
def _parts(pattern: str) -> tuple[str, ...]:
    """Every request asks for those of every route."""
    inside = ("api",) if not pattern.startswith("/") else ()
    return (*inside, *pattern.strip("/").split("/"))


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked; its query and its body are read before the handler sees them."""

    method: str
    pattern: str  # below /api, unless it begins with a slash; a part in braces is open
    role: Role  # the least that may ask it
    handler: Handler
    summary: str = ""  # one sentence: what it does
    query: Sequence[Field] = ()
    body: Sequence[Field] = ()  # of a POST: one JSON object
    success: int = 200
    answer: Schema = field(default_factory=lambda: ANYTHING)
    media: str = JSON  # of the answer
    also: Sequence[str] = ()  # other forms of it, for those who ask by `Accept`
    draw: Draw | None = None  # how it is written as text, for those who ask for that
    refuses: frozenset[int] = frozenset()  # statuses beyond those that any route may give

    @property
    def parts(self) -> tuple[str, ...]:
        """The segments of its path."""
        return _parts(self.pattern)

    @property
    def forms(self) -> tuple[str, ...]:
        """The media types of its answer, the usual one first."""
        return (self.media, *self.also, *((TEXT,) if self.draw is not None else ()))

    @property
    def verb(self) -> str:
        """What it does, in the words of the audit: `run`, `service stop`, and `read` for what only tells."""
        if self.method == "GET":
            return "read"
        last = self.parts[-1]
        return f"service {last}" if self.parts[1] == "services" else last

    def subject(self, segments: Sequence[str]) -> str:
        """What it is done to, in the words of the audit: `task backup`, `run 7`, else its path."""
        named = [
            (word, name)
            for word, name, part in zip(segments, segments[1:], self.parts[1:], strict=False)
            if part.startswith("{")
        ]
        if named:
            return " ".join(f"{word.removesuffix('s')} {name}" for word, name in named)
        return _OBJECTS.get(segments[-1], "/".join(segments[1:]))


def document(found: Any) -> Response:
    """An answer that is one JSON document."""
    return Response(body=dumps(found).encode("ascii"))
