"""Output as a terminal may see it: its colours stay, whatever else could act is shown.

Only the sequences that choose colours and weights are kept, and of these none that hides text.  Each piece of text
ends in the terminal's own colour, and the next piece of the same stream goes on with its own.
"""

from __future__ import annotations

import re
from typing import Final

from polysync.domain.safe_text import safe_text

SEQUENCE: Final = re.compile(r"\x1b\[([0-9;:]{0,64})m|\x1b\[[0-2]?K")  # a colour; or what wipes a line for progress
RESET: Final = "\x1b[0m"
MOST: Final = 16  # choices that add up; whoever makes more of them has overwritten the first
EXTENDED: Final = {"38", "48", "58"}  # a colour by number or by its parts follows
CONCEAL: Final = {"8", "08"}


class Colours:
    """One stream of text; `keep` says whether its colours are wanted."""

    __slots__ = ("_active", "_keep")

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self._active: list[str] = []

    def show(self, text: str) -> str:
        """The text with nothing in it that acts, in the colours that its stream has chosen."""
        if "\x1b" not in text and not self._active:
            return safe_text(text, lines=True)
        parts, at = list(self._active), 0
        for found in SEQUENCE.finditer(text):
            parts += [safe_text(text[at : found.start()], lines=True), self._chosen(found)]
            at = found.end()
        parts.append(safe_text(text[at:], lines=True))
        return "".join(parts) + (RESET if self._active else "")

    def _chosen(self, found: re.Match[str]) -> str:
        """What goes out for a sequence; it holds for what follows."""
        if found[1] is None:
            return ""
        numbers = found[1].replace(":", ";").split(";")
        if _hides(numbers):
            return safe_text(found[0])
        if not self._keep:
            return ""
        if numbers[-1] in {"", "0", "00"} and "".join(numbers).strip("0") == "":
            self._active.clear()
        else:
            self._active = [*self._active[1 - MOST :], found[0]]
        return found[0]


def _hides(numbers: list[str]) -> bool:
    """Whether text would be there and not be seen."""
    skip = 0
    for place, number in enumerate(numbers):
        if skip:
            skip -= 1
        elif number in EXTENDED:
            skip = {"5": 2, "2": 4}.get(numbers[place + 1] if place + 1 < len(numbers) else "", 0)
        elif number in CONCEAL:
            return True
    return False
