"""The server: connections on a listening socket, each bounded in number, memory and patience.

Requests of one connection are answered in order.  What a client does not read is not produced: a stream is
asked for its next piece only when the last one is on its way.  One clock tick a second, and only while
somebody is connected, sees to the deadlines, so that a request costs no timer.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from typing import Any, Final

from polysync.api.accepting import Acceptor
from polysync.api.asked import Asked
from polysync.api.auth import Doorkeeper, Peer, peer_of
from polysync.api.connection import Connection, Guest, Limits
from polysync.api.office import Office
from polysync.api.refusal import Refused
from polysync.api.response import Response
from polysync.api.route import Route
from polysync.api.routes import ROUTES, dispatch
from polysync.domain.values import Role

LOBBY: Final = 64  # connections that are only told why they are not served
Log = Callable[[str, BaseException | None], None]


class Server:
    """Serves an office on a socket that already listens."""

    def __init__(
        self,
        office: Office,
        doorkeeper: Doorkeeper,
        *,
        log: Log,
        limits: Limits | None = None,
        routes: Sequence[Route] = ROUTES,
        peer: Callable[[socket.socket], Peer] = peer_of,
    ) -> None:
        self.office = office
        self.doorkeeper = doorkeeper  # replaced as a whole when the configuration is
        self.limits = limits or Limits()
        self.log = log
        self._routes = routes
        self._peer = peer
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._acceptor: Acceptor | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._word = os.urandom(4).hex()  # tells the ids of this process from those before it
        self._numbers = count(1)

    @property
    def connections(self) -> int:
        """How many are connected."""
        return len(self._connections)

    async def start(self, listening: socket.socket) -> None:
        """Begin to serve."""
        self._acceptor = Acceptor(listening, self._welcome, self.log)

    async def close(self) -> None:
        """Take no more connections, and hang up on those there are."""
        if self._acceptor is not None:
            self._acceptor.close()
            self._acceptor = None
        while self._tasks:
            for connection in list(self._connections):
                connection.abort()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    def enter(self, connection: Connection, transport: asyncio.Transport) -> Guest:
        """Note a new connection and say how it is served."""
        self._connections.add(connection)
        if self._tick is None:
            self._schedule()
        try:
            asker = self.doorkeeper.asker(self._peer(transport.get_extra_info("socket")))
        except OSError as error:
            self.log("a connection without an owner", error)
            asker = None
        if asker is None:
            return Guest(None, Refused(403, "this user may not use polysync; see [access]"))
        room = self.limits.connections if asker.role is Role.ADMIN else self.limits.connections * 3 // 4
        if len(self._connections) > room:
            return Guest(asker, Refused(503, "too many connections", headers={"Retry-After": "1"}))
        return Guest(asker)

    @property
    def overrun(self) -> bool:
        """Whether not even a refusal can be afforded."""
        return len(self._connections) > self.limits.connections + LOBBY

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self._connections.discard(connection)

    async def answer(self, asked: Asked) -> Response:
        """The response to one request."""
        return await dispatch(self.office, asked, self._routes)

    def number(self) -> str:
        """An id for a request that came without one."""
        return f"{self._word}-{next(self._numbers)}"

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that is owned here until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _welcome(self, caller: socket.socket) -> None:
        self.spawn(self._connect(caller))

    async def _connect(self, caller: socket.socket) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(lambda: Connection(self), caller)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.log("a connection failed", error)

    def _schedule(self) -> None:
        self._tick = asyncio.get_running_loop().call_later(self.limits.tick, self._sweep)

    def _sweep(self) -> None:
        self._tick = None
        for connection in list(self._connections):
            connection.age()
        if self._connections:
            self._schedule()
