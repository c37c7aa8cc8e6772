"""Removing runs: units of work for the two writers, each small enough that nobody waits for it.

The row goes first, with attempts, tags and history, in one transaction of polysync.db; its output follows.  Whoever
is killed in between leaves output without a run, which the next start finds and removes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from polysync.store.lines import sealed
from polysync.store.retention import needed
from polysync.store.sql import statements

_SQL: Final = statements("retention")
Link = tuple[int, bytes]  # the number of a row of a chain, and its link


@dataclass(slots=True)
class Removed:
    """What one unit removed."""

    runs: list[int] = field(default_factory=list)
    history: int = 0
    definitions: set[tuple[str, str]] = field(default_factory=set)  # task and digest: maybe nobody's any more


def remove_runs(connection: sqlite3.Connection, *, runs: Sequence[int], since: int, now: int) -> Removed:
    """Remove those of these runs that may still go, where `since` was the newest run when they were chosen."""
    fresh = needed(connection, since)
    rows = [row for row in connection.execute(_SQL["may_go"], (json.dumps(runs), now)) if row[0] not in fresh]
    ids = [row[0] for row in rows]
    history = _remove_history(connection, ids)
    connection.executemany(_SQL["remove_run"], [(number,) for number in ids])
    return Removed(ids, history, {(task, digest) for _, task, digest in rows if digest})


def remove_output(connection: sqlite3.Connection, *, runs: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Remove at most so many stored pieces of these runs: the run and the size of each."""
    rows = connection.execute(_SQL["some_chunks"], (json.dumps(runs), most)).fetchall()
    connection.executemany(_SQL["remove_chunk"], [row[:1] for row in rows])
    return [(run_id, size) for _, run_id, size in rows]


def remove_audit(connection: sqlite3.Connection, *, before: int, most: int) -> int:
    """Remove at most so many entries of the audit from its old end, made before that instant; returns how many."""
    gone: list[Link] = []
    for seq, link, at in connection.execute(_SQL["oldest_audit"], (most,)):
        if at >= before:
            break
        gone.append((seq, link))
    _cut(connection, "audit", gone)
    return len(gone)


def remove_definitions(connection: sqlite3.Connection, *, unused: Iterable[tuple[str, str]]) -> int:
    """Remove those of these definitions (task and digest) that no run was made under; returns how many."""
    gone = [one[1:] for one in unused if connection.execute(_SQL["is_used"], one).fetchone() is None]
    return connection.executemany(_SQL["remove_definition"], gone).rowcount if gone else 0


def _remove_history(connection: sqlite3.Connection, runs: Sequence[int]) -> int:
    links = sorted(connection.execute(_SQL["links"], (json.dumps(runs),)))
    _cut(connection, "history", links)
    return len(links)


def _cut(connection: sqlite3.Connection, chain: str, links: Sequence[Link]) -> None:
    """Take rows out of a chain, given in their order; an anchor is left for each stretch of them."""
    for first, (last, link) in _stretches(links):
        connection.execute(_SQL[f"remove_{chain}"], (first, last))
        _leave_anchor(connection, chain, first, (last, link))


def _stretches(links: Sequence[Link]) -> list[tuple[int, Link]]:
    """Where each stretch of numbers without a gap begins, and its last link."""
    found: list[tuple[int, Link]] = []
    for seq, link in links:
        joins = found and found[-1][1][0] == seq - 1
        first = found.pop()[0] if joins else seq
        found.append((first, (seq, link)))
    return found


def _leave_anchor(connection: sqlite3.Connection, chain: str, first: int, end: Link) -> None:
    """Put down what is gone, together with what went beside it before: anchors stay as few as the gaps."""
    before: Any = connection.execute(_SQL["anchor_before"], (chain, first)).fetchone()
    after: Any = connection.execute(_SQL["anchor_after"], (chain, end[0])).fetchone()
    if before and before[1] == first - 1:
        connection.execute(_SQL["remove_anchor"], (chain, before[1]))
        first = before[0]
    if after and after[0] == end[0] + 1:
        connection.execute(_SQL["remove_anchor"], (chain, after[1]))
        end = (after[1], after[2])
    connection.execute(_SQL["leave_anchor"], sealed(chain, first, end[1], end[0]))
