"""The log of a run: stored bytes as they are, or lines of JSON, and those as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from polysync.api.asked import Asked
from polysync.api.log_forms import FRAMES, RAW, Bytes, Events, Form, Frames, Lines
from polysync.api.log_query import FIELDS, LARGEST, Wanted, places, wanted
from polysync.api.office import Logs, Office, Place, Places
from polysync.api.refusal import invalid
from polysync.api.response import NDJSON, Response
from polysync.api.route import Route
from polysync.api.search import found
from polysync.api.sse import BEAT, SSE, wants_sse
from polysync.domain.errors import ValueProblem
from polysync.domain.rows import Run
from polysync.domain.values import Role
from polysync.ports import Asker, LogPiece

PIECES: Final = 16  # fetched at once


async def log(office: Office, asked: Asked) -> Response:
    """The log of a run, in the form that was asked for."""
    want = wanted(asked.given)
    run = await office.run(asked.number("id"))
    if want.grep is not None:
        return _found(office, run, want)
    if want.follow:
        office.streams.check(asked.asker)
        want = replace(want, after={**want.after, **_resumed(asked)})
        form = _form(asked, want.after)
        want = replace(want, after=await _since(office.logs, run.id, want, await office.logs.ends(run.id)))
        stream = _followed(office, asked.asker, run, want, form)
        return Response(stream=stream, endless=True, type=form.media, heartbeat=form.heartbeat)
    ends = await office.logs.ends(run.id)
    pieces = _stored(office.logs, run.id, want, {place: end for place, end in ends.items() if want.holds(*place)})
    form = _form(asked)
    return Response(stream=_told(pieces, form), type=form.media)


def _form(asked: Asked, after: Places | None = None) -> Form:
    """The form that the caller asked for; a follower gets lines where none was named, others the bytes."""
    if after is not None and wants_sse(asked):
        return Events(BEAT, after)
    if asked.accepts(FRAMES):
        return Frames()
    return Lines() if after is not None or asked.accepts(NDJSON) else Bytes()


def _resumed(asked: Asked) -> Places:
    """Where a browser that lost us was; it counts for more than the address, which is that of its first visit."""
    said = asked.request.headers.get("last-event-id", "") if wants_sse(asked) else ""
    if not said:
        return {}
    try:
        return places(said)
    except ValueProblem as problem:
        raise invalid([("Last-Event-ID", problem.message)]) from None


def _found(office: Office, run: Run, want: Wanted) -> Response:
    """The lines that a pattern is found in."""
    return found(
        office,
        q=want.grep,
        run=run.id,
        attempt=want.attempt,
        stream=want.stream,
        since=want.since,
        context=want.context,
        ignore_case=want.ignore_case,
    )


async def _stored(logs: Logs, run_id: int, want: Wanted, ends: Places) -> AsyncGenerator[LogPiece, None]:
    """Everything asked for that is stored, cut to size."""
    if want.one_stream:
        begins, ends = await _one_part(logs, run_id, want, ends)
    else:
        begins = await _begins(logs, run_id, want, ends)
    streams = {stream for _, stream in ends}
    pieces = (_one_by_one if len(streams) == 1 else _in_order)(logs, run_id, begins, ends)
    left = LARGEST if want.limit is None else want.limit
    async with aclosing(pieces):
        async for piece in pieces:
            if left <= 0:
                return
            yield _cut(piece, piece.offset, piece.offset + left) if len(piece.data) > left else piece
            left -= len(piece.data)


async def _one_part(logs: Logs, run_id: int, want: Wanted, ends: Places) -> tuple[Places, Places]:
    """Where a part of one stream begins and ends."""
    place = want.place(ends)
    end = ends.get(place, 0)
    begin = want.offset
    if want.first_line is not None:
        begin = await logs.line(run_id, place, want.first_line, end)
    if want.last_line is not None:
        end = await logs.line(run_id, place, want.last_line + 1, end)
    return {place: begin}, {place: end}


async def _begins(logs: Logs, run_id: int, want: Wanted, ends: Places) -> Places:
    """Where what is asked for begins in each stream; whatever is asked for twice, the later counts."""
    given: list[Places] = []
    if want.since is not None:
        given.append(await logs.since(run_id, ends, want.since))
    if want.tail_lines is not None:
        given.append(await logs.last_lines(run_id, ends, want.tail_lines))
    if want.tail is not None:
        given.append(await logs.last_bytes(run_id, ends, want.tail))
    return {place: max((begins[place] for begins in given), default=0) for place in ends}


async def _in_order(logs: Logs, run_id: int, begins: Places, ends: Places) -> AsyncGenerator[LogPiece, None]:
    """All streams as they were stored, from where they begin to where they ended when they were asked for."""
    first = await logs.first(run_id, begins, ends)
    after = 0 if first is None else first - 1
    unfinished = {place for place, end in ends.items() if begins.get(place, 0) < end}
    while unfinished and (page := await logs.pieces(run_id, after, PIECES)):
        after = page[-1][0]
        for _, piece in page:
            place = piece.attempt, piece.stream
            if _size(piece) + piece.offset >= ends.get(place, 0):
                unfinished.discard(place)
            if (part := _between(piece, begins.get(place, 0), ends.get(place, 0))) is not None:
                yield part


async def _one_by_one(logs: Logs, run_id: int, begins: Places, ends: Places) -> AsyncGenerator[LogPiece, None]:
    """One stream of one attempt after the other: what was stored between them is not read."""
    for place, end in sorted(ends.items()):
        begin = begins.get(place, 0)
        while begin < end and (page := await logs.stretch(run_id, place, begin, PIECES)):
            for part in filter(None, [_between(piece, begin, end) for piece in page]):
                yield part
            begin = page[-1].offset + _size(page[-1])


def _between(piece: LogPiece, begin: int, end: int) -> LogPiece | None:
    """The part of a piece between two offsets; None: nothing of it."""
    if piece.offset >= begin and piece.offset + _size(piece) <= end:
        return piece
    begin, end = max(begin, piece.offset), min(end, piece.offset + _size(piece))
    return _cut(piece, begin, end) if begin < end else None


def _cut(piece: LogPiece, begin: int, end: int) -> LogPiece:
    data = piece.data[begin - piece.offset : end - piece.offset]
    return LogPiece(piece.attempt, piece.stream, begin, data, piece.at, end - begin if piece.left_out else 0)


def _size(piece: LogPiece) -> int:
    return piece.left_out or len(piece.data)


async def _followed(office: Office, asker: Asker, run: Run, want: Wanted, form: Form) -> AsyncIterator[bytes]:
    with office.streams.open(asker):
        for piece in _beginnings(want):
            yield form.piece(piece)
        async with aclosing(_held(office.desk.log(run.id, want.after), want)) as pieces:
            async for piece in pieces:
                yield form.piece(piece)
        yield form.last(await office.detailed(await office.run(run.id)))


def _beginnings(want: Wanted) -> Iterator[LogPiece]:
    """Empty pieces that say where it begins, so that one who is cut off can go on from there."""
    if want.tail_lines is not None or want.since is not None:
        for (attempt, stream), begin in want.after.items():
            if begin and want.holds(attempt, stream):
                yield LogPiece(attempt, stream, begin, b"")


async def _held(feed: AsyncIterator[LogPiece], want: Wanted) -> AsyncGenerator[LogPiece, None]:
    """What of a feed is wanted."""
    try:
        async for piece in feed:
            if want.holds(piece.attempt, piece.stream):
                yield piece
    finally:
        close = getattr(feed, "aclose", None)  # an iterator need not have it, a generator must not wait for its end
        if close is not None:
            await close()


async def _since(logs: Logs, run_id: int, want: Wanted, ends: Places) -> dict[Place, int]:
    """Where a follower begins: what is not asked for begins at its end."""
    held = {place: end for place, end in ends.items() if want.holds(*place)}
    if want.tail_lines is not None or want.since is not None:
        begins = {**ends, **await _begins(logs, run_id, want, held)}
    else:
        kept = LARGEST if want.tail is None else want.tail  # of each stream: a follower has no end to count from
        begins = {place: max(0, end - kept) if place in held else end for place, end in ends.items()}
    begins |= want.after
    if want.offset and want.attempt is not None and want.stream is not None:
        begins[want.attempt, want.stream.value] = want.offset
    return begins


async def _told(pieces: AsyncGenerator[LogPiece, None], form: Form) -> AsyncIterator[bytes]:
    async with aclosing(pieces):
        async for piece in pieces:
            yield form.piece(piece)


ROUTES: Final = (
    Route(
        "GET",
        "runs/{id}/log",
        Role.VIEWER,
        log,
        "The log of a run.",
        query=FIELDS,
        media=RAW,
        also=(NDJSON, FRAMES, SSE),
    ),
)
