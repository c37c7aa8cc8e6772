"""One look for all who ask for the same at once.

Whoever comes while a look is under way waits for the next one, which begins after that: nobody is told less than
what was stored when they asked, and a crowd costs one look after the other instead of one for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Batch:
    """Those who are told the same."""

    told: bytes | None = None


@dataclass(slots=True)
class _Turn:
    """The looks for one question."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    coming: _Batch | None = None  # its look has not begun
    callers: int = 0


class Sharing:
    """Answers that are shared by those who ask at once; none is kept beyond that."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    def __len__(self) -> int:
        return len(self._turns)

    async def of(self, question: str, look: Callable[[], Awaitable[bytes]]) -> bytes:
        """The answer of a look that began after the call; where that look fails or is given up, the next one looks."""
        turn = self._turns.setdefault(question, _Turn())
        turn.callers += 1
        batch = turn.coming = turn.coming or _Batch()
        try:
            async with turn.lock:
                if batch.told is None:
                    turn.coming = None if turn.coming is batch else turn.coming
                    batch.told = await look()
                return batch.told
        finally:
            turn.callers -= 1
            if not turn.callers:
                del self._turns[question]
