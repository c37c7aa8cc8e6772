"""Text from files, programs and other people, made harmless for a terminal: what could act is shown instead.

A control character becomes its picture (`␛`), so a whole escape sequence stays readable and does nothing;
what has no picture and no width, or turns the direction of writing, becomes `<U+202E>`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

PICTURES: Final = 0x2400  # the block of pictures starts with the one of NUL
DELETE: Final = 0x7F
LINE_BREAKS: Final = frozenset("\n\t")  # what `lines=True` leaves alone

# Printable to Python, but nothing to the eye: joiners, fillers, selectors and blanks in the letters' clothes.
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
)


def safe_text(text: str, *, lines: bool = False) -> str:
    """`text` with everything visible and nothing active; `lines` keeps line feeds and tabs. Idempotent."""
    if text.isprintable() and _UNSEEN.search(text) is None:
        return text
    kept = LINE_BREAKS if lines else frozenset[str]()
    return "".join(char if char in kept else _shown(char) for char in text)


@lru_cache(maxsize=512)
def _shown(char: str) -> str:
    """What stands for one character: itself where it is harmless."""
    code = ord(char)
    if code < ord(" "):
        return chr(PICTURES + code)
    if code == DELETE:
        return "␡"
    if char.isspace() and char.isprintable() is False and code not in {0x85, 0x2028, 0x2029}:
        return " "  # a no-break or wide space: harmless, but it should look like what it is
    if char.isprintable() and _UNSEEN.match(char) is None:
        return char
    return f"<U+{code:04X}>"
