"""Where many texts first stand in a large stretch of output: most of them hold a byte that hardly occurs in it.

To look for one byte takes a tenth of the time of looking for a text, and one byte stands for all texts that hold it.
Which bytes are rare is learnt from the output itself, and learnt anew where that changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

LARGE: Final = 32 << 10  # bytes of output: in less, nothing is gained
SHARE: Final = 1 << 13  # of so many bytes at most one may be a sign
LONGEST_WAIT: Final = 64  # stretches from one lesson to the next, where signs keep changing


class Scout:
    """Looks for the same texts in one stretch after the other."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._texts = texts
        self._signs: dict[bytes, bytes] = {}  # by text: a byte of it that was rare
        self._wait = self._pause = 0  # stretches until the next lesson

    def firsts(self, data: bytes) -> list[int]:
        """Where each text first stands in `data`, or -1; in their order."""
        if len(data) < LARGE:
            return list(map(data.find, self._texts))
        places = self._looked_for(data, set(self._signs.values()))
        if not self._signs or len(places) < len(set(self._signs.values())):
            places = self._learn(data, places)
        return [self._first(data, text, places) for text in self._texts]

    def _first(self, data: bytes, text: bytes, places: dict[bytes, list[int]]) -> int:
        sign = self._signs.get(text, b"")
        if sign not in places:
            return data.find(text)
        back = text.index(sign)
        starts = (place - back for place in places[sign])
        return next((start for start in starts if start >= 0 and data.startswith(text, start)), -1)

    def _looked_for(self, data: bytes, signs: Iterable[bytes]) -> dict[bytes, list[int]]:
        """Where these bytes stand; without those that are not rare."""
        most = len(data) // SHARE
        found = {sign: _places(data, sign, most) for sign in signs}
        return {sign: places for sign, places in found.items() if len(places) <= most}

    def _learn(self, data: bytes, places: dict[bytes, list[int]]) -> dict[bytes, list[int]]:
        """Choose signs anew, unless that was done a moment ago."""
        if self._wait:
            self._wait -= 1
            return places
        self._wait = self._pause = min(LONGEST_WAIT, 2 * self._pause + 1)
        known = {bytes((code,)) for text in self._texts for code in text}
        places = self._looked_for(data, known)
        self._signs = {}
        left = set(self._texts)
        while left:
            count, sign = max(((sum(one in text for text in left), one) for one in places), default=(0, b""))
            if not count:
                break
            covered = {text for text in left if sign in text}
            self._signs |= dict.fromkeys(covered, sign)
            left -= covered
        return {sign: places[sign] for sign in set(self._signs.values())}


def _places(data: bytes, sign: bytes, most: int) -> list[int]:
    """Where a byte stands, or the first places of it where they are more than `most`."""
    places: list[int] = []
    place = data.find(sign)
    while place >= 0 and len(places) <= most:
        places.append(place)
        place = data.find(sign, place + 1)
    return places
