"""The names that the daemon offers to a shell."""

from __future__ import annotations

from polysync.api.client import Client, Unreachable
from polysync.cli.place import socket_of

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from polysync.cli.session import Session

SOON = 1.0  # seconds that a shell may hang while somebody types


def offered(session: Session, kind: str) -> str | None:
    """The names of that kind, one a line; None where no daemon answers in time: then the file has them too."""
    try:
        with Client(socket_of(session), timeout=SOON) as client:
            answer = client.request("GET", f"/api/names?kind={kind}")
    except Unreachable:
        return None
    return answer.body.decode() if answer.status == 200 else None
