"""Giving folders back: whatever is asked for in one turn of the loop is done by one job of one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from polysync.adapters.local.handles import Mark
from polysync.adapters.local.threads import Threads
from polysync.ports import PortError

Outcome = PortError | None


class Leaving:
    """Attempts whose folders go; `remove` is called in a thread."""

    def __init__(self, threads: Threads, remove: Callable[[Mark], None]) -> None:
        self._threads = threads
        self._remove = remove
        self._waiting: list[tuple[Mark, asyncio.Future[None]]] = []

    def add(self, mark: Mark) -> asyncio.Future[None]:
        """Have a folder removed; the future tells when it is gone, or why it is not."""
        loop = asyncio.get_running_loop()
        gone: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._send)
        self._waiting.append((mark, gone))
        return gone

    def _send(self) -> None:
        leaving, self._waiting = self._waiting, []
        waiting = [gone for _, gone in leaving]
        removed = self._threads.call(partial(self._remove_all, [mark for mark, _ in leaving]))
        removed.add_done_callback(partial(_tell, waiting))

    def _remove_all(self, marks: Sequence[Mark]) -> list[Outcome]:
        return [self._removed(mark) for mark in marks]

    def _removed(self, mark: Mark) -> Outcome:
        try:
            self._remove(mark)
        except PortError as error:
            return error
        return None


def _tell(waiting: Sequence[asyncio.Future[None]], removed: asyncio.Future[list[Outcome]]) -> None:
    bug = None if removed.cancelled() else removed.exception()
    outcomes = [bug] * len(waiting) if removed.cancelled() or bug is not None else removed.result()
    for gone, error in zip(waiting, outcomes, strict=True):
        if gone.done():  # nobody waits any more
            continue
        if error is None:
            gone.set_result(None)
        else:
            gone.set_exception(error)
