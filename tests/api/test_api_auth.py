"""Who may do what: roles from the kernel's word, one table of routes, nobody by accident."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from polysync.api.auth import NOBODY, Doorkeeper, Peer, peer_of
from polysync.api.binding import bind_socket, socket_path
from polysync.api.routes import ROUTES
from polysync.domain.settings import Access
from polysync.domain.values import Role
from polysync.home import Home
from tests.api.stage import staged

UIDS = {"ada": 1001, "bob": 1002, "cyd": 1003, "nobody": NOBODY}
GIDS = {"ops": 2001, "staff": 2002, "nogroup": NOBODY}
ACCESS = Access(
    admins=("ada", "ghost", "nobody"),
    operators=("@ops", "@nogroup", "bob"),
    viewers=("@staff", "ada", "@phantoms"),
    reveal=("bob",),
)


def door() -> Doorkeeper:
    """A doorkeeper with accounts of its own, whose daemon runs as 900."""
    names = {uid: name for name, uid in UIDS.items()}
    return Doorkeeper(ACCESS, 900, UIDS.__getitem__, GIDS.__getitem__, names.__getitem__)


@pytest.mark.parametrize(
    ("uid", "gids", "role"),
    [
        (0, (), Role.ADMIN),
        (900, (), Role.ADMIN),
        (1001, (2002,), Role.ADMIN),
        (1002, (), Role.OPERATOR),
        (1003, (2001, 2002), Role.OPERATOR),
        (1003, (2002,), Role.VIEWER),
        (1003, (), None),
        (1003, (NOBODY,), None),
        (NOBODY, (2001, 2002, NOBODY), None),
    ],
)
def test_the_highest_role_counts(uid: int, gids: tuple[int, ...], role: Role | None) -> None:
    asker = door().asker(Peer(1, uid, frozenset(gids)))
    assert (asker.role if asker else None) == role


def test_names_for_the_audit() -> None:
    keeper = door()
    bob, stranger = keeper.asker(Peer(1, 1002, frozenset())), keeper.asker(Peer(1, 7, frozenset({2002})))
    assert bob is not None
    assert stranger is not None
    assert (bob.name, bob.reveal, bob.channel) == ("bob", True, "socket")
    assert (stranger.name, stranger.reveal) == ("7", False)


def test_names_that_the_host_does_not_have_are_listed() -> None:
    assert door().unknown == ["ghost", "@phantoms"]


def test_nobody_but_root_and_the_daemon_by_default() -> None:
    assert Doorkeeper(own_uid=900).asker(Peer(1, 1000, frozenset({0}))) is None


def test_every_route_that_changes_something_needs_more_than_eyes() -> None:
    assert {route.role for route in ROUTES if route.method != "GET"} <= {Role.OPERATOR, Role.ADMIN}
    assert len({(route.method, route.pattern) for route in ROUTES}) == len(ROUTES)


async def test_a_connection_without_an_owner_is_refused(tmp_path: Path) -> None:
    def broken(_socket: socket.socket) -> Peer:
        raise OSError("no credentials")

    async with staged(tmp_path, peer=broken) as stage:
        assert (await stage.ask("GET", "/api/health")).status == 403
        assert stage.said[0][0] == "a connection without an owner"


def test_the_kernel_names_the_peer() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        peer = peer_of(ours)
    assert (peer.pid, peer.uid) == (os.getpid(), os.geteuid())
    assert peer.gids >= {os.getegid(), *os.getgroups()}


DIAL = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(1)"


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
@pytest.mark.parametrize(
    ("groups", "expected"), [("2001,2002", {2001, 2002}), (",".join(map(str, range(3000, 3300))), set())]
)
def test_supplementary_groups_come_along(tmp_path: Path, groups: str, expected: set[int]) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o011 != 0o011:
            folder.chmod(0o711)
    home = Home(tmp_path)
    with bind_socket(home, shared=True) as listening:
        listening.setblocking(True)
        ids = ["--reuid=1234", "--regid=1235", f"--groups={groups}"]
        where = str(socket_path(home, shared=True))
        python = getattr(sys, "_base_executable", sys.executable)
        with subprocess.Popen(["setpriv", *ids, python, "-c", DIAL, where]) as caller:  # noqa: S607 - found on the path above
            listening.settimeout(20)
            connection, _ = listening.accept()
            with connection:
                peer = peer_of(connection)
            caller.wait(20)
    assert (peer.uid, peer.gids) == (1234, frozenset({1235, *expected}))
