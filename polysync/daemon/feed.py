"""Following output: what is stored first, then what comes, no byte twice and none missing.

A follower counts its own offsets.  What it sees live before it is stored fits exactly behind what it has,
or waits; what it was too slow for is read from the store again, so that nobody's memory grows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, Protocol

from polysync.daemon.bell import Bell
from polysync.ports import LogPiece

BOUND: Final = 1 << 20  # bytes that wait for one follower
SMALLEST: Final = 64  # what a piece is counted as at least, for it costs memory whatever its length
PAGE: Final = 8  # stored pieces that are read at once


class Past(Protocol):
    """Stored output."""

    async def pieces(self, run_id: int, after: int, limit: int) -> list[tuple[int, LogPiece]]:
        """Output in stored order, after the piece of that number."""


# The newest piece up to which everything stands before the offsets of a follower.
Told = Callable[[int, Mapping[tuple[int, str], int]], Awaitable[int]]


class _Follower:
    """One reader of one run, and where it stands."""

    def __init__(self, since: Mapping[tuple[int, str], int]) -> None:
        self.ends = dict(since)
        self.stirred = False  # there is news since the last look
        self.over = False
        self.done = False
        self.unread = True  # something may be stored that was not read
        self.after = 0  # the newest stored piece that was read
        self._live: deque[LogPiece] = deque()
        self._size = 0

    def see(self, piece: LogPiece) -> None:
        """Keep a live piece; one too many, and all come from the store instead."""
        self._size += max(len(piece.data), SMALLEST)
        self._live.append(piece)
        if self._size > BOUND:
            self._live.clear()
            self._size = 0
            self.unread = True
        self.stirred = True

    def next_live(self) -> LogPiece | None:
        """The next piece that fits behind what was told, unless what comes before it is missing."""
        while self._live:
            piece = self._live[0]
            if piece.offset > self.ends.get((piece.attempt, piece.stream), 0):
                return None
            self._live.popleft()
            self._size -= max(len(piece.data), SMALLEST)
            new = self.clipped(piece)
            if new is not None:
                return new
        return None

    def misses(self, attempt: int, stream: str, end: int) -> bool:
        """So much is stored: where less was told, it is to be read."""
        if self.ends.get((attempt, stream), 0) < end:
            self.unread = self.stirred = True
        return self.stirred

    def clipped(self, piece: LogPiece) -> LogPiece | None:
        """What of a piece was not told yet; it counts as told from here on."""
        place = piece.attempt, piece.stream
        told, end = self.ends.get(place, 0), piece.offset + (piece.left_out or len(piece.data))
        if end <= told:
            return None
        self.ends[place] = end
        if told <= piece.offset:
            return piece
        left_out = end - told if piece.left_out else 0
        return LogPiece(piece.attempt, piece.stream, told, piece.data[told - piece.offset :], piece.at, left_out)


class _Audience:
    """All who follow one run."""

    def __init__(self) -> None:
        self.followers: list[_Follower] = []
        self.bell = Bell()


class Feed:
    """Who follows which run."""

    def __init__(self, past: Past, is_open: Callable[[int], bool], told: Told | None = None) -> None:
        self._past = past
        self._told = told  # None: everything is read from its beginning, and what was told is dropped
        self._is_open = is_open  # whether more may come of a run
        self._audiences: dict[int, _Audience] = {}

    def seen(self, run_id: int, attempt: int, stream: str, offset: int, data: bytes) -> None:
        """Show output that is not stored yet; where nobody follows, this is one look into a table."""
        audience = self._audiences.get(run_id)
        if audience is not None:
            piece = LogPiece(attempt, stream, offset, data)
            for follower in audience.followers:
                follower.see(piece)
            audience.bell.ring()

    def stored(self, run_id: int, attempt: int, stream: str, end: int) -> None:
        """More is stored: whoever missed it finds it there."""
        audience = self._audiences.get(run_id)
        if audience is not None and [one for one in audience.followers if one.misses(attempt, stream, end)]:
            audience.bell.ring()

    def over(self, run_id: int) -> None:
        """The run is final, and all its output is stored."""
        audience = self._audiences.get(run_id)
        if audience is not None:
            for follower in audience.followers:
                follower.over = follower.stirred = True
            audience.bell.ring()

    def close(self) -> None:
        """The daemon goes: followers are told what is stored, and end."""
        for run_id in tuple(self._audiences):
            self.over(run_id)

    async def follow(self, run_id: int, since: Mapping[tuple[int, str], int]) -> AsyncIterator[LogPiece]:
        """Output after the given offsets, until the run is over and all was told."""
        follower = _Follower(since)
        audience = self._audiences.setdefault(run_id, _Audience())
        audience.followers.append(follower)
        try:
            if self._told is not None:
                follower.after = await self._told(run_id, since)
            follower.over = not self._is_open(run_id)
            while not follower.done:
                for piece in await self._next(run_id, follower, audience.bell):
                    yield piece
        finally:
            audience.followers.remove(follower)
            if not audience.followers:
                del self._audiences[run_id]

    async def _next(self, run_id: int, follower: _Follower, bell: Bell) -> list[LogPiece]:
        """A few new pieces; none after a wait, which somebody who brings news ends."""
        over = follower.over  # looked at before reading: the end must have been told before the store is at its end
        if follower.unread or over:
            follower.unread = False
            page = await self._past.pieces(run_id, follower.after, PAGE)
            if page:
                follower.unread, follower.after = True, page[-1][0]
                return [new for _, piece in page if (new := follower.clipped(piece)) is not None]
            follower.done = over
        follower.stirred = False
        live = list(iter(follower.next_live, None))
        if not (live or follower.unread or follower.over):
            while not follower.stirred:
                await bell.wait()
        return live
