"""How often something may happen, counted per name: buckets that fill up with time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MOST: Final = 4096  # names that are remembered; the one that was heard of longest ago is forgotten first


@dataclass(frozen=True, slots=True)
class Pace:
    """So many at once, and then so many a second."""

    at_once: int
    a_second: float


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Paces:
    """One bucket for each name; a name that is not remembered has a full one."""

    def __init__(self, pace: Pace, now: Callable[[], float], most: int = MOST) -> None:
        self._pace = pace
        self._now = now
        self._most = most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, name: str) -> float:
        """Take one of a name: 0 where there was one left, else the seconds until there will be."""
        bucket = self._filled(name)
        if bucket.left >= 1:
            bucket.left -= 1
            return 0.0
        return self._patience(bucket)

    def wait(self, name: str) -> float:
        """The seconds until there is one of a name; nothing is taken."""
        return self._patience(self._filled(name)) if name in self._buckets else 0.0

    def _patience(self, bucket: _Bucket) -> float:
        return max(0.0, 1 - bucket.left) / self._pace.a_second

    def _filled(self, name: str) -> _Bucket:
        now = self._now()
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(self._pace.at_once, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        bucket.left = min(self._pace.at_once, bucket.left + (now - bucket.at) * self._pace.a_second)
        bucket.at = now
        self._buckets.move_to_end(name)
        return bucket
