"""Guessing what somebody meant by a word that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MANY: Final = 500  # candidates above this are only compared where the first letter agrees
LONG: Final = 100  # nothing in the file has a name longer than this


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` most likely stands for, or None where none is near."""
    wanted, pool = _folded(word), list(candidates)
    if not wanted or len(wanted) > LONG:
        return None
    best: tuple[int, str] | None = None
    for candidate in pool:
        known = _folded(candidate)
        if not known or (len(pool) > MANY and known[0] != wanted[0]):
            continue
        away = _distance(wanted, known, _allowed(wanted))
        if away is not None and (best is None or away < best[0]):
            best = (away, candidate)
    return best[1] if best else None


def did_you_mean(word: str, candidates: Iterable[str], *, quoted: bool = True) -> str:
    """A hint that names the closest candidate, or an empty one."""
    guess = closest(word, candidates)
    if guess is None:
        return ""
    return f'did you mean "{guess}"?' if quoted else f"did you mean {guess}?"


def one_of(words: Iterable[str]) -> str:
    """`"a", "b" or "c"`, as it stands in a sentence."""
    *most, last = [f'"{word}"' for word in words]
    return f"{', '.join(most)} or {last}" if most else last


def _folded(word: str) -> str:
    return word.lower().replace("-", "_").replace(" ", "_")


def _allowed(word: str) -> int:
    """How many slips of the finger still count as the same word."""
    return 1 if len(word) <= 4 else 2 if len(word) <= 8 else 3


def _distance(left: str, right: str, limit: int) -> int | None:
    """Insertions, deletions, replacements and swaps of neighbours from one to the other, up to `limit`."""
    if abs(len(left) - len(right)) > limit:
        return None
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, one in enumerate(left, 1):
        oldest, before, row = before, row, [i]
        for j, other in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (one != other))
            if i > 1 and j > 1 and one == right[j - 2] and left[i - 2] == other:
                cost = min(cost, oldest[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return None
    return row[-1] if row[-1] <= limit else None
