"""The newest events, numbered and as they go out: whoever follows reads on from a number, and nobody has a queue.

A number is never given twice in the life of a home: each life of the daemon begins at a place of its own.
An event is encoded once, whoever reads it.  Both bounds together keep this below two megabytes.
"""

from __future__ import annotations

from typing import Final

from polysync.api.event_shape import Told, told_of
from polysync.daemon.bell import Bell
from polysync.domain.effects import Publish

LIFE: Final = 10_000_000_000  # numbers for each life of the daemon; a million lives fit what JavaScript counts exactly
COUNT: Final = 4096
SIZE: Final = 1 << 20  # bytes


class Recent:
    """The newest events of this life."""

    def __init__(self, epoch: int = 0, *, count: int = COUNT, size: int = SIZE) -> None:
        self.first = epoch * LIFE + 1  # that this life gives
        self.newest = self.first - 1
        self.oldest = self.first  # that is still known
        self._places: list[Told | None] = [None] * count  # an event stands at its number modulo their count
        self._size = 0
        self._room = size
        self._open = True
        self._bell = Bell()

    def add(self, event: Publish) -> None:
        """Number an event, and keep it in the place of older ones."""
        self.newest += 1
        told = told_of(self.newest, event)
        if self.newest - self.oldest == len(self._places):
            self._forget()
        self._places[self.newest % len(self._places)] = told
        self._size += len(told.line)
        while self._size > self._room and self.oldest < self.newest:
            self._forget()
        self._bell.ring()

    def after(self, number: int, limit: int) -> list[Told]:
        """So many events that are known, oldest first, from the one behind that number on."""
        begin = max(number + 1, self.oldest)
        end = min(begin + limit, self.newest + 1)
        places = self._places
        return [told for at in range(begin, end) if (told := places[at % len(places)]) is not None]

    async def wait(self, number: int) -> bool:
        """Wait until there are events behind that number; false: there will be none."""
        while self.newest <= number:
            if not self._open:
                return False
            await self._bell.wait()
        return True

    def close(self) -> None:
        """The daemon goes: whoever has read everything comes to the end."""
        self._open = False
        self._bell.ring()

    def _forget(self) -> None:
        place = self.oldest % len(self._places)
        told = self._places[place]
        self._size -= len(told.line) if told is not None else 0
        self._places[place] = None
        self.oldest += 1
