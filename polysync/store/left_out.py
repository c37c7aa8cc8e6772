"""Output that was put out and is not kept: rows without data, which say where it stood and how long it was.

So the rows of a stream cover it from its first byte to its end, whatever of it is kept.  Neighbours are one row;
it has the largest number of what it is made of, and whoever reads on behind a number comes upon it again.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final, NamedTuple

from polysync.store.lines import sealed
from polysync.store.packing import Codec
from polysync.store.sql import statements

ROWS: Final = 256  # that one transaction drops at most: others wait for it
_SQL: Final = statements("logs")

Place = tuple[int, int, int]  # run, attempt, stream


class Size(NamedTuple):
    """The output of one attempt, both streams together."""

    kept: int
    left_out: int


@dataclass(slots=True)
class Hole:
    """A stretch of one stream that is not kept."""

    place: Place
    begin: int
    end: int
    number: int
    lines: int
    at: int


def note_hole(connection: sqlite3.Connection, hole: Hole) -> None:
    """Put a row where nothing else stands, together with its neighbours of the same kind."""
    for neighbour in connection.execute(_SQL["neighbours"], (*hole.place, hole.begin, hole.end)).fetchall():
        number, offset, length, lines, at, codec = neighbour
        if codec == Codec.LEFT_OUT:
            connection.execute(_SQL["remove"], (number,))
            hole.begin, hole.end = min(hole.begin, offset), max(hole.end, offset + length)
            hole.number, hole.lines, hole.at = max(hole.number, number), hole.lines + lines, max(hole.at, at)
    values = (hole.begin, hole.end - hole.begin, hole.lines, hole.at, int(Codec.LEFT_OUT), 0)
    connection.execute(_SQL["insert"], (*sealed(hole.number, *hole.place, *values), b""))


def drop_some(connection: sqlite3.Connection, run_id: int, wanted: int) -> dict[int, int]:
    """Drop the oldest output of a run, whole pieces until so many bytes went or it was enough for one step.

    What comes back is how many bytes went, by attempt; nothing where nothing is kept.
    """
    dropped: dict[int, int] = {}
    holes: dict[Place, Hole] = {}
    for row in connection.execute(_SQL["oldest"], (run_id, ROWS)).fetchall():
        if sum(dropped.values()) >= wanted:
            break
        number, attempt, stream, offset, length, at = row
        dropped[attempt] = dropped.get(attempt, 0) + length
        place = (run_id, attempt, stream)
        hole = holes.setdefault(place, Hole(place, offset, offset, number, 0, at))
        hole.end, hole.number, hole.at = offset + length, number, at
    for hole in holes.values():
        within = (*hole.place, hole.begin, hole.end)
        (hole.lines,) = connection.execute(_SQL["lines_within"], within).fetchone()
        connection.execute(_SQL["remove_within"], within)
        note_hole(connection, hole)
    return dropped
