"""One chunk of an attempt on its way into the store, while the next one is read."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Storing:
    """What is under way, of both streams of an attempt at most one chunk: how much is kept counts both."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def over(self) -> None:
        """Wait until nothing is under way; what went wrong with it is raised here."""
        if self._task is not None:
            task, self._task = self._task, None
            await task

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done meanwhile; nothing else is under way."""
        self._task = spawn(work)

    async def give_up(self) -> None:
        """Break off what is under way, and wait until it has let go."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.wait([task])


def spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task of which somebody who gives up may leave the error unread."""
    task = asyncio.create_task(work, name="storing output")
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task
