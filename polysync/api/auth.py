"""Who is at the other end of the socket, and what they may do there.

On the unix socket the kernel says who connected, on TCP a token does.  Names and groups of `[access]` are turned
into numbers once, when the configuration is read, because asking the host for names can block.
"""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from polysync.api.tokens import holder
from polysync.domain.settings import Access, Token
from polysync.domain.values import Role
from polysync.ports import Asker

NOBODY: Final = 65534  # an id that has no counterpart here, as from a user namespace
RANK: Final = {Role.VIEWER: 1, Role.OPERATOR: 2, Role.ADMIN: 3}
_PEERGROUPS: Final = 59  # SO_PEERGROUPS; the socket module has no name for it
_PEER: Final = struct.Struct("iII")
_MOST: Final = 1024  # bytes that getsockopt may return here: 256 groups


@dataclass(frozen=True, slots=True)
class Peer:
    """Whoever connected, as the kernel remembers them."""

    pid: int
    uid: int
    gids: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Accounts:
    uids: frozenset[int]
    gids: frozenset[int]

    def hold(self, peer: Peer) -> bool:
        return peer.uid in self.uids or not self.gids.isdisjoint(peer.gids - {NOBODY})


@dataclass(slots=True)
class Doorkeeper:
    """Decides what a peer may do."""

    access: Access = field(default_factory=Access)
    own_uid: int = field(default_factory=os.geteuid)
    uid_of: Callable[[str], int] = lambda name: pwd.getpwnam(name).pw_uid
    gid_of: Callable[[str], int] = lambda name: grp.getgrnam(name).gr_gid
    name_of: Callable[[int], str] = lambda uid: pwd.getpwuid(uid).pw_name
    tokens: tuple[Token, ...] = ()
    unknown: list[str] = field(default_factory=list)  # names of [access] that this host does not have
    _roles: tuple[tuple[Role, _Accounts], ...] = ()
    _reveal: _Accounts = _Accounts(frozenset(), frozenset())
    _names: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        access = self.access
        self._roles = (
            (Role.ADMIN, self._resolve(access.admins)),
            (Role.OPERATOR, self._resolve(access.operators)),
            (Role.VIEWER, self._resolve(access.viewers)),
        )
        self._reveal = self._resolve(access.reveal)
        for uid in {0, self.own_uid, *(uid for _, accounts in self._roles for uid in accounts.uids)}:
            self._name(uid)

    def asker(self, peer: Peer) -> Asker | None:
        """Who that is, with their role; None for somebody who has none."""
        role = self._role(peer)
        return None if role is None else Asker(self._name(peer.uid), role, "socket", self._reveal.hold(peer))

    def bearer(self, shown: str) -> Token | None:
        """The token that somebody showed, if it is one of ours."""
        return holder(self.tokens, shown)

    def _role(self, peer: Peer) -> Role | None:
        if peer.uid == NOBODY:
            return None
        if peer.uid in {0, self.own_uid}:
            return Role.ADMIN
        return next((role for role, accounts in self._roles if accounts.hold(peer)), None)

    def _resolve(self, names: Iterable[str]) -> _Accounts:
        uids, gids = set(), set()
        for name in names:
            try:
                if name.startswith("@"):
                    gids.add(self.gid_of(name[1:]))
                else:
                    uids.add(self.uid_of(name))
            except KeyError:
                self.unknown.append(name)
        return _Accounts(frozenset(uids - {NOBODY}), frozenset(gids - {NOBODY}))

    def _name(self, uid: int) -> str:
        if uid not in self._names:
            try:
                self._names[uid] = self.name_of(uid)
            except KeyError:
                self._names[uid] = str(uid)
        return self._names[uid]


def peer_of(connection: socket.socket) -> Peer:
    """Who called `connect` on the other end: a passed descriptor keeps its first owner."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    pid, uid, gid = _PEER.unpack(raw)
    return Peer(pid, uid, frozenset({gid, *_groups_of(connection)}))


def allows(role: Role, needed: Role) -> bool:
    """Whether `role` includes what `needed` may do."""
    return RANK[role] >= RANK[needed]


def _groups_of(connection: socket.socket) -> tuple[int, ...]:
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _PEERGROUPS, _MOST)
    except OSError:  # more groups than fit: only the first one counts then
        return ()
    return struct.unpack(f"{len(raw) // 4}I", raw)
