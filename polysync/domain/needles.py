"""Many byte strings looked for at once: where they stand in a stretch of output, and where one may begin at its end.

A few are found one by one, those with a common core only where the core is found.  Where there are many, as
with a key of fifty lines, the output is looked at once, word by word: whatever is longer than 14 bytes covers
one of its words of eight bytes wholly, and that is one of the eight which begin in its first eight bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from polysync.domain.scout import Scout

Span = tuple[int, int]

HEAD: Final = 4  # bytes: no needle is shorter
CROWD: Final = 4  # needles for each group of a tier: more are not even grouped
NEAR: Final = 256  # bytes at the end that are looked at place by place
STRIDE: Final = 4096  # bytes of a repetition that are compared at once
LARGEST: Final = 64  # bytes of a repetition that is followed in strides
_CORE: Final = re.compile(rb"[A-Za-z0-9]{8,}")  # what every way of quoting leaves alone


class Tier(NamedTuple):
    """How needles of a length are found where they are many."""

    least: int  # their length
    code: Literal["Q", "I"]  # of the words
    width: int  # of the words, in bytes
    shifts: int  # how often all words are looked at, each time one byte later
    few: int  # groups that are found one by one in less time


TIERS: Final = (Tier(15, "Q", 8, 1, 24), Tier(7, "I", 4, 1, 16), Tier(HEAD, "I", 4, 4, 48))


class Needles:
    """What is looked for; each at least four bytes long."""

    def __init__(self, needles: Iterable[bytes]) -> None:
        known = sorted(set(needles), key=len)
        self.longest = len(known[-1]) if known else 0
        self._heads: dict[bytes, list[bytes]] = {}
        for needle in known:
            self._heads.setdefault(needle[:HEAD], []).append(needle)
        self._starts = {head[:length] for head in self._heads for length in range(1, HEAD)}
        self._far = [needle for needle in known if len(needle) > NEAR]
        self._crowds: list[Crowd] = []
        few: list[bytes] = []
        for tier in TIERS:
            kin = [needle for needle in known if len(needle) >= tier.least]
            known = known[: len(known) - len(kin)]
            if len(kin) > CROWD * tier.few or len(_groups(kin)) > tier.few:
                self._crowds.append(Crowd(tier, kin))
            else:
                few += kin
        self._groups = _groups(few)
        self._scout = Scout([core for core, _ in self._groups])
        self._periods = {needle: _period(needle) for needle in few}

    def spans(self, data: bytes) -> list[Span]:
        """Every stretch of `data` that is covered by a needle; those that overlap are one, those that touch are not."""
        found: list[Span] = []
        for (core, kin), first in zip(self._groups, self._scout.firsts(data), strict=True):
            for needle in kin if first >= 0 else ():
                found += self._places(data, needle, max(0, first + len(core) - len(needle)))
        for crowd in self._crowds:
            found += crowd.places(data)
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


class Crowd:
    """Many needles of one tier, by the words that they cover wherever they stand."""

    def __init__(self, tier: Tier, needles: Iterable[bytes]) -> None:
        self._tier = tier
        self._by_word: dict[int, dict[Span, set[bytes]]] = {}  # and by how far before it they begin, and their length
        backs = range(tier.width if tier.shifts == 1 else 1)
        for needle in needles:
            for back in backs:
                word = memoryview(needle[back : back + tier.width]).cast(tier.code)[0]
                self._by_word.setdefault(word, {}).setdefault((back, len(needle)), set()).add(needle)

    def places(self, data: bytes) -> Iterator[Span]:
        """Where they stand."""
        code, width = self._tier.code, self._tier.width
        for shift in range(min(self._tier.shifts, len(data))):
            words = memoryview(data)[shift : len(data) - (len(data) - shift) % width].cast(code)
            if not self._by_word.keys().isdisjoint(words):
                hits = (number for number, word in enumerate(words) if word in self._by_word)
                for number in hits:
                    yield from self._around(data, shift + number * width, self._by_word[words[number]])

    def _around(self, data: bytes, word: int, shapes: dict[Span, set[bytes]]) -> Iterator[Span]:
        for (back, length), needles in shapes.items():
            start = word - back
            if start >= 0 and data[start : start + length] in needles:
                yield start, start + length


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
    """The smallest distance at which much of it overlaps with itself, where it is a small one; else its length."""
    half = needle[: len(needle) // 2][:LARGEST]
    gap = needle.find(half, 1, LARGEST + len(half))
    while gap > 0 and not needle.startswith(needle[gap:]):
        gap = needle.find(half, gap + 1, LARGEST + len(half))
    return gap if gap > 0 else len(needle)


def _groups(needles: list[bytes]) -> list[tuple[bytes, list[bytes]]]:
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
