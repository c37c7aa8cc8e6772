"""Log pieces straight to the streams of a command that is piped: every byte as it is, and no library for it."""

from __future__ import annotations

from polysync.cli.following import data_of

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TextIO

    from polysync.cli.session import Session


class Straight:
    """Writes `out` to the output and `err` to the error stream, unless both share one."""

    exact = True

    def __init__(self, session: Session, *, one_stream: bool = False) -> None:
        self._session = session
        self._one_stream = one_stream

    def all(self, pieces: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Write every piece as it comes; gives the run that ended the stream, where one did."""
        around = self._session.around
        for piece in pieces:
            if "run" in piece:
                found: Mapping[str, Any] = piece["run"]
                return found
            if piece.get("left_out"):
                self._session.remark(left_out_text(piece))
            else:
                stream = around.stderr if piece["stream"] == "err" and not self._one_stream else around.stdout
                written(stream, data_of(piece))
                stream.flush()
        return None


def suits(session: Session) -> bool:
    """Whether bytes may go out as they are: no terminal that they could act on, and no documents are wanted."""
    around = session.around
    return not (session.json or around.stdout.isatty() or around.stderr.isatty())


def left_out_text(piece: Mapping[str, Any]) -> str:
    """What is said where output is missing."""
    return f"… {piece['left_out']:,} bytes of {piece['stream']} left out …"


def written(stream: TextIO, data: bytes) -> None:
    """The bytes as they are; a stream without a binary side takes them as text."""
    below = getattr(stream, "buffer", None)
    if below is None:
        stream.write(data.decode("utf-8", "replace"))
        return
    stream.flush()
    rest = memoryview(data)
    while rest:  # an unbuffered stream takes what fits
        rest = rest[below.write(rest) or 0 :]
