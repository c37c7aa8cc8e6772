"""Log pieces on their way to the streams of a command: byte by byte where it is piped, tame on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TextIO

from polysync.cli.following import behind, data_of, end_of
from polysync.cli.onscreen import OnScreen
from polysync.cli.session import Session, ascii_json
from polysync.cli.standing import clock_text
from polysync.cli.straight import left_out_text, written
from polysync.domain.render import Cell, Style, paint

__all__ = ["Outpour", "Sieve", "behind", "data_of", "end_of", "left_out_text"]


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
        self._onscreen = session.around.stdout.isatty()
        self.lines = 0  # that a terminal was given
        self._fresh: dict[TextIO, bool] = {}  # whether the stream stands at the start of a line

    @property
    def exact(self) -> bool:
        """Whether bytes are wanted, because nothing of their documents is."""
        return self._quiet or not (self._session.json or self._timestamps or self.sieve is not None)

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
        self.lines += data_of(piece).count(b"\n") if self._onscreen else 0
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
        written(stream, data)
