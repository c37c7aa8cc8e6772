"""The names that the daemon offers to a shell."""

from __future__ import annotations

from polysync.api.client import Client, Unreachable
from polysync.cli.place import socket_path

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from polysync.cli.session import Session

OF_NAMES = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-\n")
SOON = 1.0  # seconds that a shell may hang while somebody types


def offered(session: Session, kind: str) -> str | None:
    """The names of that kind, one a line; None where no daemon answers in time: then the file has them too.

    A shell expands what it is offered, and anybody may listen in a folder that one only looks into: what is no list
    of names is not passed on.
    """
    path = socket_path(session.option, session.around.env, session.around.folder)
    try:
        with Client(path, timeout=SOON) as client:
            answer = client.request("GET", f"/api/names?kind={kind}")
    except Unreachable:
        return None
    names = answer.body.decode("utf-8", "replace")
    return names if answer.status == 200 and OF_NAMES.issuperset(names) else None
