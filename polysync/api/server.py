"""The server: connections by the doors that are open, each bounded in number, memory and patience.

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
from operator import itemgetter
from typing import Any

from polysync.api.asked import Asked
from polysync.api.auth import Doorkeeper, Peer, peer_of
from polysync.api.connection import Limits
from polysync.api.doors import Door, SocketDoor, TcpDoor
from polysync.api.gate import CHANNEL, Gate
from polysync.api.idempotency import Keys
from polysync.api.office import Office
from polysync.api.recalling import Past
from polysync.api.response import Response
from polysync.api.route import Route
from polysync.api.routes import ROUTES, dispatch
from polysync.domain.values import Role
from polysync.ports import Asker

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
        self._tasks: set[asyncio.Task[None]] = set()
        self._tick: asyncio.TimerHandle | None = None
        self._word = os.urandom(4).hex()  # tells the ids of this process from those before it
        self._numbers = count(1)
        self._keys = Keys(self.spawn)
        self._past = Past()
        rates = self.limits.rates
        gate = Gate(lambda: self.doorkeeper, asyncio.get_running_loop().time, self._note_stranger, rates)
        self.socket = SocketDoor(self, self.limits.connections, lambda: self.doorkeeper, peer, self._turned_away)
        self.tcp = TcpDoor(self, self.limits.tcp_connections, gate, rates)
        self._doors: tuple[Door, ...] = (self.socket, self.tcp)

    @property
    def connections(self) -> int:
        """How many are connected."""
        return sum(len(door.connections) for door in self._doors)

    async def start(self, listening: socket.socket) -> None:
        """Begin to serve."""
        self.socket.open([listening])

    async def close(self) -> None:
        """Take no more connections, and hang up on those there are."""
        for door in self._doors:
            door.shut()
        self._keys.close()
        while self._tasks:
            for door in self._doors:
                door.clear()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    def admit(self, doorkeeper: Doorkeeper) -> None:
        """Let in whom another configuration names, and hang up on those who lost by it."""
        self.doorkeeper = doorkeeper
        for door in self._doors:
            door.part_with_strangers()

    def watch(self) -> None:
        """Somebody is there: see to deadlines."""
        if self._tick is None:
            self._schedule()

    async def answer(self, asked: Asked) -> Response:
        """The response to one request."""
        return await dispatch(self.office, asked, self._routes, self._keys, self._past)

    def number(self) -> str:
        """An id for a request that came without one."""
        return f"{self._word}-{next(self._numbers)}"

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that is owned here until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _relieve(self) -> None:
        """Hang up on those who read least, until what waits to be read is no burden."""
        unread = ((one.unread, one) for door in self._doors for one in door.connections)
        stalled = sorted((found for found in unread if found[0][1]), key=itemgetter(0))
        total = sum(waiting for (_, waiting), _ in stalled)
        while total > self.limits.unread:
            (_, waiting), connection = stalled.pop()
            total -= waiting
            connection.abort()

    def _turned_away(self, uid: int) -> None:
        self.office.desk.deny(Asker(f"uid {uid}", Role.VIEWER, known=False), "connect", "socket")

    def _note_stranger(self, who: str, why: str, unnoted: int) -> None:
        more = {"unnoted": unnoted} if unnoted else {}
        self.office.desk.deny(Asker(who, Role.VIEWER, CHANNEL, known=False), "sign-in", "", {"why": why, **more})

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.log("a connection failed", error)

    def _schedule(self) -> None:
        self._tick = asyncio.get_running_loop().call_later(self.limits.tick, self._sweep)

    def _sweep(self) -> None:
        self._tick = None
        for door in self._doors:
            for connection in list(door.connections):
                connection.age()
        self._relieve()
        if self.connections:
            self._schedule()
