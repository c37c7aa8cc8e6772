"""Server-sent events: the form in which browsers read a stream."""

from __future__ import annotations

from typing import Final

from polysync.api.asked import Asked

SSE: Final = "text/event-stream"
OPENING: Final = b"retry: 1000\n\n"  # milliseconds until a browser that lost us comes back
BEAT: Final = b":\n\n"  # a comment: nothing happened, and the line still stands


def wants_sse(asked: Asked) -> bool:
    """Whether the caller asked for server-sent events."""
    return asked.accepts(SSE)


def frame(data: bytes, *, number: int | str | None = None, event: str = "") -> bytes:
    """One event with its data, which holds no line break but one at its end."""
    head = (f"id: {number}\n" if number is not None else "") + (f"event: {event}\n" if event else "")
    return b"%bdata: %b\n\n" % (head.encode(), data.removesuffix(b"\n"))
