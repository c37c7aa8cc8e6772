"""Many byte strings looked for at once: where they stand in a stretch of output, and where one may begin at its end.

A few are found one by one, those with a common core only where the core is found.  Where there are many, as
with a key of fifty lines, the output is looked at once, in words of eight bytes: whatever is longer than 14
bytes covers one of them wholly, and it is one of the eight that begin in its first eight bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

Span = tuple[int, int]

HEAD: Final = 4  # bytes: no needle is shorter
WORD: Final = 8
WHOLE: Final = 2 * WORD - 1  # bytes that cover a word wherever they stand
FEW: Final = 40  # groups: up to here they are found one by one
NEAR: Final = 256  # bytes at the end that are looked at place by place
STRIDE: Final = 4096  # bytes of a repetition that are compared at once
LARGEST: Final = 64  # bytes of a repetition that is followed in strides
_CORE: Final = re.compile(rb"[A-Za-z0-9]{8,}")  # what every way of quoting leaves alone


class Needles:
    """What is looked for; each at least four bytes long."""

    def __init__(self, needles: Iterable[bytes]) -> None:
        self.longest = 0
        self._periods: dict[bytes, int] = {}
        self._heads: dict[bytes, list[bytes]] = {}
        for needle in sorted(set(needles), key=len):
            self.longest = len(needle)
            self._periods[needle] = _period(needle)
            self._heads.setdefault(needle[:HEAD], []).append(needle)
        self._starts = {head[:length] for head in self._heads for length in range(1, HEAD)}
        self._far = [needle for needle in self._periods if len(needle) > NEAR]
        self._words: dict[int, list[tuple[int, bytes]]] = {}
        self._groups = _groups(self._periods) if len(self._periods) <= FEW * 4 else None
        if self._groups is None or len(self._groups) > FEW:
            self._sort_by_words()

    def spans(self, data: bytes) -> list[Span]:
        """Every stretch of `data` that is covered by a needle; those that overlap are one, those that touch are not."""
        found: list[Span] = []
        for core, kin in self._groups or ():
            first = data.find(core)
            for needle in kin if first >= 0 else ():
                found += self._places(data, needle, max(0, first + len(core) - len(needle)))
        if self._words:
            found += self._by_words(data)
        return united(found) if found else found

    def unsettled(self, data: bytes) -> int:
        """Where the longest end of `data` begins that is the beginning of a needle, but not all of it."""
        size = len(data)
        best = size
        for needle in self._far:
            best = min(best, _end_begins(data, needle, best))
        near = min(NEAR, self.longest - 1)
        for place in range(max(0, size - near), min(best, size - HEAD + 1)):
            kin = self._heads.get(data[place : place + HEAD])
            if kin and any(len(needle) > size - place and needle.startswith(data[place:]) for needle in kin):
                return place
        short = (place for place in range(max(0, size - HEAD + 1), best) if data[place:] in self._starts)
        return next(short, best)

    def _places(self, data: bytes, needle: bytes, start: int) -> Iterator[Span]:
        """Where a needle stands; what overlaps itself evenly is followed in strides."""
        place = data.find(needle, start)
        while place >= 0:
            end = self._run_end(data, needle, place + len(needle))
            yield place, end
            place = data.find(needle, end - len(needle) + 1)

    def _run_end(self, data: bytes, needle: bytes, end: int) -> int:
        period = self._periods[needle]
        if period == len(needle) or not data.startswith(needle[-period:], end):
            return end
        for step in (needle[-period:] * (1 + STRIDE // period), needle[-period:]):
            while data.startswith(step, end):
                end += len(step)
        return end

    def _sort_by_words(self) -> None:
        short = {needle: period for needle, period in self._periods.items() if len(needle) < WHOLE}
        self._groups = _groups(short) if len(short) <= FEW * 4 else [(needle, [needle]) for needle in short]
        for needle in self._periods:
            for back in range(WORD if len(needle) >= WHOLE else 0):
                word = memoryview(needle[back : back + WORD]).cast("Q")[0]
                self._words.setdefault(word, []).append((back, needle))

    def _by_words(self, data: bytes) -> Iterator[Span]:
        words = memoryview(data)[: len(data) // WORD * WORD].cast("Q")
        if self._words.keys().isdisjoint(words):
            return
        for number, word in enumerate(words):
            for back, needle in self._words.get(word, ()):
                place = number * WORD - back
                if place >= 0 and data.startswith(needle, place):
                    yield place, place + len(needle)


def united(spans: Iterable[Span]) -> list[Span]:
    """The same stretches, overlapping ones as one."""
    made: list[Span] = []
    for start, end in sorted(spans):
        if made and start < made[-1][1]:
            made[-1] = made[-1][0], max(end, made[-1][1])
        else:
            made.append((start, end))
    return made


def _period(needle: bytes) -> int:
    """The smallest distance at which two of it overlap, where it is a small one; else its length."""
    gaps = range(1, min(LARGEST, len(needle)))
    likely = (gap for gap in gaps if needle.startswith(needle[gap : gap + LARGEST]))
    return next((gap for gap in likely if needle.startswith(needle[gap:])), len(needle))


def _groups(needles: Iterable[bytes]) -> list[tuple[bytes, list[bytes]]]:
    """Needles that hold the same core, with that core; each of the others by itself."""
    made = []
    rest = sorted(needles, key=len)
    while rest:
        first = rest[0]
        core = max(_CORE.findall(first), key=len, default=first)
        kin = [needle for needle in rest if core in needle]
        made.append((core if len(kin) > 1 else first, kin))
        rest = [needle for needle in rest if core not in needle]
    return made


def _end_begins(data: bytes, needle: bytes, before: int) -> int:
    """Where in `data` a `needle` begins that goes on behind its end; `before` where none begins earlier."""
    head = needle[:HEAD]
    place = data.find(head, max(0, len(data) - len(needle) + 1), before + HEAD - 1)
    while place >= 0 and not needle.startswith(data[place:]):
        place = data.find(head, place + 1, before + HEAD - 1)
    return before if place < 0 else place
