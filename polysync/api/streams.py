"""How many streams one client has open: a bound, so that one of them cannot use up what all share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from polysync.api.refusal import Refused
from polysync.ports import Asker

MOST: Final = 1024  # for each client


class Streams:
    """The open streams by who asked for them."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._open: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    def check(self, asker: Asker) -> None:
        """Refuse who has as many as may be."""
        if self._open[_client(asker)] >= self._most:
            message = f"{asker.name} follows {self._most} streams already: close one, or let one follow for all"
            raise Refused(429, message, headers={"Retry-After": "5"})

    @contextmanager
    def open(self, asker: Asker) -> Iterator[None]:
        """Count a stream as long as it is open."""
        client = _client(asker)
        self._open[client] += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]


def _client(asker: Asker) -> tuple[str, str]:
    return asker.channel, asker.name
