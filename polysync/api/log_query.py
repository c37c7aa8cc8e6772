"""Which part of a log somebody asks for."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from polysync.api.asked import LONGEST_WORD, Problems, between, flag, instant, one_of, whole
from polysync.api.office import Place, Places
from polysync.domain.errors import ValueProblem

LARGEST: Final = 1 << 60
MOST_CONTEXT: Final = 1_000
PARAMETERS: Final = frozenset(
    "stream attempt offset limit tail follow after tail_lines since first_line last_line grep context "
    "ignore_case".split()
)
BEGINNINGS: Final = ("offset", "tail", "tail_lines", "first_line")  # of which one is enough


class Which(StrEnum):
    """The two streams of an attempt."""

    OUT = "out"
    ERR = "err"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of a log."""

    stream: Which | None
    attempt: int | None
    offset: int
    limit: int | None
    tail: int | None
    follow: bool
    after: Places
    tail_lines: int | None
    since: datetime | None
    first_line: int | None
    last_line: int | None
    grep: str | None
    context: int
    ignore_case: bool

    def holds(self, attempt: int, stream: str) -> bool:
        """Whether this stream of this attempt is asked for."""
        return self.attempt in {None, attempt} and self.stream in {None, stream}

    @property
    def one_stream(self) -> bool:
        """Whether a place is meant that counts in one stream only."""
        return bool(self.offset) or self.first_line is not None or self.last_line is not None

    def place(self, ends: Places) -> Place:
        """The stream that the place counts in, of the newest attempt unless one is named."""
        return self.attempt or max((number for number, _ in ends), default=1), str(self.stream)


def wanted(query: Mapping[str, str]) -> Wanted:
    """What a query asks for; `Refused` where it is no sense."""
    take = Problems(query, PARAMETERS)
    found = Wanted(
        stream=take.take("stream", one_of(Which), None),
        attempt=take.take("attempt", between(1, 1_000_000), None),
        offset=take.take("offset", between(0, LARGEST), 0),
        limit=take.take("limit", between(0, LARGEST), None),
        tail=take.take("tail", between(0, LARGEST), None),
        follow=take.take("follow", flag, default=False),
        after=take.take("after", _places, {}),
        tail_lines=take.take("tail_lines", between(0, LARGEST), None),
        since=take.take("since", instant, None),
        first_line=take.take("first_line", between(1, LARGEST), None),
        last_line=take.take("last_line", between(1, LARGEST), None),
        grep=take.take("grep", pattern, None),
        context=take.take("context", between(0, MOST_CONTEXT), 0),
        ignore_case=take.take("ignore_case", flag, default=False),
    )
    _check_together(take, found, query)
    take.refuse()
    return found


def pattern(value: Any) -> str:
    """A regular expression as Python knows them, for text in one line."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_WORD or set(value) & set("\0\r\n"):
        raise ValueProblem(f"not 1 to {LONGEST_WORD} characters in one line")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what may mean something else one day
            re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueProblem(f"not a regular expression: {error}") from None
    return value


def _check_together(take: Problems, found: Wanted, query: Mapping[str, str]) -> None:
    if found.one_stream and found.stream is None:
        name = "offset" if found.offset else "first_line" if found.first_line else "last_line"
        take.add(name, "counts in one stream; give stream=out or stream=err too")
    if found.offset and found.tail is not None:
        take.add("tail", "stands instead of offset")
    elif len(given := [name for name in BEGINNINGS if query.get(name) not in {None, "0"}]) > 1:
        take.add(given[-1], f"stands instead of {given[0]}")
    if found.one_stream and found.since is not None:
        take.add("since", f"stands instead of {', '.join(name for name in query if name in BEGINNINGS)}")
    if found.follow:
        _check_follower(take, found)
    if found.grep is not None:
        _check_grep(take, found, query)
    elif found.context or found.ignore_case:
        take.add("grep", "is what context and ignore_case are for")


def _check_follower(take: Problems, found: Wanted) -> None:
    if found.limit is not None:
        take.add("limit", "a follower reads until the run is over")
    if found.offset and found.attempt is None:
        take.add("offset", "counts in one attempt; give attempt too")
    if found.first_line is not None or found.last_line is not None:
        take.add("first_line", "a follower begins at an offset, a time, or with the last lines")
    if found.grep is not None:
        take.add("grep", "a follower gets every line, and looks for itself")


def _check_grep(take: Problems, found: Wanted, query: Mapping[str, str]) -> None:
    for name in ("offset", "limit", "tail", "tail_lines", "first_line", "last_line"):
        if name in query:
            take.add(name, "not together with grep")
    if found.after:
        take.add("after", "not together with grep")


def _places(value: Any) -> dict[Place, int]:
    """Reads `1:out:4096,1:err:0`: how far a follower got before it lost its connection."""
    found = {}
    for part in str(value).split(","):
        attempt, _, rest = part.partition(":")
        stream, _, offset = rest.partition(":")
        number, end = whole(attempt), whole(offset)
        if number is None or end is None or stream not in set(Which):
            raise ValueProblem("not a place in a log", 'write it like "1:out:4096,1:err:0"')
        found[number, stream] = end
    return found
