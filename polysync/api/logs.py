"""The log of a run: stored bytes as they are, or lines of JSON, and those as they come."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from polysync.api.asked import Asked, Problems, between, flag, one_of, whole
from polysync.api.office import Logs, Office
from polysync.api.response import NDJSON, Response
from polysync.api.shapes import dumps, moment_text
from polysync.domain.errors import ValueProblem
from polysync.domain.rows import Run
from polysync.ports import LogPiece

BLOCK: Final = 64 << 10
PIECES: Final = 16  # fetched at once
LARGEST: Final = 1 << 60
RAW: Final = "text/plain"  # whatever the work wrote: no encoding is promised
PARAMETERS: Final = frozenset({"stream", "attempt", "offset", "limit", "tail", "follow", "after"})
Ends = Mapping[tuple[int, str], int]


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
    after: Ends

    def holds(self, attempt: int, stream: str) -> bool:
        """Whether this stream of this attempt is asked for."""
        return self.attempt in {None, attempt} and self.stream in {None, stream}

    def since(self, ends: Ends) -> dict[tuple[int, str], int]:
        """Where a follower begins: what is not asked for begins at its end."""
        begins = {}
        for place, end in ends.items():
            kept = end if self.tail is None else min(end, self.tail)
            begins[place] = end - kept if self.holds(*place) else end
        begins |= self.after
        if self.offset and self.attempt is not None and self.stream is not None:
            begins[self.attempt, self.stream.value] = self.offset
        return begins


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
    )
    if found.offset and found.stream is None:
        take.add("offset", "counts in one stream; give stream=out or stream=err too")
    if found.offset and found.tail is not None:
        take.add("tail", "stands instead of offset")
    if found.follow and found.limit is not None:
        take.add("limit", "a follower reads until the run is over")
    if found.follow and found.offset and found.attempt is None:
        take.add("offset", "counts in one attempt; give attempt too")
    take.refuse()
    return found


async def log(office: Office, asked: Asked) -> Response:
    """The log of a run, in the form that was asked for."""
    want = wanted(asked.query)
    run = await office.run(asked.number("id"))
    if want.follow:
        since = want.since(await office.logs.ends(run.id))
        return Response(stream=_followed(office, run, want, since), endless=True, type=NDJSON)
    if asked.accepts(NDJSON):
        return Response(stream=_lines(_stored(office.logs, run.id, want)), type=NDJSON)
    return Response(stream=_bytes(_stored(office.logs, run.id, want)), type=RAW)


async def _stored(logs: Logs, run_id: int, want: Wanted) -> AsyncGenerator[LogPiece, None]:
    """Everything asked for that is stored, cut to size."""
    ends = {place: end for place, end in (await logs.ends(run_id)).items() if want.holds(*place)}
    if want.offset:
        attempt, stream = want.attempt or max((number for number, _ in ends), default=1), str(want.stream)
        pieces, total = _one_stream(logs, run_id, LogPiece(attempt, stream, want.offset, b""), ends), 0
    else:
        pieces, total = _in_order(logs, run_id, ends), sum(ends.values())
    skip = 0 if want.tail is None else max(0, total - want.tail)
    left = LARGEST if want.limit is None else want.limit
    async with aclosing(pieces):
        async for piece in _cut(pieces, skip, left):
            yield piece


async def _cut(pieces: AsyncIterator[LogPiece], skip: int, left: int) -> AsyncIterator[LogPiece]:
    """What is left of the pieces after their first `skip` bytes, and at most `left` bytes of it."""
    async for piece in pieces:
        data = piece.data[skip : skip + left]
        begin, skip = min(skip, len(piece.data)), max(0, skip - len(piece.data))
        left -= len(data)
        if data:
            yield LogPiece(piece.attempt, piece.stream, piece.offset + begin, data, piece.at)
        if left <= 0:
            return


async def _in_order(logs: Logs, run_id: int, ends: Ends) -> AsyncGenerator[LogPiece, None]:
    """All streams as they were stored, up to where they ended when they were asked for."""
    after, unfinished = 0, {place for place, end in ends.items() if end}
    while unfinished and (found := await logs.pieces(run_id, after, PIECES)):
        after = found[-1][0]
        for _, piece in found:
            place, end = (piece.attempt, piece.stream), piece.offset + len(piece.data)
            if piece.offset < ends.get(place, 0):
                yield piece
            if end >= ends.get(place, 0):
                unfinished.discard(place)


async def _one_stream(logs: Logs, run_id: int, start: LogPiece, ends: Ends) -> AsyncGenerator[LogPiece, None]:
    offset, end = start.offset, ends.get((start.attempt, start.stream), 0)
    while offset < end and (data := await logs.read(run_id, start.attempt, start.stream, offset, BLOCK)):
        yield LogPiece(start.attempt, start.stream, offset, data[: end - offset])
        offset += len(data)


async def _followed(office: Office, run: Run, want: Wanted, since: Ends) -> AsyncIterator[bytes]:
    feed = office.desk.log(run.id, since)
    try:
        async for piece in feed:
            if want.holds(piece.attempt, piece.stream):
                yield _line(piece)
    finally:
        close = getattr(feed, "aclose", None)  # an iterator need not have it, a generator must not wait for its end
        if close is not None:
            await close()
    last = await office.detailed(await office.run(run.id))
    yield f'{{"run":{last}}}\n'.encode("ascii")


async def _lines(pieces: AsyncGenerator[LogPiece, None]) -> AsyncIterator[bytes]:
    async with aclosing(pieces):
        async for piece in pieces:
            yield _line(piece)


async def _bytes(pieces: AsyncGenerator[LogPiece, None]) -> AsyncIterator[bytes]:
    async with aclosing(pieces):
        async for piece in pieces:
            yield piece.data


def _line(piece: LogPiece) -> bytes:
    shape: dict[str, Any] = {"attempt": piece.attempt, "stream": piece.stream, "offset": piece.offset}
    try:
        shape["data"] = piece.data.decode()
    except UnicodeDecodeError:  # no text, or a piece that ends inside a character
        shape["base64"] = base64.b64encode(piece.data).decode("ascii")
    shape["at"] = moment_text(piece.at)
    return f"{dumps(shape)}\n".encode("ascii")


def _places(value: Any) -> dict[tuple[int, str], int]:
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
