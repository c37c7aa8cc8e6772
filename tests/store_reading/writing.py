"""A process that stores output until it is killed: `writing.py <logs.db>`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from polysync.store.logs import LogBook

PIECE = 50_000


async def write(path: Path) -> None:
    """Store the text of the tests piece by piece."""
    text = b"".join(b"%06d a line of output that says nothing new\n" % number for number in range(40_000))
    book = await LogBook.open(path)
    for offset in range(0, len(text), PIECE):
        await book.append(1, 1, "out", offset, text[offset : offset + PIECE], datetime(2026, 6, 10, tzinfo=UTC))
    await book.close()


asyncio.run(write(Path(sys.argv[1])))
