"""What is refused again and again: put down one by one up to a bound, and then counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from polysync.daemon.inbox import Denied

WINDOW: Final = 60.0  # seconds
EACH: Final = 20  # rows of one asker in a window
ASKERS: Final = 1_000  # that are counted apart
Later = Callable[[float, Callable[[], None]], object]


class Refusals:
    """Hands on what was refused; beyond the bound, one row at the end of the window says how many more there were."""

    def __init__(self, put: Callable[[Denied], None], later: Later) -> None:
        self.total = 0  # since the daemon is there
        self._put = put
        self._later = later
        self._waiting = False
        self._told: Counter[tuple[str, str]] = Counter()
        self._more: dict[tuple[str, str], tuple[int, Denied]] = {}

    def add(self, denied: Denied) -> None:
        """Something was refused."""
        self.total += 1
        who = denied.asker.name, denied.asker.channel
        if who not in self._told and len(self._told) >= ASKERS:
            who = "", denied.asker.channel
        if not self._waiting:
            self._waiting = True
            self._later(WINDOW, self.settle)
        self._told[who] += 1
        if self._told[who] <= EACH:
            self._put(denied)
        else:
            self._more[who] = self._more.get(who, (0, denied))[0] + 1, denied

    def settle(self) -> None:
        """The window is over, or the daemon ends: put down what was only counted."""
        self._waiting = False
        more, self._more = self._more, {}
        self._told.clear()
        for times, newest in more.values():
            self._put(replace(newest, detail={**newest.detail, "times": times}))
