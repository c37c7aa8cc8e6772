"""Log pieces on their way to the streams of a command: byte by byte where it is piped, tame on a terminal."""

from __future__ import annotations

from base64 import b64decode, b64encode
from codecs import IncrementalDecoder, getincrementaldecoder
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TextIO

from polysync.cli.render import Cell, Style, paint
from polysync.cli.session import Session, ascii_json
from polysync.cli.standing import clock_text
from polysync.domain.safe_text import safe_text

DECODER: Final = getincrementaldecoder("utf-8")


class Outpour:
    """Writes pieces where they belong: `out` to the output, `err` to the error stream unless they share one."""

    def __init__(
        self,
        session: Session,
        *,
        raw: bool = False,
        last: int | None = None,
        timestamps: bool = False,
        one_stream: bool = False,
        quiet: bool = False,
    ) -> None:
        self._session = session
        self._raw = raw
        self.last = last  # how many lines, and then no more; None: all
        self._timestamps = timestamps
        self._one_stream = one_stream
        self._quiet = quiet
        self._decoders: dict[str, IncrementalDecoder] = {}
        self._fresh: dict[TextIO, bool] = {}  # whether the stream stands at the start of a line

    def all(self, pieces: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Write every piece as it comes; gives the run that ended the stream, where one did."""
        if self.last is None:
            return self._pour(pieces)
        kept, ended = _tail(pieces, self.last)
        self._pour(kept)
        return ended

    def _pour(self, pieces: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        for piece in pieces:
            if "run" in piece:
                found: Mapping[str, Any] = piece["run"]
                return found
            self._write(piece)
        return None

    def _write(self, piece: Mapping[str, Any]) -> None:
        if self._quiet:
            return
        around = self._session.around
        if self._session.json:
            around.stdout.write(ascii_json(piece) + "\n")
            around.stdout.flush()
            return
        stream = around.stderr if piece["stream"] == "err" and not self._one_stream else around.stdout
        data = data_of(piece)
        if self._timestamps or (stream.isatty() and not self._raw):
            self._write_text(stream, piece, data)
        else:
            _binary(stream, data)
        stream.flush()

    def _write_text(self, stream: TextIO, piece: Mapping[str, Any], data: bytes) -> None:
        key = f"{piece['attempt']} {piece['stream']}"
        decoder = self._decoders.setdefault(key, DECODER(errors="replace"))
        text = decoder.decode(data)
        if not self._raw:
            text = safe_text(text.replace("\r\n", "\n"), lines=True)
        if not self._timestamps:
            stream.write(text)
            return
        stamp = paint(Cell(clock_text(piece.get("at"), self._session), Style.DIM), colour=self._session.colour)
        for line in text.splitlines(keepends=True):
            stream.write(f"{stamp}  {line}" if self._fresh.get(stream, True) else line)
            self._fresh[stream] = line.endswith("\n")


def data_of(piece: Mapping[str, Any]) -> bytes:
    """The bytes of a piece: text where they are text, else in base64."""
    return b64decode(piece["base64"]) if "base64" in piece else str(piece["data"]).encode()


def with_data(piece: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    """The piece with other bytes."""
    return {**piece, "base64": b64encode(data).decode()}


def _binary(stream: TextIO, data: bytes) -> None:
    """The bytes as they are; a stream without a binary side takes them as text."""
    below = getattr(stream, "buffer", None)
    if below is None:
        stream.write(data.decode("utf-8", "replace"))
        return
    stream.flush()
    below.write(data)


def _tail(pieces: Iterable[Mapping[str, Any]], lines: int) -> tuple[list[Mapping[str, Any]], Mapping[str, Any] | None]:
    """The last lines of all pieces, and what ended them; memory holds little more than those lines."""
    kept: deque[tuple[Mapping[str, Any], int]] = deque()  # each with the line ends in it
    count, ended = 0, None
    for piece in pieces:
        if "run" in piece:
            ended = piece["run"]
            continue
        kept.append((piece, data_of(piece).count(b"\n")))
        count += kept[-1][1]
        while count - kept[0][1] > lines:
            count -= kept.popleft()[1]
    if not lines or not kept:
        return [], ended
    unfinished = not data_of(kept[-1][0]).endswith(b"\n")
    return list(_without([piece for piece, _ in kept], count + unfinished - lines)), ended


def _without(pieces: Iterable[Mapping[str, Any]], lines: int) -> Iterator[Mapping[str, Any]]:
    """The pieces without the first so many lines."""
    for piece in pieces:
        data = data_of(piece)
        *ends, rest = data.split(b"\n", max(lines, 0))
        lines -= len(ends)
        if lines <= 0:
            yield piece if len(rest) == len(data) else with_data(piece, rest)
