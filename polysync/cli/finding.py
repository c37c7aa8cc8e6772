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


def compiled(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    """The pattern, where it is one."""
    try:
        return re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise usage(f"--grep {pattern}: not a regular expression: {error}") from error


def sieved(pieces: Iterable[Piece], pattern: re.Pattern[str]) -> Iterator[Piece]:
    """The lines that hold the pattern, each a piece; what ends the stream comes through."""
    waiting: dict[tuple[int, str], Piece] = {}
    for piece in pieces:
        if "run" in piece:
            yield from (rest for rest in waiting.values() if _holds(rest, pattern))
            yield piece
            return
        key = piece["attempt"], piece["stream"]
        if piece.get("left_out"):
            yield from (rest for rest in (waiting.pop(key, None),) if rest is not None and _holds(rest, pattern))
            yield piece
            continue
        *lines, rest = _lines(waiting.get(key), piece)
        yield from (line for line in lines if _holds(line, pattern))
        waiting[key] = rest


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


def _holds(piece: Piece, pattern: re.Pattern[str]) -> bool:
    line = data_of(piece).removesuffix(b"\n")
    return bool(data_of(piece)) and pattern.search(line.decode("utf-8", "surrogateescape")) is not None
