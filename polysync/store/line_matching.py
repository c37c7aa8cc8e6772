"""Which lines of a stretch of output hold a pattern: words by the quickest way, the rest by regular expressions.

A stretch is looked at as a whole, and lines are only looked for around what was found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

Span = tuple[int, int]  # a line: where it begins, and where it ends with its line end
Matcher = Callable[[bytes], Iterator[Span]]

ACTIVE: Final = set("\\.^$*+?{}[]|()")  # in a pattern without them every character means itself
# What looks beyond the line, or forgets what it could also have been: such a pattern sees one line at a time.
ALONE: Final = re.compile(r"\(\?(?![:P])|\\[AZ]|[*+?}]\+")


def matcher(pattern: str, *, ignore_case: bool) -> Matcher:
    """The lines of a stretch that hold the pattern, first to last, each once."""
    literal = not ACTIVE & set(pattern)
    if literal and not (ignore_case and not pattern.isascii()):
        word = pattern.encode()
        return _words_in_any_case(word.lower()) if ignore_case else _words(word)
    compiled = re.compile(pattern, re.MULTILINE | (re.IGNORECASE if ignore_case else 0))
    return _one_by_one(compiled) if ALONE.search(pattern) else _expressions(compiled)


def alone(pattern: str, *, ignore_case: bool) -> Matcher:
    """The same by looking at every line by itself: slow, but no line can make another one slow."""
    return _one_by_one(re.compile(pattern, re.IGNORECASE if ignore_case else 0))


def _words(word: bytes) -> Matcher:
    def spans(region: bytes) -> Iterator[Span]:
        hit = region.find(word)
        while hit >= 0:
            begin, end = _line_at(region, hit)
            yield begin, end
            hit = region.find(word, end)

    return spans


def _words_in_any_case(word: bytes) -> Matcher:
    inner = _words(word)

    def spans(region: bytes) -> Iterator[Span]:
        return inner(region.lower())

    return spans


def _expressions(pattern: re.Pattern[str]) -> Matcher:
    """Searches across lines for speed; what reaches over a line end is looked at again within its first line."""

    def spans(region: bytes) -> Iterator[Span]:
        text = region.decode("utf-8", "surrogateescape")
        wide = len(text) != len(region)
        seen_text = seen_bytes = 0
        found = pattern.search(text)
        while found is not None:
            begin, end = _line_in(text, found.start())
            if begin == end:  # behind the last line end there is no line
                return
            if found.end() <= end - text.endswith("\n", begin, end) or pattern.search(
                text[begin:end].removesuffix("\n")
            ):
                first = seen_bytes + (_size(text[seen_text:begin]) if wide else begin - seen_text)
                last = first + (_size(text[begin:end]) if wide else end - begin)
                seen_text, seen_bytes = end, last
                yield first, last
            found = pattern.search(text, end) if end < len(text) else None

    return spans


def _one_by_one(pattern: re.Pattern[str]) -> Matcher:
    def spans(region: bytes) -> Iterator[Span]:
        begin = 0
        while begin < len(region):
            _, end = _line_at(region, begin)
            if pattern.search(region[begin:end].removesuffix(b"\n").decode("utf-8", "surrogateescape")):
                yield begin, end
            begin = end

    return spans


def _line_at(region: bytes, at: int) -> Span:
    return region.rfind(b"\n", 0, at) + 1, region.find(b"\n", at) + 1 or len(region)


def _line_in(text: str, at: int) -> Span:
    return text.rfind("\n", 0, at) + 1, text.find("\n", at) + 1 or len(text)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))
