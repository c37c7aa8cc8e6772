"""Which part of a log somebody asks for."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from polysync.api.asked import LONGEST_WORD, whole
from polysync.api.fields import FLAG, INSTANT, Field, Kind, choice, number
from polysync.api.office import Place, Places
from polysync.api.refusal import invalid
from polysync.domain.errors import ValueProblem

LARGEST: Final = 1 << 60
MOST_CONTEXT: Final = 1_000
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


def wanted(given: Mapping[str, Any]) -> Wanted:
    """What the values of `FIELDS` ask for; `Refused` where they make no sense together."""
    found = Wanted(**given)
    if wrong := list(_together(found, given)):
        raise invalid(wrong)
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


def _together(found: Wanted, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What does not go together, each with its name."""
    beginnings = [name for name in BEGINNINGS if given[name]]
    if found.one_stream and found.stream is None:
        name = "offset" if found.offset else "first_line" if found.first_line else "last_line"
        yield name, "counts in one stream; give stream=out or stream=err too"
    if found.offset and found.tail is not None:
        yield "tail", "stands instead of offset"
    elif len(beginnings) > 1:
        yield beginnings[-1], f"stands instead of {beginnings[0]}"
    if found.one_stream and found.since is not None:
        yield "since", f"stands instead of {', '.join(beginnings) or 'last_line'}"
    if found.follow:
        yield from _of_a_follower(found)
    if found.grep is not None:
        yield from _beside_grep(found, given)
    elif found.context or found.ignore_case:
        yield "grep", "is what context and ignore_case are for"


def _of_a_follower(found: Wanted) -> Iterator[tuple[str, str]]:
    if found.limit is not None:
        yield "limit", "a follower reads until the run is over"
    if found.offset and found.attempt is None:
        yield "offset", "counts in one attempt; give attempt too"
    if found.first_line is not None or found.last_line is not None:
        yield "first_line", "a follower begins at an offset, a time, or with the last lines"
    if found.grep is not None:
        yield "grep", "a follower gets every line, and looks for itself"


def _beside_grep(found: Wanted, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("limit", "tail", "tail_lines", "first_line", "last_line"):
        if given[name] is not None:
            yield name, "not together with grep"
    if found.offset:
        yield "offset", "not together with grep"
    if found.after:
        yield "after", "not together with grep"


def places(value: Any) -> dict[Place, int]:
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


_PLACE: Final = "[0-9]{1,19}:(out|err):[0-9]{1,19}"
PATTERN: Final = Kind(pattern, {"type": "string", "minLength": 1, "maxLength": LONGEST_WORD, "format": "regex"})
AFTER: Final = Kind(places, {"type": "string", "pattern": f"^{_PLACE}(,{_PLACE})*$", "examples": ["1:out:4096"]})
FIELDS: Final = (
    Field("stream", choice(Which), "One of the two streams; without it both, as they were stored."),
    Field("attempt", number(1, 1_000_000), "One attempt; without it all."),
    Field("offset", number(0, LARGEST), "From this byte of one stream on.", 0),
    Field("limit", number(0, LARGEST), "How many bytes at most."),
    Field("tail", number(0, LARGEST), "The last so many bytes."),
    Field("follow", FLAG, "Go on with what is yet to come, as NDJSON, and end with the run.", default=False),
    Field("after", AFTER, "Where a follower got to before: `attempt:stream:offset`, with commas between.", {}),
    Field("tail_lines", number(0, LARGEST), "The last so many lines."),
    Field("since", INSTANT, "What came at or after this time."),
    Field("first_line", number(1, LARGEST), "From this line of one stream on."),
    Field("last_line", number(1, LARGEST), "Up to this line of one stream."),
    Field("grep", PATTERN, "Only the lines that this regular expression is found in, as `search` tells them."),
    Field("context", number(0, MOST_CONTEXT), "So many lines around each that is found.", 0),
    Field("ignore_case", FLAG, "Whether capitals do not matter for `grep`.", default=False),
)
