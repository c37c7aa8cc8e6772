"""Log pieces on their way to the streams of a command: byte by byte where it is piped, tame on a terminal."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TextIO

from polysync.cli.onscreen import OnScreen
from polysync.cli.render import Cell, Style, paint
from polysync.cli.session import Session, ascii_json
from polysync.cli.standing import clock_text


class Sieve(Protocol):
    """Lets through what is looked for."""

    def lines(self, pieces: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
        """What is left of the pieces."""


class Outpour:
    """Writes pieces where they belong: `out` to the output, `err` to the error stream unless they share one."""

    def __init__(
        self,
        session: Session,
        *,
        raw: bool = False,
        timestamps: bool = False,
        one_stream: bool = False,
        quiet: bool = False,
        live: bool = True,
    ) -> None:
        self._session = session
        self._raw = raw
        self._timestamps = timestamps
        self._one_stream = one_stream
        self._quiet = quiet
        self._live = live  # what is no whole line yet is shown too
        self.sieve: Sieve | None = None  # lets through only what is looked for
        self._screens: dict[TextIO, OnScreen] = {}
        self._fresh: dict[TextIO, bool] = {}  # whether the stream stands at the start of a line

    def all(self, pieces: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Write every piece as it comes; gives the run that ended the stream, where one did."""
        for piece in pieces if self.sieve is None else self.sieve.lines(pieces):
            if "run" in piece:
                self.finish()
                found: Mapping[str, Any] = piece["run"]
                return found
            self.write(piece)
        return None

    def write(self, piece: Mapping[str, Any]) -> None:
        """Write one piece."""
        if self._quiet:
            return
        around = self._session.around
        if self._session.json:
            around.stdout.write(ascii_json(piece) + "\n")
            around.stdout.flush()
            return
        stream = around.stderr if piece["stream"] == "err" and not self._one_stream else around.stdout
        if stream.isatty() and not self._raw:
            self._screen(stream).write((piece["attempt"], piece["stream"]), *self._shown(piece))
        elif piece.get("left_out"):
            self._session.remark(left_out_text(piece))
        else:
            self._exact(stream, piece)
        stream.flush()

    def finish(self) -> None:
        """No more comes: show what was waiting for its line end."""
        for stream, screen in self._screens.items():
            screen.finish()
            stream.flush()

    def _screen(self, stream: TextIO) -> OnScreen:
        if stream not in self._screens:
            self._screens[stream] = OnScreen(stream.write, colour=self._session.colour, live=self._live)
        return self._screens[stream]

    def _shown(self, piece: Mapping[str, Any]) -> tuple[bytes, str, str]:
        """The bytes of a piece, what stands before its lines, and what is said instead of it."""
        left_out = left_out_text(piece) if piece.get("left_out") else ""
        colour = self._session.colour
        return data_of(piece), self._stamp(piece), paint(Cell(left_out, Style.DIM), colour=colour)

    def _stamp(self, piece: Mapping[str, Any]) -> str:
        if not self._timestamps:
            return ""
        return paint(Cell(clock_text(piece.get("at"), self._session), Style.DIM), colour=self._session.colour) + "  "

    def _exact(self, stream: TextIO, piece: Mapping[str, Any]) -> None:
        """Every byte as it is, each line after its time where that is wanted."""
        data, stamp = data_of(piece), self._stamp(piece).encode()
        if stamp and data:
            whole = data.removesuffix(b"\n")
            stamped = whole.replace(b"\n", b"\n" + stamp) + data[len(whole) :]
            fresh, self._fresh[stream] = self._fresh.get(stream, True), data.endswith(b"\n")
            data = stamp + stamped if fresh else stamped
        _binary(stream, data)


def data_of(piece: Mapping[str, Any]) -> bytes:
    """The bytes of a piece: text where they are text, else in base64."""
    return b64decode(piece["base64"]) if "base64" in piece else str(piece.get("data", "")).encode()


def end_of(piece: Mapping[str, Any]) -> int:
    """Where a piece ends in its stream."""
    return int(piece["offset"]) + (int(piece.get("left_out", 0)) or len(data_of(piece)))


def behind(piece: Mapping[str, Any], offset: int) -> Mapping[str, Any]:
    """The part of a piece from an offset inside it on."""
    if piece.get("left_out"):
        return {**piece, "offset": offset, "left_out": end_of(piece) - offset}
    return {**piece, "offset": offset, "base64": b64encode(data_of(piece)[offset - piece["offset"] :]).decode()}


def left_out_text(piece: Mapping[str, Any]) -> str:
    """What is said where output is missing."""
    return f"… {piece['left_out']:,} bytes of {piece['stream']} left out …"


def _binary(stream: TextIO, data: bytes) -> None:
    """The bytes as they are; a stream without a binary side takes them as text."""
    below = getattr(stream, "buffer", None)
    if below is None:
        stream.write(data.decode("utf-8", "replace"))
        return
    stream.flush()
    below.write(data)
