"""One stream on its way into the log: taken in once, masked, and held until it is stored.

After output was passed over unread, what follows may be the end of a secret that began before: it is starred
up to the end of its line, or as far as the longest secret reaches.
"""

from __future__ import annotations

from polysync.domain.errors import PolysyncError
from polysync.domain.masking import Masks, Veil


class OutputGap(PolysyncError):
    """Output was handed over that does not follow what came before it: a bug in an adapter."""


class Lane:
    """Output of one stream between its adapter and the store; offsets are those of the stream."""

    def __init__(self, begin: int, masks: Masks) -> None:
        self.taken = begin  # up to where output was handed over
        self.offset = begin  # of the first byte that is ready
        self._ready: list[bytes] = []
        self._veil = Veil(masks)
        self._masks = masks
        self._ragged = 0  # bytes that may belong to a secret of which the beginning is not known

    def wear(self, masks: Masks) -> None:
        """Other masks hold for what is not ready yet."""
        self._masks = masks
        self._veil.wear(masks)

    def take(self, offset: int, data: bytes) -> bytes:
        """Take what is new of `data`; what comes back is what became ready, and it stands right after the rest."""
        if offset > self.taken:
            raise OutputGap(f"output continues at {offset}, but was told up to {self.taken}")
        data = data[self.taken - offset :]
        self.taken += len(data)
        ready = self._veil.feed(self._without_beginning(data) if self._ragged else data)
        if ready:
            self._ready.append(ready)
        return ready

    @property
    def ready_upto(self) -> int:
        """Where the ready bytes end."""
        return self.offset + sum(map(len, self._ready))

    def hand_over(self) -> bytes:
        """The bytes that are ready; they are somebody else's from here on."""
        data = b"".join(self._ready)
        self.offset += len(data)
        self._ready.clear()
        return data

    def flush(self) -> None:
        """Nothing more comes: what is held back is ready."""
        self._ready.append(self._veil.flush())

    def pass_over(self, upto: int) -> int:
        """What is not ready, up to there, is not looked at: how many bytes; all that was ready was handed over."""
        length = max(0, upto - self.offset)
        self.taken = self.offset = self.offset + length
        self._veil = Veil(self._masks)
        self._ragged = self._masks.needles.longest if self._masks else 0
        return length

    def _without_beginning(self, data: bytes) -> bytes:
        end = data.find(b"\n", 0, self._ragged)
        stars = min(len(data), self._ragged) if end < 0 else end
        self._ragged = 0 if end >= 0 else self._ragged - stars
        return b"*" * stars + data[stars:]
