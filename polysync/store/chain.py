"""A chain of hashes: each row of history and of the audit carries one over itself and the row before.

Where rows were pruned, an anchor says which, and keeps the link of the last of them: the chain goes on from there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

GENESIS: Final = b"\0" * 16
Place = tuple[int, bytes]  # the number of a row, and its link


def link(before: bytes, values: Sequence[Any]) -> bytes:
    """The link of a row: over the link before it, and over all of its values (numbers, texts and None)."""
    return blake2b(before + repr(tuple(values)).encode("utf-8", "backslashreplace"), digest_size=16).digest()


def first_break(
    rows: Iterable[Sequence[Any]], begin: Place = (0, GENESIS), pruned: Mapping[int, Place] | None = None
) -> int | None:
    """The number of the first row (number, values …, link) that does not continue the chain after `begin`.

    `pruned` tells for each stretch that is gone, by its first number, where it ended.
    """
    number, before = begin
    for row in rows:
        while pruned and number + 1 in pruned:
            number, before = pruned[number + 1]
        number += 1
        if row[0] != number or link(before, row[:-1]) != row[-1]:
            return int(row[0] or number)
        before = row[-1]
    return None


class Chain:
    """The end of one table's chain, where rows are added; forgotten after a rollback, and read again."""

    def __init__(self, newest: str) -> None:
        self._newest = newest  # the statement that reads number and link of the newest row, pruned or not
        self._tip: Place | None = None

    def extend(self, connection: sqlite3.Connection, many: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Whole rows, with number and link, for values that are to be added."""
        number, before = self._tip or connection.execute(self._newest).fetchone() or (0, GENESIS)
        rows = []
        for values in many:
            number += 1
            numbered = (number, *values)
            before = link(before, numbered)
            rows.append((*numbered, before))
        self._tip = number, before
        return rows

    def forget(self) -> None:
        """What was added last may not be stored: look again before the next row."""
        self._tip = None
