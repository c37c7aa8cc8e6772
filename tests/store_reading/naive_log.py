"""A log as a plain list of pieces: what a store answers is what comes out of looking at all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from polysync.ports import LogPiece

Place = tuple[int, str]


def place_of(piece: LogPiece) -> Place:
    """The stream that a piece belongs to."""
    return piece.attempt, piece.stream


def end_of_piece(piece: LogPiece) -> int:
    """Where it ends in its stream."""
    return piece.offset + (piece.left_out or len(piece.data))


def ends(pieces: Iterable[LogPiece]) -> dict[Place, int]:
    """Where each stream ends."""
    return {place_of(piece): end_of_piece(piece) for piece in pieces}


def last_lines(pieces: Sequence[LogPiece], limits: Mapping[Place, int], count: int) -> dict[Place, int]:
    """Where the last lines begin, when all that is kept stands in a row."""
    text = b"".join(piece.data for piece in _held(pieces, limits))
    lines = text.split(b"\n")
    found = [line + b"\n" for line in lines[:-1]] + [line for line in lines[-1:] if line]
    return _from(pieces, limits, len(text) - sum(map(len, found[max(0, len(found) - count) :])), none=not count)


def last_bytes(pieces: Sequence[LogPiece], limits: Mapping[Place, int], count: int) -> dict[Place, int]:
    """Where the last bytes begin, when all that is kept stands in a row."""
    size = sum(len(piece.data) for piece in _held(pieces, limits))
    return _from(pieces, limits, max(0, size - count), none=not count)


def since(pieces: Sequence[LogPiece], limits: Mapping[Place, int], at: datetime) -> dict[Place, int]:
    """Where each stream goes on from the line that holds the first piece of that time or later."""
    found = {}
    for place, end in limits.items():
        own = [piece for piece in pieces if place_of(piece) == place]
        begin = next((piece.offset for piece in own if piece.at is not None and piece.at >= at), end)
        before = [piece for piece in own if piece.offset < begin]
        found[place] = end if begin >= end else _line_start(before, begin)
    return found


def line(pieces: Sequence[LogPiece], place: Place, number: int, end: int) -> int:
    """Where a line begins, counted over what is kept."""
    left = number - 1
    for piece in pieces:
        if place_of(piece) == place and left > 0:
            if piece.data.count(b"\n") >= left:
                return piece.offset + len(b"\n".join(piece.data.split(b"\n")[:left])) + 1
            left -= piece.data.count(b"\n")
    return end if left else 0


def between(pieces: Iterable[LogPiece], begins: Mapping[Place, int], limits: Mapping[Place, int]) -> list[LogPiece]:
    """What of the pieces stands between two places of their streams."""
    found = []
    for piece in _held(pieces, limits):
        begin = max(begins.get(place_of(piece), 0), piece.offset)
        end = min(limits[place_of(piece)], end_of_piece(piece))
        if begin < end:
            data = piece.data[begin - piece.offset : end - piece.offset]
            left_out = end - begin if piece.left_out else 0
            found.append(LogPiece(piece.attempt, piece.stream, begin, data, piece.at, left_out))
    return found


def _held(pieces: Iterable[LogPiece], limits: Mapping[Place, int]) -> list[LogPiece]:
    return [piece for piece in pieces if place_of(piece) in limits]


def _from(pieces: Sequence[LogPiece], limits: Mapping[Place, int], cut: int, *, none: bool) -> dict[Place, int]:
    begins, at = dict(limits), 0
    if none:
        return begins
    shown = set()
    for piece in _held(pieces, limits):
        place, after = place_of(piece), at + len(piece.data)
        if place not in shown and (after > cut or (piece.left_out and at >= cut)):
            shown.add(place)
            begins[place] = piece.offset + max(0, cut - at)
        at = after
    return begins


def _line_start(before: Sequence[LogPiece], begin: int) -> int:
    for piece in reversed(before):
        if piece.left_out:
            return end_of_piece(piece)
        if b"\n" in piece.data:
            return piece.offset + piece.data.rindex(b"\n") + 1
    return 0 if before else begin
