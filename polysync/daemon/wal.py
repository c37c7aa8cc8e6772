"""The write-ahead log of one database: cut when it is large or nobody writes, and watched for readers that hold it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from polysync.clock import Clock
from polysync.store.database import Schema
from polysync.store.upkeep import Carried, checkpoint, log_of, size_of

SMALL: Final = 1 << 20  # bytes: not worth a look


class Wal:
    """Watches over one write-ahead log."""

    def __init__(
        self, database: Path, schema: Schema, apart: Callable[[Any], Awaitable[Carried]], clock: Clock
    ) -> None:
        self.database = database
        self.held_since: timedelta | None = None  # monotonic: a reader has held a snapshot since then, or longer
        self._file = log_of(database)
        self._large = 2 * schema.checkpoint_pages * schema.page_size  # twice what it is carried over at by itself
        self._apart = apart
        self._clock = clock
        self._last = (0, 0)

    @property
    def size(self) -> int:
        """Its bytes."""
        return size_of(self._file)

    async def look(self) -> None:
        """Cut it where that is due and nobody reads; else note since when somebody does."""
        size, last = self.size, self._last
        self._last = size, self._changed()
        if size <= SMALL:
            self.held_since = None
        elif size > self._large or self._last == last:
            carried = await self._apart(checkpoint)
            now = self._clock.read().monotonic
            self.held_since = (self.held_since or now) if carried.held else None
            self._last = self.size, self._changed()

    def _changed(self) -> int:
        try:
            return self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return 0
