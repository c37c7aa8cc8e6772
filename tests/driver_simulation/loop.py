"""A loop in virtual time that carries out what is ready in an order of its own, and can die between two steps."""

from __future__ import annotations

import asyncio
import math
import random
import selectors
from contextlib import suppress
from copy import copy
from datetime import timedelta
from typing import Any

from polysync.testing import SimClock
from tests.daemon.virtual import Stuck

BURIALS = 100  # rounds in which cancelled tasks must have come to an end


class Died(SystemExit):
    """The daemon was killed: asyncio lets this through at once, and no line of ours may catch it."""


class Gone(Exception):
    """Somebody who died long ago wants something of the world."""


class Breath:
    """Whether a daemon lives; everything in the world asks before it listens to one."""

    def __init__(self) -> None:
        self.alive = True
        self.buried = False

    def check(self) -> None:
        """Raise unless it lives."""
        if self.buried:
            raise Gone
        if not self.alive:
            raise Died

    def die(self) -> None:
        """Die here and now."""
        self.alive = False
        self.check()


class _Patient(selectors.SelectSelector):
    def __init__(self, clock: SimClock) -> None:
        super().__init__()
        self.clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck
        if timeout > 0:
            self.clock.advance(timedelta(microseconds=math.ceil(timeout * 1e6)))
        return []


class ShuffledLoop(asyncio.SelectorEventLoop):
    """Time passes when nobody is ready; who of the ready comes first is up to the dice."""

    def __init__(self, clock: SimClock, dice: random.Random, breath: Breath) -> None:
        self._patient = _Patient(clock)
        self._dice = dice
        self._breath = breath
        self.fuse: int | None = None  # turns until death, which comes somewhere between two steps
        self.complaints: list[str] = []
        super().__init__(self._patient)
        self.set_exception_handler(self._complain)

    def time(self) -> float:
        """The simulated monotonic time."""
        return self._patient.clock.read().monotonic.total_seconds()

    def _run_once(self) -> None:
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.fuse = None
                self.call_soon(self._breath.die)
        self._dice.shuffle(self._ready)  # type: ignore[attr-defined]  # the queue of what is ready has no public name
        super()._run_once()  # type: ignore[misc]  # nor has one turn of the loop

    def _complain(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.complaints.append(f"{context.get('message')}: {context.get('exception')!r}")

    def bury(self) -> None:
        """Take down what a dead daemon left; no time passes, and the world does not hear of it."""
        self._breath.alive, self._breath.buried = False, True
        self._patient.clock = copy(self._patient.clock)
        self.fuse = None
        self.set_exception_handler(lambda _loop, _context: None)
        for _ in range(BURIALS):
            left = asyncio.all_tasks(self)
            if not left:
                break
            for task in left:
                task.cancel()
            with suppress(RuntimeError):  # what the dead one's last word stops is begun again
                self.run_until_complete(asyncio.wait(left, timeout=0.001))
        self.close()
