"""Patterns on the command line: what the daemon found, and lines that are sieved as they come."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from polysync.cli.failure import FAILED, Failure, usage
from polysync.cli.outpour import data_of

LONGEST: Final = 1 << 20  # bytes of a line that wait for its end
Piece = Mapping[str, Any]


class Sieve:
    """Lets lines through that hold a pattern, over any cut and over a lost connection."""

    def __init__(self, pattern: str, *, ignore_case: bool) -> None:
        try:
            self._pattern = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
        except (re.error, OverflowError, RecursionError) as error:
            raise usage(f"--grep {pattern}: not a regular expression: {error}") from error
        self._waiting: dict[tuple[int, str], Piece] = {}

    def lines(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """The lines that hold the pattern, each a piece; what is missing and what ends the stream come through."""
        for piece in pieces:
            over = "run" in piece
            if not over and not piece.get("left_out"):
                key = piece["attempt"], piece["stream"]
                *lines, self._waiting[key] = _lines(self._waiting.get(key), piece)
                yield from filter(self._holds, lines)
                continue
            for key in list(self._waiting):
                if over or key == (piece["attempt"], piece["stream"]):
                    yield from filter(self._holds, (self._waiting.pop(key),))
            yield piece

    def _holds(self, piece: Piece) -> bool:
        data = data_of(piece)
        return bool(data) and self._pattern.search(_text(data)) is not None


def results(lines: Iterable[Piece], counted: dict[str, Any]) -> Iterator[Piece]:
    """What a search found, each with its line end; `counted` gets what it tells of itself in the end."""
    for line in lines:
        if "error" in line:
            told = line["error"]
            raise Failure(str(told["message"]), code=str(told["code"]), status=FAILED)
        if "searched" in line:
            counted |= line["searched"]
            return
        data = data_of(line)
        yield line if data.endswith(b"\n") else {**line, "base64": b64encode(data + b"\n").decode()}


def apart(line: Piece, before: Piece | None) -> bool:
    """Whether something stands between two lines of a search."""
    if before is None:
        return False
    same = all(line.get(name) == before.get(name) for name in ("run", "attempt", "stream"))
    return not same or line["line"] != before["line"] + 1


def _lines(waiting: Piece | None, piece: Piece) -> Iterator[Piece]:
    """The lines that are whole now, and the rest; a line that is too long is looked at in parts."""
    offset, data = piece["offset"], data_of(piece)
    if waiting is not None:
        offset, data = waiting["offset"], data_of(waiting) + data
    *lines, rest = data.split(b"\n")
    whole = [line + b"\n" for line in lines]
    for line in [*whole, rest, b""] if len(rest) > LONGEST else [*whole, rest]:
        yield {**piece, "offset": offset, "base64": b64encode(line).decode()}
        offset += len(line)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\n").decode("utf-8", "surrogateescape")
