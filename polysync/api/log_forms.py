"""The forms of a log on the wire: its bytes, lines of JSON, frames, and server-sent events.

Frames are for programs that want every byte with its place, and quickly: a line `STREAM ATTEMPT OFFSET LENGTH LEFT_OUT`
and then so many bytes.  Where output was left out, LEFT_OUT says how much and no bytes follow.  A follower's last
frame is `run 0 0 LENGTH 0`, and its bytes are the run as JSON.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from polysync.api.office import Place
from polysync.api.response import NDJSON
from polysync.api.shapes import dumps, moment_text
from polysync.api.sse import SSE, frame
from polysync.ports import LogPiece

RAW: Final = "text/plain"  # whatever the work wrote: no encoding is promised
FRAMES: Final = "application/x-polysync-frames"
KEPT: Final = 8  # pieces whose bytes are kept for the next follower


class Form(Protocol):
    """How pieces go out."""

    media: str
    heartbeat: bytes

    def piece(self, piece: LogPiece) -> bytes:
        """One piece."""

    def last(self, run: str) -> bytes:
        """The end of what a follower reads: the run as JSON text."""


class Shared:
    """The bytes of the newest pieces: a thousand followers of one log are told the same, made once."""

    def __init__(self, make: Callable[[LogPiece], bytes]) -> None:
        self._make = make
        self._known: deque[tuple[LogPiece, bytes]] = deque(maxlen=KEPT)

    def of(self, piece: LogPiece) -> bytes:
        """The bytes of a piece; they are looked for by what it is, for comparing would cost more than making them."""
        for known, data in self._known:
            if known is piece:
                return data
        made = self._make(piece)
        self._known.append((piece, made))
        return made


class Bytes:
    """What the work wrote, and nothing else."""

    media = RAW
    heartbeat = b""

    def piece(self, piece: LogPiece) -> bytes:
        """One piece."""
        return piece.data

    def last(self, run: str) -> bytes:
        """Nothing is said at the end."""
        del run
        return b""


class Lines:
    """A JSON document in every line."""

    media = NDJSON
    heartbeat = b""

    def piece(self, piece: LogPiece) -> bytes:
        """One piece."""
        return LINES.of(piece)

    def last(self, run: str) -> bytes:
        """The run."""
        return f'{{"run":{run}}}\n'.encode("ascii")


class Frames:
    """Bytes with their place before them."""

    media = FRAMES
    heartbeat = b""

    def piece(self, piece: LogPiece) -> bytes:
        """One piece."""
        return FRAMED.of(piece)

    def last(self, run: str) -> bytes:
        """The run."""
        return f"run 0 0 {len(run)} 0\n{run}".encode("ascii")


class Events:
    """Server-sent events, each with the place up to which everything was told."""

    media = SSE

    def __init__(self, heartbeat: bytes, places: Mapping[Place, int]) -> None:
        self.heartbeat = heartbeat
        self._places = dict(places)

    def piece(self, piece: LogPiece) -> bytes:
        """One piece."""
        self._places[piece.attempt, piece.stream] = piece.offset + (piece.left_out or len(piece.data))
        return frame(LINES.of(piece), number=places_text(self._places), event="log")

    def last(self, run: str) -> bytes:
        """The run."""
        return frame(f'{{"run":{run}}}'.encode("ascii"), number=places_text(self._places) or None, event="run")


def places_text(places: Mapping[Place, int]) -> str:
    """How far a follower got, as it says it when it comes back."""
    return ",".join(f"{attempt}:{stream}:{end}" for (attempt, stream), end in places.items())


def _line(piece: LogPiece) -> bytes:
    shape: dict[str, Any] = {"attempt": piece.attempt, "stream": piece.stream, "offset": piece.offset}
    try:
        shape["data"] = piece.data.decode()
    except UnicodeDecodeError:  # no text, or a piece that ends inside a character
        shape["base64"] = base64.b64encode(piece.data).decode("ascii")
    if piece.left_out:
        shape["left_out"] = piece.left_out
    shape["at"] = moment_text(piece.at)
    return f"{dumps(shape)}\n".encode("ascii")


def _framed(piece: LogPiece) -> bytes:
    place = piece.stream.encode("ascii"), piece.attempt, piece.offset, len(piece.data), piece.left_out
    return b"%b %d %d %d %d\n%b" % (*place, piece.data)


LINES: Final = Shared(_line)
FRAMED: Final = Shared(_framed)
