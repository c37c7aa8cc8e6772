"""Guessing what somebody meant by a word that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MANY: Final = 200  # names above this are looked up in an index instead of being compared one by one
LONG: Final = 100  # nothing in the file has a name longer than this


class Pool:
    """Names to guess from; a large pool is indexed once, because every unknown name asks it."""

    __slots__ = ("_index", "_names")

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        self._index: dict[str, str] | None = None

    def closest(self, word: str) -> str | None:
        """The name that `word` most likely stands for, or None where none is near."""
        wanted = _folded(word)
        if not wanted or len(wanted) > LONG:
            return None
        return self._scanned(wanted) if len(self._names) <= MANY else self._looked_up(wanted)

    def slip(self, word: str) -> str | None:
        """The name from which one slip of the finger leads to `word`."""
        return self._looked_up(_folded(word))

    def hint(self, word: str) -> str:
        """A hint that names it, or an empty one."""
        guess = self.closest(word)
        return "" if guess is None else f'did you mean "{guess}"?'

    def _scanned(self, wanted: str) -> str | None:
        best: tuple[int, str] | None = None
        for name in self._names:
            away = _distance(wanted, _folded(name), _allowed(wanted))
            if away is not None and (best is None or away < best[0]):
                best = (away, name)
        return best[1] if best else None

    def _looked_up(self, wanted: str) -> str | None:
        """A name that one slip of the finger turns into the other: both share a form with one letter less."""
        if self._index is None:
            self._index = {}
            for name in self._names:
                for form in _shortened(_folded(name)):
                    self._index.setdefault(form, name)
        return next((self._index[form] for form in _shortened(wanted) if form in self._index), None)


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` most likely stands for, or None where none is near."""
    return Pool(candidates).closest(word)


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


def _shortened(word: str) -> list[str]:
    return [word, *(word[:at] + word[at + 1 :] for at in range(len(word)))]


def _folded(word: str) -> str:
    return word.lower().replace("-", "_").replace(" ", "_")


def _allowed(word: str) -> int:
    """How many slips of the finger still count as the same word."""
    return 0 if len(word) < 2 else 1 if len(word) <= 4 else 2 if len(word) <= 8 else 3


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
