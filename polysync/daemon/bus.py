"""What is published: to listeners inside, each with a bounded queue, and to the newest events that streams read."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final
from weakref import ref

from polysync.daemon.recent import Recent
from polysync.domain.effects import Publish

BOUND: Final = 1024  # events that wait for one listener


class Listener:
    """One reader of events, from the moment it was made; None stands where some were lost."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._waiting: deque[Publish] = deque()
        self._lost = False
        self._open = True
        self._changed = asyncio.Event()

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> Publish | None:
        while not self._waiting:
            if not self._open:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        if self._lost:
            self._lost = False
            return None
        return self._waiting.popleft()

    def hear(self, event: Publish) -> None:
        """Take an event, in the place of the oldest one if need be."""
        if len(self._waiting) >= self._bound:
            self._waiting.popleft()
            self._lost = True
        self._waiting.append(event)
        self._changed.set()

    def close(self) -> None:
        """Nothing more is published: end after what waits."""
        self._open = False
        self._changed.set()


class Bus:
    """Passes on what is published; a listener that nobody holds any more is forgotten by itself."""

    def __init__(self, epoch: int = 0) -> None:
        self.recent = Recent(epoch)
        self._open = True
        self._listeners: dict[int, ref[Listener]] = {}  # a set of weak references costs more to walk than to tell

    def publish(self, event: Publish) -> None:
        """Pass an event on, at once and without waiting for anybody."""
        self.recent.add(event)
        for known in tuple(self._listeners.values()):
            listener = known()
            if listener is not None:
                listener.hear(event)

    def listen(self, bound: int = BOUND) -> Listener:
        """A listener to everything from now on."""
        listener = Listener(bound)
        if self._open:
            number = id(listener)
            self._listeners[number] = ref(listener, lambda _: self._listeners.pop(number, None))
        else:
            listener.close()
        return listener

    def close(self) -> None:
        """The daemon goes: every listener comes to its end."""
        self._open = False
        self.recent.close()
        for known in tuple(self._listeners.values()):
            listener = known()
            if listener is not None:
                listener.close()
