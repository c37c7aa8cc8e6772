"""Where in a log to begin: by lines, bytes or time, found in the index and never by reading what is not shown.

Everything here asks one connection in short statements; the bytes of a chunk are read only where a line begins
inside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from typing import Any, Final, NamedTuple
from zlib import crc32

from polysync.store.errors import StorageBroken
from polysync.store.logs import STREAMS, end_of
from polysync.store.packing import Packer
from polysync.store.sql import statements

_SQL: Final = statements("log_reading")
LEFT_OUT: Final = 3  # the codec of output that was not kept
PAGE: Final = 64  # marks that are read at once
FURTHEST: Final = 64  # chunks without a line end that are walked over to find where a line begins

Place = tuple[int, str]  # attempt and stream
Places = Mapping[Place, int]  # an offset in each of them


class Mark(NamedTuple):
    """A chunk without its bytes."""

    id: int
    place: Place
    offset: int
    length: int
    lines: int
    at: int
    kept: bool

    @property
    def end(self) -> int:
        """Where it ends in its stream."""
        return self.offset + self.length


class Marks:
    """The chunks of one run."""

    def __init__(self, connection: sqlite3.Connection, packer: Packer, run_id: int) -> None:
        self._connection = connection
        self._packer = packer
        self._run_id = run_id

    def ends(self) -> dict[Place, int]:
        """Where each stream of each attempt ends."""
        attempts = [attempt for (attempt,) in self._rows("attempts", self._run_id)]
        places = [(attempt, stream) for attempt in attempts for stream in STREAMS]
        rows = {place: self._rows("end", *self._key(place)) for place in places}
        return {place: int(found[0][0]) for place, found in rows.items() if found}

    def first(self, begins: Places, ends: Places) -> int | None:
        """The number of the first chunk that holds anything between begins and ends, as they were stored."""
        wanted = [(place, begins.get(place, 0)) for place, end in ends.items() if begins.get(place, 0) < end]
        marks = [mark for place, begin in wanted for mark in self._back(place, begin + 1, 1)]
        return min((mark.id for mark in marks), default=None)

    def told(self, begins: Places) -> int:
        """The number of the newest chunk up to which nothing stands behind these beginnings."""
        first = self.first(begins, self.ends())
        return int(self._rows("newest_of_run", self._run_id)[0][0]) if first is None else first - 1

    def last_lines(self, ends: Places, count: int) -> dict[Place, int]:
        """Where the last lines of these streams begin, in the order in which they were stored."""
        begins, left, unlooked = dict(ends), count, True
        for mark in self._newest_first(ends) if count else ():
            begins[mark.place] = mark.offset
            if not mark.kept:
                continue
            if unlooked:  # what has no line end yet is a line too
                left -= not self._data(mark).endswith(b"\n")
                unlooked = False
            if mark.lines > left:
                begins[mark.place] += after_line(self._data(mark), mark.lines - left, mark.lines)
                break
            left -= mark.lines
        return begins

    def last_bytes(self, ends: Places, count: int) -> dict[Place, int]:
        """Where the last bytes of these streams begin, in the order in which they were stored."""
        begins, left = dict(ends), count
        for mark in self._newest_first(ends) if count else ():
            begins[mark.place] = mark.offset
            if not mark.kept:
                continue
            if mark.length > left:
                begins[mark.place] = mark.end - left
                break
            left -= mark.length
        return begins

    def since(self, ends: Places, at: int) -> dict[Place, int]:
        """Where each stream goes on from the first line that came, or was completed, at that time (µs) or later."""
        return {place: self._line_around(place, self._first_since(place, end, at), end) for place, end in ends.items()}

    def line(self, place: Place, number: int, end: int) -> int:
        """Where the line of that number begins, counted from 1 over what is kept; the end where there are fewer."""
        if number <= 1:
            return 0
        found = self._rows("line", *self._key(place), number - 1)
        if not found:
            return end
        offset, before = found[0]
        (mark,) = self._back(place, offset + 1, 1)
        return int(offset) + after_line(self._data(mark), number - 1 - before, mark.lines)

    def lines_before(self, place: Place, offset: int) -> int:
        """How many line ends are kept before the chunk that begins there."""
        return int(self._rows("lines_before", *self._key(place), offset)[0][0])

    def _newest_first(self, ends: Places) -> Iterator[Mark]:
        """The marks of all these streams, the one that was stored last first."""
        return merge(*(self._walk(place, end) for place, end in ends.items()), key=_by_age)

    def _walk(self, place: Place, end: int) -> Iterator[Mark]:
        while page := self._back(place, end, PAGE):
            yield from page
            end = page[-1].offset

    def _back(self, place: Place, below: int, limit: int) -> list[Mark]:
        """The last chunks that begin below an offset, the last one first."""
        rows = self._rows("back", *self._key(place), below, limit)
        return [
            Mark(number, place, offset, length, lines, at, codec != LEFT_OUT)
            for number, offset, length, lines, at, codec in rows
        ]

    def _first_since(self, place: Place, end: int, at: int) -> int:
        low, high = 0, end
        while low < high:
            (mark,) = self._back(place, (low + high) // 2 + 1, 1)
            low, high = (low, mark.offset) if mark.at >= at else (mark.end, high)
        return min(low, end)

    def _line_around(self, place: Place, offset: int, end: int) -> int:
        """Where the line begins that holds the offset; the offset itself where that is too far to look."""
        if offset >= end:
            return end
        for mark in self._back(place, offset, FURTHEST):
            if not mark.kept:
                return mark.end
            if mark.lines:
                return mark.offset + self._data(mark).rfind(b"\n") + 1
            if mark.offset == 0:
                return 0
        return offset

    def _data(self, mark: Mark) -> bytes:
        return unpacked(self._packer, self._rows("one", mark.id)[0])

    def _key(self, place: Place) -> tuple[int, int, int]:
        return self._run_id, place[0], STREAMS.index(place[1])

    def _rows(self, name: str, *values: int) -> list[Any]:
        return self._connection.execute(_SQL[name], values).fetchall()


def unpacked(packer: Packer, row: Sequence[Any]) -> bytes:
    """The bytes of a stored chunk, none of one that was left out; damaged ones raise `StorageBroken`."""
    end_of(row)
    codec, digest, _, data = row[-4:]
    if codec == LEFT_OUT:
        return b""
    if crc32(data) != digest:
        raise StorageBroken("a stored piece of output is damaged: its checksum does not fit")
    return packer.unpack(codec, data)


def after_line(data: bytes, number: int, lines: int) -> int:
    """Where the line after the line end of that number begins, in data that has so many line ends."""
    if number <= 0:
        return 0
    at = -1
    if number <= lines // 2:
        for _ in range(number):
            at = data.index(b"\n", at + 1)
        return at + 1
    at = len(data)
    for _ in range(lines - number + 1):
        at = data.rindex(b"\n", 0, at)
    return at + 1


def _by_age(mark: Mark) -> int:
    return -mark.id
