"""When to look at what was told: while a burst is being decided seldom, and then at all of it.

Ends that are looked at start more work, which takes the processors away from deciding; a person who asks for
something is not kept waiting for that.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from polysync.daemon.inbox import BATCH

BLIND: Final = timedelta(seconds=2)  # the longest between two looks


class Haste:
    """Remembers the last look, and how much of what lay there then is still to be taken."""

    def __init__(self) -> None:
        self._looked = timedelta(0)
        self._left = 0

    def blind(self, now: timedelta, *, bursting: bool, asked: int, waiting: int) -> bool:
        """Whether the next beat is for the burst alone; `asked` of what is `waiting` are requests."""
        if not bursting:
            self._looked, self._left = now, 0
            return False
        if self._left <= 0 and now >= self._looked + BLIND:
            self._looked, self._left = now, waiting
        if self._left > 0:
            self._left -= BATCH
            return False
        return not asked
