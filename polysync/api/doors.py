"""The ways in, each with room of its own: a crowd at one of them does not bar the other."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from polysync.api.accepting import Acceptor
from polysync.api.auth import Doorkeeper, Peer
from polysync.api.connection import Connection, Guest, Host
from polysync.api.gate import Gate, Rates, Visitor, names_for
from polysync.api.pacing import Paces
from polysync.api.protocol import Request
from polysync.api.refusal import Refused
from polysync.api.tcp import address_of, caller_of, keep_alive
from polysync.domain.values import Role
from polysync.ports import Asker

LOBBY: Final = 64  # connections that are only told why they are not served
HANDSHAKE: Final = 5.0  # seconds
FAREWELL: Final = 3.0  # seconds that TLS may take to end


class Door:
    """One way in."""

    def __init__(self, server: Host, room: int) -> None:
        self._server = server
        self._acceptors: list[Acceptor] = []
        self.room = room
        self.connections: set[Connection] = set()

    def open(self, listening: Sequence[socket.socket], *, speaks: bool = True) -> None:
        """Take callers from these sockets; `speaks`: they understand a word that is said at once."""
        self._acceptors += [Acceptor(one, self._welcome, self._server.log, speaks=speaks) for one in listening]

    def shut(self) -> None:
        """Take nobody any more."""
        for acceptor in self._acceptors:
            acceptor.close()
        self._acceptors.clear()

    def clear(self) -> None:
        """Hang up on everybody."""
        for connection in list(self.connections):
            connection.abort()

    def part_with_strangers(self) -> None:
        """Hang up on those who may not be here any more."""
        for connection in list(self.connections):
            if not connection.welcome:
                connection.abort()

    @property
    def overrun(self) -> bool:
        """Whether not even a refusal can be afforded."""
        return len(self.connections) > self.room + LOBBY

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self.connections.discard(connection)

    def _welcome(self, caller: socket.socket) -> None:
        raise NotImplementedError


class Known:
    """Whoever the kernel says it is; or why nobody may come in."""

    known = True

    def __init__(self, asker: Asker | None, refused: Refused | None, still: Callable[[], Asker | None]) -> None:
        self._asker = asker
        self._still = still
        self.refused = refused

    @property
    def welcome(self) -> bool:
        """Whether they still may do what they could do."""
        return self._asker is None or self._still() == self._asker

    def admit(self, _request: Request) -> Asker:
        """Who asks."""
        if self.refused is not None or self._asker is None:
            refused = self.refused or _stranger()
            raise Refused(refused.status, refused.message, headers=refused.headers)  # kept, it would keep us
        return self._asker

    def pace(self) -> None:
        """Whoever is known may ask as often as they like."""


class SocketDoor(Door):
    """The unix socket."""

    def __init__(
        self,
        server: Host,
        room: int,
        doorkeeper: Callable[[], Doorkeeper],
        peer: Callable[[socket.socket], Peer],
        turned_away: Callable[[int], None] = lambda _uid: None,
    ) -> None:
        super().__init__(server, room)
        self._turned_away = turned_away
        self._doorkeeper = doorkeeper
        self._peer = peer

    def enter(self, connection: Connection, transport: asyncio.Transport) -> Guest:
        """Note a new connection and say how it is served."""
        self.connections.add(connection)
        try:
            peer = self._peer(transport.get_extra_info("socket"))
        except OSError as error:
            self._server.log("a connection without an owner", error)
            return Known(None, _stranger(), lambda: None)
        asker = self._doorkeeper().asker(peer)
        refused = None
        if asker is None:
            self._turned_away(peer.uid)
            refused = _stranger()
        elif len(self.connections) > (self.room if asker.role is Role.ADMIN else self.room * 3 // 4):
            refused = Refused(503, "too many connections", headers={"Retry-After": "1"})
        return Known(asker, refused, lambda: self._doorkeeper().asker(peer))

    def _welcome(self, caller: socket.socket) -> None:
        self._server.spawn(self._connect(caller))

    async def _connect(self, caller: socket.socket) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(lambda: Connection(self._server, self), caller)


class TcpDoor(Door):
    """TCP, where callers show a token with each request."""

    def __init__(self, server: Host, room: int, gate: Gate, rates: Rates) -> None:
        super().__init__(server, room)
        self.gate = gate
        self.tls: ssl.SSLContext | None = None
        self.failed = 0  # handshakes
        self.turned_away = 0
        self._handshakes = Paces(rates.handshakes, asyncio.get_running_loop().time)
        self._callers: dict[Connection, str] = {}  # also those in the middle of a handshake
        self.coming: dict[Connection, asyncio.Task[None]] = {}  # in the middle of a handshake
        self._by_address: Counter[str] = Counter()
        self._named: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

    def speak(self, tls: ssl.SSLContext | None) -> None:
        """How those who come from now on are spoken with."""
        self.tls = tls
        if tls is not None:
            tls.sni_callback = self._note_name

    def clear(self) -> None:
        """Hang up on everybody, also on those who are not quite here."""
        for task in self.coming.values():
            task.cancel()
        super().clear()

    def enter(self, connection: Connection, transport: asyncio.Transport) -> Guest:
        """Note a new connection and say how it is served."""
        self.connections.add(connection)
        said = transport.get_extra_info("ssl_object")
        dialled = address_of(transport.get_extra_info("sockname"))
        names = names_for(dialled, None if said is None else self._named.get(said))
        return Visitor(self.gate, self._callers[connection], names, tls=said is not None)

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        super().leave(connection)
        who = self._callers.pop(connection, None)
        if who is not None:
            self._by_address[who] -= 1
            if not self._by_address[who]:
                del self._by_address[who]

    def _note_name(self, said: Any, name: str | None, _context: ssl.SSLContext) -> None:
        if name is not None:
            self._named[said] = name

    def _welcome(self, caller: socket.socket) -> None:
        try:
            who = caller_of(address_of(caller.getpeername()))
            keep_alive(caller)
        except OSError:  # they left again
            caller.close()
            return
        if self._is_full(who):
            self.turned_away += 1
            caller.close()
            return
        connection = Connection(self._server, self)
        self._callers[connection] = who
        self._by_address[who] += 1
        task = self.coming[connection] = self._server.spawn(self._connect(connection, caller))
        task.add_done_callback(lambda _task: self._came(connection, caller))

    def _is_full(self, who: str) -> bool:
        """Whether one more from there is too much; only half of the room is for one address."""
        if len(self._callers) >= self.room or self._by_address[who] >= max(1, self.room // 2):
            return True
        return self.tls is not None and self._handshakes.take(who) > 0

    async def _connect(self, connection: Connection, caller: socket.socket) -> None:
        loop, patience = asyncio.get_running_loop(), {}
        if self.tls is not None:
            patience = {"ssl_handshake_timeout": HANDSHAKE, "ssl_shutdown_timeout": FAREWELL}
        try:
            await loop.connect_accepted_socket(lambda: connection, caller, ssl=self.tls, **patience)
        except OSError as error:  # they do not speak TLS, or not ours, or left, or take for ever
            error.with_traceback(None)  # it would hold on to all that was made for them, in a circle
            self.failed += 1

    def _came(self, connection: Connection, caller: socket.socket) -> None:
        """They are here, or will never be."""
        del self.coming[connection]
        if connection not in self.connections:
            self.leave(connection)
            caller.close()


def _stranger() -> Refused:
    return Refused(403, "this user may not use polysync; see [access]")
