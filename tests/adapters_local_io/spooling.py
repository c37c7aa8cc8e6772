"""A sink that remembers, and other parts that the tests of this room share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from polysync.domain.rows import Message

DEADLINE = 20.0


class Recorder:
    """A sink in memory; a gap in a stream is an error, as it is in the store."""

    def __init__(self, stored: Mapping[str, bytes] | None = None) -> None:
        self.kept = {"out": b"", "err": b"", **(stored or {})}
        self.live: list[tuple[str, int, bytes]] = []
        self.chunks: list[int] = []
        self.left_out: list[tuple[str, int, int]] = []
        self.policy: Callable[[int], tuple[int, int]] = lambda _waiting: (0, 0)
        self.asked = 0
        self.secrets: list[str] = []
        self.reports: list[tuple[tuple[int, str] | None, dict[str, Any], list[str]]] = []

    async def stored(self, stream: str) -> int:
        self.asked += 1
        return len(self.kept[stream])

    async def write(self, stream: str, offset: int, chunk: bytes) -> int:
        assert offset == len(self.kept[stream]), "a gap, or a repeat"
        self.kept[stream] += chunk
        self.chunks.append(len(chunk))
        return len(self.kept[stream])

    async def leave_out(self, stream: str, offset: int, length: int) -> int:
        assert offset == len(self.kept[stream]), "a gap, or a repeat"
        self.kept[stream] += b"." * length
        self.left_out.append((stream, offset, length))
        return len(self.kept[stream])

    def excess(self, stream: str, waiting: int) -> tuple[int, int]:
        del stream
        return self.policy(waiting)

    async def report(
        self,
        *,
        progress: tuple[int, str] | None = None,
        outputs: Mapping[str, Any] | None = None,
        messages: Sequence[Message] = (),
        secrets: Sequence[str] = (),
    ) -> None:
        self.reports.append((progress, dict(outputs or {}), [message.text for message in messages]))
        self.secrets += secrets

    def seen(self, stream: str, offset: int, data: bytes) -> None:
        self.live.append((stream, offset, data))


async def until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds; fail when it does not come to hold."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await breath()


async def breath(seconds: float = 0.005) -> None:
    """Let others go on for a moment."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    await over.wait()


def spawn(work: Any) -> asyncio.Task[Any]:
    """Run this beside the test."""
    return asyncio.create_task(work)
