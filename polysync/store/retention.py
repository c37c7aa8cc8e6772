"""What may go: looked up page by page over connections that cannot write, beside the work and never in its way.

Every statement is short and walks an index, so that nobody's snapshot is held and no look costs more than what it
finds.  What is found is only a proposal: whoever removes it looks again, in the transaction that does.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from polysync.domain.retention import USUAL, Past, Rule, Why, limits, oldest_kept, rule_of, stays, verdict
from polysync.store.codec import micros, moment
from polysync.store.definitions import definition_of
from polysync.store.lines import verify
from polysync.store.readonly import PRAGMAS
from polysync.store.sql import statements
from polysync.store.uri import read_only_uri

PAGE: Final = 500  # rows of one statement
TASKS: Final = 500  # tasks that are looked through in one go
_SQL: Final = statements("retention")
RuleFor = Callable[[str], Rule | None]


class Going(NamedTuple):
    """A run that may go, and why."""

    id: int
    task: str
    why: Why


class Survey:
    """Reads both databases of a home; for one thread at a time."""

    def __init__(self, decisions: Path, output: Path) -> None:
        self._decisions = _open(decisions)
        self._output = _open(output)

    def close(self) -> None:
        """Close both connections."""
        self._decisions.close()
        self._output.close()

    def newest(self) -> int:
        """The newest run there is."""
        return int(self._one("newest")[0])

    def needed(self) -> frozenset[int]:
        """The runs that something open still goes by: a rerun, a child, an edge that waits, a range of slots."""
        return needed(self._decisions) | {row[0] for row in self._decisions.execute(_SQL["remembered"])}

    def going(self, rule_for: RuleFor, now: datetime, kept: frozenset[int]) -> Iterator[list[Going]]:
        """What goes by count and age, in pages, some of them empty: the tasks in their order, the oldest runs first."""
        last = ""
        while tasks := self._decisions.execute(_SQL["tasks"], (last, TASKS)).fetchall():
            last = tasks[-1][0]
            yield from _joined(
                found
                for task, newest, anchor in tasks
                for found in self._of_task(task, rule_for(task) or self._last_rule(newest), now, anchor, kept)
            )

    def oldest_with_output(self, now: datetime, kept: frozenset[int], why: Why) -> Iterator[list[Going]]:
        """The finished runs that have output, the oldest first, in pages."""
        for ids in self.with_output():
            rows = self._decisions.execute(_SQL["some_past"], (json.dumps(ids), micros(now)))
            yield [Going(row[0], row[-1], why) for row in rows if not stays(_past(row), kept)]

    def strays(self) -> Iterator[list[int]]:
        """Output of runs that are no more: somebody was killed between removing them and removing it."""
        for ids in self.with_output():
            # In this order: a run is there before its output is.
            yield [row[0] for row in self._decisions.execute(_SQL["missing"], (json.dumps(ids),))]

    def with_output(self) -> Iterator[list[int]]:
        """The runs that have stored output, the oldest first, in pages."""
        last = 0
        while found := [row[0] for row in self._output.execute(_SQL["with_output"], (last, PAGE))]:
            yield found
            last = found[-1]

    def stored(self, runs: Sequence[int]) -> dict[int, int]:
        """How many bytes the output of each of these runs takes."""
        return dict(self._output.execute(_SQL["stored"], (json.dumps(list(runs)),)).fetchall())

    def output_bytes(self) -> int:
        """How many bytes of the log database hold something."""
        pages, free, size = (self._output.execute(f"PRAGMA {name}").fetchone()[0] for name in _SIZES)
        return int((pages - free) * size)

    def _of_task(
        self, task: str, rule: Rule, now: datetime, anchor: int | None, kept: frozenset[int]
    ) -> Iterator[list[Going]]:
        if rule.keeps_all:
            return
        beyond = None if rule.keep_runs is None else self._one("beyond", task, rule.keep_runs)
        limit = limits(rule, now, beyond and beyond[0])
        until = max(limit.beyond + 1, self._first_young(oldest_kept(rule, now)))
        ahead = micros(now) if anchor is None else min(micros(now), anchor)
        last = 0
        while rows := self._decisions.execute(_SQL["past"], (task, last, until, ahead, PAGE)).fetchall():
            last = rows[-1][0]
            judged = ((row[0], verdict(_past(row), limit, kept)) for row in rows)
            yield [Going(number, task, why) for number, why in judged if why is not None]

    def _first_young(self, before: datetime | None) -> int:
        """No run from this one on is too old: it was made too late for that."""
        if before is None:
            return 0
        row = self._one("young", micros(before))
        return self.newest() + 1 if row is None else int(row[0])

    def _last_rule(self, newest: int | None) -> Rule:
        """The rule of a task that is gone: what it said when it ran last."""
        row = self._one("last_definition", newest)
        kept = self._one("definition", row[0]) if row and row[0] else None
        return USUAL if kept is None else rule_of(definition_of(verify(kept, "a definition")[1], self._text).task)

    def _text(self, name: str) -> str:
        return str(verify(self._one("definition", name), f"definition {name}")[1])

    def _one(self, statement: str, *values: Any) -> Any:
        return self._decisions.execute(_SQL[statement], values).fetchone()


_SIZES: Final = ("page_count", "freelist_count", "page_size")


def _joined(pages: Iterable[list[Going]]) -> Iterator[list[Going]]:
    """The same in pages that are not small, but for the last one, which may be empty."""
    page: list[Going] = []
    for found in pages:
        page += found
        if len(page) >= PAGE:
            yield page
            page = []
    yield page


def needed(connection: sqlite3.Connection, since: int = 0) -> frozenset[int]:
    """The runs that open ones made after `since` name: what they repeat, and what they follow from."""
    return frozenset(row[0] for row in connection.execute(_SQL["needed"], (since,)))


def _past(row: Sequence[Any]) -> Past:
    return Past(row[0], moment(row[1]), bool(row[2]), bool(row[3]), bool(row[4]))


def _open(path: Path) -> sqlite3.Connection:
    # Used in whatever thread the caller has at hand, but never in two at once.
    connection = sqlite3.connect(read_only_uri(path), uri=True, isolation_level=None, check_same_thread=False)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection
