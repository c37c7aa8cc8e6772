"""Following a run to its end, also while the daemon is restarted."""

from __future__ import annotations

from polysync.api.client import Unreachable
from polysync.cli.link import PATIENCE, PAUSE, Daemon, rest
from polysync.cli.place import socket_of

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, Protocol

    from polysync.cli.session import Session

    Seen = dict[tuple[int, str], int]  # how much of a stream of an attempt was written

    class Pour(Protocol):
        """Writes pieces where they belong."""

        @property
        def exact(self) -> bool:
            """Whether it wants bytes, not the documents of the API."""

        def all(self, pieces: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
            """Write every piece as it comes; gives the run that ended the stream, where one did."""


def follow(
    session: Session,
    number: int,
    pour: Pour,
    seen: Seen | None = None,
    begin: Mapping[str, Any] | None = None,
    daemon: Daemon | None = None,
    **wanted: Any,
) -> Mapping[str, Any]:
    """Write what the run puts out after what was seen, until it is over; gives the run as it ended.

    `begin` says where to start; whoever is cut off goes on from what was seen.  `daemon` is one that has answered.
    """
    seen = {} if seen is None else seen
    left = PATIENCE
    while True:
        try:
            with daemon or Daemon(socket_of(session), again=left < PATIENCE) as asked:
                where = {"after": _places(seen)} if seen or not begin else begin
                pieces = asked.log(number, exact=pour.exact, follow=1, **where, **wanted)
                ended = pour.all(unseen(pieces, seen))
            if ended is not None:
                return ended
        except Unreachable as error:
            if not left:
                raise _given_up(number, error) from error
        if left == PATIENCE:
            session.remark("the daemon went away; waiting for it to come back …")
        daemon = None
        left -= 1
        rest(PAUSE)


def _given_up(number: int, error: Unreachable) -> Exception:
    from polysync.cli.denied import Lost, lost

    reason = lost(error)
    return Lost(
        f"the daemon went away and did not come back: {reason}",
        code=reason.code,
        status=reason.status,
        hint=f"run {number} goes on; polysync logs {number} -f once the daemon is there again",
    )


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


def data_of(piece: Mapping[str, Any]) -> bytes:
    """The bytes of a piece: as they are, in base64, or as text where they are text."""
    if "bytes" in piece:
        found: bytes = piece["bytes"]
        return found
    if "base64" in piece:
        from base64 import b64decode

        return b64decode(piece["base64"])
    return str(piece.get("data", "")).encode()


def end_of(piece: Mapping[str, Any]) -> int:
    """Where a piece ends in its stream."""
    return int(piece["offset"]) + (int(piece.get("left_out", 0)) or len(data_of(piece)))


def behind(piece: Mapping[str, Any], offset: int) -> Mapping[str, Any]:
    """The part of a piece from an offset inside it on."""
    if piece.get("left_out"):
        return {**piece, "offset": offset, "left_out": end_of(piece) - offset}
    rest = data_of(piece)[offset - piece["offset"] :]
    if "bytes" in piece:
        return {**piece, "offset": offset, "bytes": rest}
    from base64 import b64encode

    return {**piece, "offset": offset, "base64": b64encode(rest).decode()}
