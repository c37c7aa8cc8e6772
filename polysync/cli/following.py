"""Following a run to its end, also while the daemon is restarted."""

from __future__ import annotations

import select
from collections.abc import Iterator, Mapping
from typing import Any, Final

from polysync.cli.attach import Lost, attach
from polysync.cli.failure import Failure
from polysync.cli.outpour import Outpour, behind, end_of
from polysync.cli.session import Session

PATIENCE: Final = 150  # looks for a daemon that went away, a fifth of a second apart: as long as an upgrade may take
PAUSE: Final = 0.2


Seen = dict[tuple[int, str], int]  # how much of a stream of an attempt was written


def follow(
    session: Session,
    number: int,
    pour: Outpour,
    seen: Seen | None = None,
    begin: Mapping[str, Any] | None = None,
    **wanted: Any,
) -> Mapping[str, Any]:
    """Write what the run puts out after what was seen, until it is over; gives the run as it ended.

    `begin` says where to start; whoever is cut off goes on from what was seen.
    """
    seen = {} if seen is None else seen
    left = PATIENCE
    while True:
        try:
            with attach(session) as daemon:
                where = {"after": _places(seen)} if seen or not begin else begin
                pieces = daemon.lines(f"/api/runs/{number}/log", follow=1, **where, **wanted)
                ended = pour.all(unseen(pieces, seen))
            if ended is not None:
                return ended
        except Lost as lost:
            if not left:
                raise Failure(
                    f"the daemon went away and did not come back: {lost}",
                    code=lost.code,
                    status=lost.status,
                    hint=f"run {number} goes on; polysync logs {number} -f once the daemon is there again",
                ) from lost
        if left == PATIENCE:
            session.remark("the daemon went away; waiting for it to come back …")
        left -= 1
        select.select([], [], [], PAUSE)


def _places(seen: Seen) -> str | None:
    """What was seen, as the API reads it: it need not be sent again."""
    return ",".join(f"{attempt}:{stream}:{end}" for (attempt, stream), end in seen.items()) or None


def unseen(pieces: Iterator[Mapping[str, Any]], seen: Seen) -> Iterator[Mapping[str, Any]]:
    """The pieces without what was written before the connection was lost."""
    for piece in pieces:
        if "run" in piece:
            yield piece
            continue
        key, end = (piece["attempt"], piece["stream"]), end_of(piece)
        known = seen.get(key, 0)
        seen[key] = max(known, end)
        if piece["offset"] >= known:
            yield piece
        elif end > known:
            yield behind(piece, known)
