"""Search stored output, as a process of its own: `python -m polysync.store.log_scan`.

A pattern can take for ever and cannot be interrupted from another thread; here it delays nobody, and can be killed.
The first line of the input says what is wanted, the lines of the output are what was found, and the end of the input
ends the search.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import select
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from copy import copy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from polysync.store.codec import moment
from polysync.store.line_context import Line, Lines
from polysync.store.line_matching import Matcher, alone, matcher
from polysync.store.log_marks import LEFT_OUT, Marks, Place, unpacked
from polysync.store.log_reading import reading_connection
from polysync.store.logs import STREAMS
from polysync.store.packing import Packer
from polysync.store.sql import statements

_SQL: Final = statements("log_reading")
PAGE: Final = 8  # chunks that are read at once
ABOVE_ALL: Final = (1 << 63) - 1
MEMORY: Final = 2 << 30  # bytes that a pattern may make this process ask for
NICER: Final = 5  # whoever fires tasks goes first
PATIENCE: Final = 0.5  # seconds of work for a stretch of output, before its lines are looked at one by one
LAST_PATIENCE: Final = 2.0  # and then
SLOW: Final = "the pattern takes too long: repeat less inside of what is repeated, or search for a word"


class TooSlow(Exception):
    """The pattern takes more time for a stretch of output than anybody would wait."""


class Ended(Exception):
    """As much was found as was asked for, or nobody asks any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to search for, and where."""

    logs: str
    database: str
    q: str
    run: int | None = None
    task: str | None = None
    attempt: int | None = None
    stream: str | None = None
    since: int | None = None  # µs UTC
    limit: int | None = None
    context: int = 0
    ignore_case: bool = False


@dataclass(slots=True)
class Counts:
    """What was looked at and found."""

    runs: int = 0
    bytes: int = 0
    matches: int = 0


class Patience:
    """A pattern, for as long as it is bearable: looked for across lines, and where that is slow in each by itself."""

    def __init__(self, pattern: str, *, ignore_case: bool) -> None:
        self._quick: Matcher | None = matcher(pattern, ignore_case=ignore_case)
        self._alone = alone(pattern, ignore_case=ignore_case)

    def lines(self, known: Lines, ask: Callable[[Lines, Matcher], Iterator[Line]]) -> tuple[Lines, list[Line]]:
        """What is told, and the state of the stream after it."""
        if self._quick is not None:
            with suppress(TooSlow):
                return _within(PATIENCE, known, ask, self._quick)
            self._quick = None
        return _within(LAST_PATIENCE, known, ask, self._alone)


@dataclass(slots=True)
class Scan:
    """One search over open databases; `tell` gets every line that is to be told."""

    wanted: Wanted
    logs: sqlite3.Connection
    database: sqlite3.Connection
    tell: Callable[[Mapping[str, Any]], None]
    leave: Callable[[], bool]  # whether nobody asks any more
    patience: Patience
    counts: Counts = field(default_factory=Counts)
    packer: Packer = field(default_factory=Packer)
    after: int = 0  # chunks up to this one are too old

    def everything(self) -> bool:
        """Search all that is wanted, newest run first; whether it came to its end."""
        if self.wanted.since is not None:
            self.after = _last_before(self.logs, self.wanted.since)
        try:
            for run_id in self._runs():
                _Run(self, run_id).search()
        except Ended:
            return False
        return True

    def _runs(self) -> Iterator[int]:
        if self.wanted.run is not None:
            yield self.wanted.run
            return
        below = ABOVE_ALL
        while (found := self._below(below)) is not None:
            yield found
            below = found

    def _below(self, below: int) -> int | None:
        """The next older run; the newest first."""
        if self.leave():
            raise Ended
        if self.wanted.task is None:
            row = self.logs.execute(_SQL["run_below"], (below,)).fetchone()
        else:
            row = self.database.execute(_SQL["runs_of_task"], (self.wanted.task, below)).fetchone()
        return None if row is None else row[0]


class _Run:
    """One run in the order in which its output was stored, each stream by its lines."""

    def __init__(self, scan: Scan, run_id: int) -> None:
        self._scan = scan
        self._id = run_id
        self._places: dict[Place, Lines] = {}
        self._task: str | None = None
        self._at = 0

    def search(self) -> None:
        scan, after = self._scan, self._scan.after
        while rows := scan.logs.execute(_SQL["pieces"], (self._id, after, PAGE)).fetchall():
            for row in rows:
                self._piece(row)
            after = rows[-1][0]
            if scan.leave():
                raise Ended
            if len(rows) < PAGE:  # most runs said little
                break
        for place, known in self._places.items():
            if known.waits:
                self._ask(place, Lines.flush)
        scan.counts.runs += bool(self._places)

    def _piece(self, row: Sequence[Any]) -> None:
        _, _, attempt, stream, offset, _, lines, self._at, codec, *_ = row
        place = attempt, STREAMS[stream]
        wanted = self._scan.wanted
        if wanted.attempt not in {None, attempt} or wanted.stream not in {None, place[1]}:
            return
        if place not in self._places:
            self._places[place] = Lines(wanted.context, offset, self._number(place, offset))
        data = unpacked(self._scan.packer, row)
        self._scan.counts.bytes += len(data)
        if codec == LEFT_OUT:
            self._ask(place, Lines.flush)
        else:
            self._ask(place, lambda known, pattern: known.feed(offset, data, lines, pattern))

    def _number(self, place: Place, offset: int) -> int:
        """The number of the line in which a search begins."""
        marks = Marks(self._scan.logs, self._scan.packer, self._id)
        return 1 + (marks.lines_before(place, offset) if offset else 0)

    def _ask(self, place: Place, ask: Callable[[Lines, Matcher], Iterator[Line]]) -> None:
        self._places[place], told = self._scan.patience.lines(self._places[place], ask)
        counts, limit = self._scan.counts, self._scan.wanted.limit
        for line in told:
            if line.found and counts.matches == limit:
                raise Ended
            counts.matches += line.found
            self._scan.tell(self._shape(place, line))

    def _shape(self, place: Place, line: Line) -> dict[str, Any]:
        if self._task is None:
            row = self._scan.database.execute(_SQL["task"], (self._id,)).fetchone()
            self._task = "" if row is None else row[0]
        shape: dict[str, Any] = {"run": self._id, "task": self._task, "attempt": place[0], "stream": place[1]}
        shape |= {"line": line.number, "offset": line.offset}
        try:
            shape["data"] = line.data.decode()
        except UnicodeDecodeError:
            shape["base64"] = base64.b64encode(line.data).decode("ascii")
        shape["at"] = moment(self._at).isoformat().replace("+00:00", "Z")
        shape |= {"context": True} if not line.found else {}
        return shape | ({"cut": True} if line.cut else {})


def _within(
    seconds: float, known: Lines, ask: Callable[[Lines, Matcher], Iterator[Line]], pattern: Matcher
) -> tuple[Lines, list[Line]]:
    """Ask a copy, so that it can be asked again where it takes too long."""
    trial = copy(known)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        return trial, list(ask(trial, pattern))
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _last_before(logs: sqlite3.Connection, since: int) -> int:
    """The number of the newest chunk that is older: numbers and times grow together."""
    low, high = 0, 1 + (logs.execute(_SQL["newest"]).fetchone()[0] or 0)
    while low < high:
        row = logs.execute(_SQL["at_or_after"], ((low + high) // 2,)).fetchone()
        if row is None or row[1] >= since:
            high = (low + high) // 2
        else:
            low = row[0] + 1
    return low - 1


def too_slow(*_: object) -> None:
    """What the alarm does that ends a pattern: to be set before anything is searched."""
    raise TooSlow


def _write(shape: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(shape, separators=(",", ":")).encode("ascii") + b"\n")


def _left() -> bool:
    """Whether the other side has gone; what was found so far goes out."""
    sys.stdout.buffer.flush()
    return bool(select.select([sys.stdin.fileno()], [], [], 0)[0])


def main() -> int:
    """Search, and tell what was found; the exit status."""
    os.nice(NICER)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGVTALRM, too_slow)
    wanted = Wanted(**json.loads(os.read(sys.stdin.fileno(), 1 << 16)))
    logs, database = (reading_connection(Path(path)) for path in (wanted.logs, wanted.database))
    with closing(logs), closing(database):
        patience = Patience(wanted.q, ignore_case=wanted.ignore_case)
        scan = Scan(wanted, logs, database, _write, _left, patience)
        try:
            complete = scan.everything()
            _write({"searched": {**asdict(scan.counts), "complete": complete}})
        except (TooSlow, MemoryError):
            _write({"error": {"code": "too_slow", "message": SLOW}})
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
