"""One connection: bytes in, requests one after the other, answers out no faster than they are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from polysync.api.asked import Asked
from polysync.api.gate import Rates
from polysync.api.protocol import Parser, Request
from polysync.api.refusal import Refused
from polysync.api.response import CONTINUE, LAST_CHUNK, Response, chunk, encode, head
from polysync.ports import Asker, PortError

AHEAD: Final = 64 << 10  # bytes that a client may send before it read its answer
HIGH_WATER: Final = 256 << 10  # bytes of an answer that wait for its reader
SLICE: Final = 256 << 10  # of a stream, that are on their way at once
SILENCE: Final = 15  # ticks of an endless stream until it says that it still stands
LINGER: Final = 2  # ticks that a refused client gets to ask and to read why


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much, and for how many ticks."""

    tick: float = 1.0  # seconds
    rates: Rates = Rates()  # noqa: RUF009 - it is frozen
    connections: int = 2048  # on the socket; a thousand followers are served
    tcp_connections: int = 512  # on TCP
    request: int = 10  # a request that has begun must be complete
    idle: int = 120  # between requests
    unread: int = 16 << 20  # bytes of answers that wait for their readers, all together
    answer: float = 30.0  # seconds until a whole answer must be there
    stall: int = 60  # a reader must take something of a whole answer
    stream_stall: int = 3600  # and of a stream, which people page through


class Guest(Protocol):
    """The other end of a connection."""

    @property
    def refused(self) -> Refused | None:
        """Why nobody is served there."""

    @property
    def known(self) -> bool:
        """Whether it is known who that is."""

    @property
    def welcome(self) -> bool:
        """Whether they still may be here."""

    def admit(self, request: Request) -> Asker:
        """Who asks, as soon as the head of a request is complete; `Refused` ends the connection."""

    def pace(self) -> None:
        """Count an answer that is about to be made; `Refused` is then the answer."""


class Entrance(Protocol):
    """The door that a connection came in by."""

    @property
    def overrun(self) -> bool:
        """Whether not even a refusal can be afforded."""

    def enter(self, connection: Connection, transport: asyncio.Transport) -> Guest:
        """Note a new connection and say how it is served."""

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is gone."""


class Host(Protocol):
    """The server, as one of its connections sees it."""

    limits: Limits
    log: Callable[[str, BaseException | None], None]

    def watch(self) -> None:
        """Somebody is there: see to deadlines."""

    async def answer(self, asked: Asked) -> Response:
        """The response to one request."""

    def number(self) -> str:
        """An id for a request that came without one."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that is owned there until it ends."""


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, server: Host, door: Entrance) -> None:
        self._server = server
        self._door = door
        self._limits = server.limits
        self._parser = Parser()
        self._transport: asyncio.Transport
        self._making = False  # an answer
        self._guest: Guest
        self._asker: Asker
        self._task: asyncio.Task[None] | None = None
        self._more: asyncio.Future[None] | None = None  # set while waiting for bytes
        self._drained: asyncio.Future[None] | None = None  # set while the client does not read
        self._streaming = False
        self._chunks = False
        self._endless = False
        self._heartbeat = b""  # what a silent stream says
        self._silent = 0  # ticks since the stream said something
        self._ended = False  # the client sends nothing more
        self._parting = False  # the last word is said: what still comes is not heard
        self._ticks = 0  # since something went on
        self._waiting = 0  # bytes that wait for the client to read them
        self._reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        self._server.watch()
        self._guest = self._door.enter(self, self._transport)
        if self._door.overrun:
            self._last_word(Refused(503, "too many connections", headers={"Retry-After": "1"}), self._server.number())
            self._transport.close()
            return
        self._task = self._server.spawn(self._serve())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio gives it, and there is nobody to tell
        """They are gone: whatever was being made for them is dropped."""
        self._door.leave(self)
        if self._task is not None:
            self._task.cancel()
            self._task = None  # it remembers where it was cancelled, and so us: a circle

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._parting or self._transport.is_closing():
            return
        if not self._parser.midway:
            self._ticks = 0
        self._parser.feed(data)
        if self._more is not None:
            self._wake()
        elif self._parser.pending > AHEAD:
            self._reading = False
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client sends nothing more; a whole answer is still given, a stream without end is not."""
        self._ended = True
        if self._endless or self._parting or self._transport.get_extra_info("sslcontext") is not None:
            return False  # TLS cannot end in one direction only
        self._wake()
        return True

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._drained = asyncio.get_running_loop().create_future()
        self._ticks = 0

    def resume_writing(self) -> None:
        """The client has caught up."""
        drained, self._drained = self._drained, None
        self._ticks = 0
        if drained is not None and not drained.done():
            drained.set_result(None)

    @property
    def welcome(self) -> bool:
        """Whether they still may be here: until what they asked for before is answered, they may."""
        return self._making or self._guest.welcome

    @property
    def unread(self) -> tuple[int, int]:
        """For how many ticks nothing was read, and how much waits for that."""
        return (self._ticks, self._waiting) if self._waiting else (0, 0)

    def abort(self) -> None:
        """Hang up at once."""
        self._transport.abort()

    def age(self) -> None:
        """One tick passed; whoever let theirs run out is hung up on."""
        self._ticks += 1
        left = self._transport.get_write_buffer_size()
        if left < self._waiting:
            self._ticks = 0  # something was read
        self._waiting = left
        if self._parting:
            if self._ticks > LINGER:
                self.abort()
        elif left:
            if self._ticks > self._allowed():
                self.abort()
        elif self._more is not None:
            self._age_waiting()
        elif self._heartbeat:
            self._beat()

    def _beat(self) -> None:
        """Whole pieces go out at once, so that this never falls into the middle of one."""
        self._silent += 1
        if self._silent >= SILENCE:
            self._silent = 0
            self._transport.write(chunk(self._heartbeat) if self._chunks else self._heartbeat)

    def _allowed(self) -> int:
        if self._guest.refused is not None:
            return LINGER
        return self._limits.stream_stall if self._streaming else self._limits.stall

    def _age_waiting(self) -> None:
        if self._guest.refused is not None and self._ticks > LINGER:
            self.abort()
        elif self._parser.midway and self._ticks > self._limits.request:
            self._last_word(Refused(408, "the request did not come to its end in time"), self._server.number())
            self._transport.close()
        elif self._ticks > (self._limits.idle if self._guest.known else self._limits.request):
            self._transport.close()

    async def _serve(self) -> None:
        """Answer one request after the other until somebody has enough."""
        try:
            while (request := await self._next()) is not None:
                self._ticks = 0
                keep = await self._answer(request)
                self._ticks = 0
                if not keep or self._transport.is_closing():
                    break
                if self._parser.pending:
                    await asyncio.sleep(0)  # whoever asks much at once waits for the others after each answer
        except Refused as refused:
            self._last_word(refused, self._server.number())
            self._part()
        except BaseException:
            self._transport.close()
            raise
        else:
            self._transport.close()

    async def _next(self) -> Request | None:
        while (request := self._parser.take(self._admit)) is None:
            if self._ended:
                return None
            if self._parser.wants_continue:
                self._parser.wants_continue = False
                self._transport.write(CONTINUE)
            if not self._reading:
                self._reading = True
                self._transport.resume_reading()
            self._more = asyncio.get_running_loop().create_future()
            try:
                await self._more
            finally:
                self._more = None
        return request

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    async def _answer(self, request: Request) -> bool:
        """Whether the connection goes on after it."""
        number = self._number_of(request)
        self._making = True
        try:
            response = await self._made(request, number)
        finally:
            self._making = False
        keep = request.keep_alive and (response.stream is None or request.chunks) and self.welcome
        front = head(response, number, keep_alive=keep, chunks=request.chunks)
        if response.stream is None:
            self._transport.write(front if request.method == "HEAD" else front + response.body)
            await self._room()
        elif not self.welcome:  # they lost by another configuration meanwhile: nothing is begun for them
            self._transport.abort()
            await _close(response.stream)
        else:
            self._endless, self._heartbeat = response.endless, response.heartbeat
            await self._pour(front, response.stream, request)
        return keep

    async def _made(self, request: Request, number: str) -> Response:
        try:
            self._guest.pace()
            async with asyncio.timeout(self._limits.answer):
                return await self._server.answer(Asked(request, self._asker))
        except Refused as refused:
            return _refusal(refused)
        except TimeoutError:
            return _refusal(Refused(503, "no answer in time; it may still happen"))
        except PortError as error:
            self._server.log(f"request {number} failed", error)
            return _refusal(Refused(503, "the daemon cannot read or write its data at the moment"))
        except Exception as error:  # noqa: BLE001 - one broken route must not end the server; the id finds the story in the log
            self._server.log(f"request {number} failed", error)
            return _refusal(Refused(500, f"something is broken; the daemon's log says more about {number}"))

    async def _pour(self, front: bytes, stream: AsyncIterator[bytes], request: Request) -> None:
        self._streaming, self._chunks, self._silent = True, request.chunks, 0
        try:
            self._transport.write(front)
            if request.method != "HEAD" and not (self._ended and self._endless):
                await self._pieces(stream, chunks=request.chunks)
        except Exception as error:  # noqa: BLE001 - half an answer is out: the client must see it break off
            self._server.log("a stream broke off", error)
            self._transport.abort()
        finally:
            self._streaming = self._endless = False
            self._heartbeat = b""
            with suppress(Exception):
                await _close(stream)

    async def _pieces(self, stream: AsyncIterator[bytes], *, chunks: bool) -> None:
        async for piece in stream:
            if self._transport.is_closing():  # a stream with much at hand would go on writing into nothing
                return
            for begin in range(0, len(piece), SLICE):
                part = piece if len(piece) <= SLICE else piece[begin : begin + SLICE]
                self._silent = 0
                self._transport.write(chunk(part) if chunks else part)
                await self._room()
        if chunks:
            self._transport.write(LAST_CHUNK)

    async def _room(self) -> None:
        if self._drained is not None:
            await self._drained

    def _admit(self, request: Request) -> None:
        self._asker = self._guest.admit(request)

    def _part(self) -> None:
        """Hang up, but not before they could read why: a connection that is closed unread takes its last word along."""
        self._parting, self._ticks = True, 0
        if self._ended or not self._transport.can_write_eof():
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except OSError:  # they left before they could read it
            self.abort()
            return
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()

    def _last_word(self, refused: Refused, number: str) -> None:
        if not self._transport.is_closing():
            response = _refusal(refused)
            body = b"" if self._parser.bodiless else response.body
            self._transport.write(head(response, number, keep_alive=False, chunks=True) + body)

    def _number_of(self, request: Request) -> str:
        given = request.headers.get("x-request-id", "")
        return given if 0 < len(given) <= 100 and given.isascii() and given.isprintable() else self._server.number()


def _refusal(refused: Refused) -> Response:
    return Response(refused.status, encode(refused.document()), headers=refused.headers)


async def _close(stream: AsyncIterator[bytes]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
