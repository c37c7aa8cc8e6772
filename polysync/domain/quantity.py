"""Lengths of time and numbers of bytes, as people write them: `1h30m`, `500ms`, `1.5gb`."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import Final

from polysync.domain.errors import ValueProblem

MICROSECONDS: Final = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
BYTES: Final = {"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40}
LONGEST: Final = timedelta(days=36_525)  # a century: beyond it date arithmetic overflows

_SPAN_PART = re.compile(r"(\d{1,15})(us|ms|s|m|h|d|w)", re.ASCII)
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*([kmgt]?b)", re.ASCII | re.IGNORECASE)


@lru_cache(maxsize=1024)
def parse_span(text: str) -> timedelta:
    """The length that `text` names, such as `90s`, `1h30m` or `2w`."""
    total, end = 0, 0
    for part in _SPAN_PART.finditer(text):
        if part.start() != end:
            break
        total += int(part[1]) * MICROSECONDS[part[2]]
        end = part.end()
    if not text or end != len(text):
        hint = f'write "{text}s"' if text.isascii() and text.isdigit() else 'write it like "30s", "5m" or "1h30m"'
        raise ValueProblem("not a duration", hint, end)
    if total > LONGEST // timedelta(microseconds=1):
        raise ValueProblem("longer than a century", 'write a shorter one, at most "36525d"')
    return timedelta(microseconds=total)


def format_span(span: timedelta) -> str:
    """`span` as it would be written in the file, largest units first and without loss."""
    rest = span // timedelta(microseconds=1)
    if rest == 0:
        return "0s"
    sign, rest = ("-", -rest) if rest < 0 else ("", rest)
    parts = []
    for unit in ("d", "h", "m", "s", "ms", "us"):
        count, rest = divmod(rest, MICROSECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return sign + "".join(parts)


def parse_size(text: str) -> int:
    """The number of bytes that `text` names, such as `100mb` or `1.5GB`; units are 1024-based."""
    found = _SIZE.fullmatch(text)
    if found is None:
        hint = f'write "{text}b"' if text.isascii() and text.isdigit() else 'write it like "500kb", "100mb" or "1.5gb"'
        raise ValueProblem("not a size", hint)
    whole, _, fraction = found[1].partition(".")
    unit = BYTES[found[2].lower()]
    parts: int = 10 ** len(fraction)
    return int(whole) * unit + int(fraction or "0") * unit // parts


def format_size(size: int) -> str:
    """`size` in the largest unit that holds it without loss."""
    for unit in ("tb", "gb", "mb", "kb"):
        if size and size % BYTES[unit] == 0:
            return f"{size // BYTES[unit]}{unit}"
    return f"{size}b"
