"""Lines that are found, with those around them, each told once and in order: over any cut of a stream into chunks.

A line that is longer than what is kept of it is looked at in stretches that overlap, so that memory stays small.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final, NamedTuple

from polysync.store.line_matching import Matcher

LONGEST: Final = 1 << 20  # bytes of a line that are looked at together
OVERLAP: Final = 4 << 10  # more than a word has, so that none is missed where a long line is cut
REMEMBERED: Final = 1 << 20  # bytes of lines before, for context


class Line(NamedTuple):
    """A line that is to be told: one that was found, or one beside it."""

    number: int  # from 1, over what is kept
    offset: int  # in its stream
    data: bytes  # with its line end
    found: bool
    cut: bool  # only a part of a line


class Lines:
    """The lines of one stream as its chunks come."""

    def __init__(self, context: int, offset: int, number: int) -> None:
        self._context = context
        self._offset = offset  # of what waits for its line end
        self._number = number  # of the line that waits
        self._waiting = b""
        self._cut = False  # the beginning of what waits was looked at already
        self._before = b""  # the last lines that are over, not told yet, for context
        self._owed = 0  # lines of context still to be told

    def __copy__(self) -> Lines:
        """The same state, many times sooner than `copy` would come to it: one is made for each chunk."""
        made = Lines.__new__(Lines)
        made.__dict__.update(self.__dict__)
        return made

    @property
    def waits(self) -> bool:
        """Whether there is a line without its end."""
        return bool(self._waiting)

    def feed(self, offset: int, data: bytes, lines: int, matcher: Matcher) -> Iterator[Line]:
        """What is told because of one more chunk, which holds so many line ends."""
        if not self._waiting:
            self._offset = offset
        region = self._waiting + data if self._waiting else data
        end = region.rfind(b"\n") + 1 if lines else 0
        if end:
            whole = region if end == len(region) else region[:end]
            yield from self._over(whole, lines, matcher)
            region = region[end:]
        self._waiting = region
        if len(region) > LONGEST:
            yield from self._stretch(matcher)

    def flush(self, matcher: Matcher) -> Iterator[Line]:
        """What is told of a line that has no end."""
        if self._waiting:
            waiting, self._waiting = self._waiting, b""
            yield from self._over(waiting, 0, matcher)
        self._before, self._owed = b"", 0

    def _stretch(self, matcher: Matcher) -> Iterator[Line]:
        """Look at what there is of a long line, and keep as much as a match over the cut needs."""
        waiting = self._waiting
        for begin, end in matcher(waiting):
            yield Line(self._number, self._offset + begin, waiting[begin:end], found=True, cut=True)
            self._owed = self._context
        self._waiting = waiting[-OVERLAP:]
        self._offset += len(waiting) - len(self._waiting)
        self._cut = True
        self._before = b""

    def _over(self, region: bytes, lines: int, matcher: Matcher) -> Iterator[Line]:
        """Tell what is to be told of whole lines."""
        at, number = 0, self._number  # up to here lines were told or passed over
        for begin, end in matcher(region):
            following = number + region.count(b"\n", at, begin)
            if self._context:
                at += yield from self._after(region, at, begin, number)
                yield from self._leading(region[at:begin], begin, following)
            yield self._line(region, begin, end, following, found=True)
            at, number, self._owed, self._before = end, following + 1, self._context, b""
        if self._context:
            at += yield from self._after(region, at, len(region), number)
            self._before = _last_lines(self._before + region[at:], self._context)
        self._offset += len(region)
        self._number += lines
        self._cut = False

    def _after(self, region: bytes, at: int, limit: int, number: int) -> Generator[Line, None, int]:
        """The lines that are owed to what was found before; gives how many bytes they have."""
        begin = at
        while self._owed and at < limit:
            end = region.find(b"\n", at, limit) + 1 or limit
            yield self._line(region, at, end, number, found=False)
            at, number, self._before = end, number + 1, b""
            self._owed -= 1
        return at - begin

    def _leading(self, passed: bytes, begin: int, following: int) -> Iterator[Line]:
        """The lines before one that was found, which begins in its region there and has that number."""
        lead = _last_lines(self._before + passed, self._context)
        number, offset = following - lead.count(b"\n"), self._offset + begin - len(lead)
        for line in _split(lead):
            yield Line(number, offset, line, found=False, cut=False)
            number, offset = number + 1, offset + len(line)

    def _line(self, region: bytes, begin: int, end: int, number: int, *, found: bool) -> Line:
        return Line(number, self._offset + begin, region[begin:end], found, cut=self._cut and begin == 0)


def _last_lines(text: bytes, count: int) -> bytes:
    """The last lines of a text in which each has its end, as far as they are remembered."""
    at = len(text)
    lowest = max(0, at - REMEMBERED)
    for _ in range(count):
        above = text.rfind(b"\n", lowest, at - 1) + 1 if at > lowest else 0
        if not above:
            return text[at if lowest else 0 :]
        at = above
    return text[at:]


def _split(text: bytes) -> list[bytes]:
    return [line + b"\n" for line in text.split(b"\n")[:-1]]
