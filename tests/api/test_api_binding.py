"""The socket file: safe from its first moment, and nothing of anybody else is touched."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from polysync.api.binding import CannotBind, bind_socket, place_of, remove_socket, socket_path
from polysync.api.client import Client, StaleSocket
from polysync.home import Home
from tests.api.stage import descriptors
from tests.faults import fault


@pytest.fixture
def home(tmp_path: Path) -> Home:
    tmp_path.chmod(0o700)
    return Home(tmp_path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def dial(path: Path) -> None:
    """Connect as far as the kernel."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(path))


def test_only_we_may_connect(home: Home) -> None:
    with bind_socket(home) as listening:
        assert mode(home.socket) == 0o600
        assert not listening.get_inheritable()
        dial(home.socket)
        assert [path.name for path in home.path.iterdir()] == ["polysync.sock"]


def test_a_shared_socket_has_a_folder_of_its_own(home: Home) -> None:
    with bind_socket(home):
        pass
    with bind_socket(home, shared=True):
        path = socket_path(home, shared=True)
        assert (mode(home.path), mode(path.parent), mode(path)) == (0o711, 0o711, 0o666)
        assert not home.socket.exists()
        dial(path)
    with bind_socket(home):
        assert not path.exists()


@fault("F45")
def test_a_socket_left_by_a_dead_daemon_is_replaced(home: Home) -> None:
    bind_socket(home).close()
    before = place_of(home.socket)
    assert before is not None
    with pytest.raises(StaleSocket), Client(str(home.socket)) as client:
        client.request("GET", "/")
    with bind_socket(home):
        dial(home.socket)


def test_a_half_made_socket_is_replaced(home: Home) -> None:
    with socket.socket(socket.AF_UNIX) as half:
        half.bind(str(home.path / ".polysync.sock.new"))
        with bind_socket(home):
            dial(home.socket)


def test_a_socket_somebody_listens_on_is_left_alone(home: Home) -> None:
    with bind_socket(home) as first:
        with pytest.raises(CannotBind, match="somebody else listens"):
            bind_socket(home)
        first.listen(0)
        callers = []
        for _ in range(3):
            caller = socket.socket(socket.AF_UNIX)
            caller.setblocking(False)
            caller.connect_ex(str(home.socket))
            callers.append(caller)
        with pytest.raises(CannotBind, match="somebody else listens"):
            bind_socket(home)
        for caller in callers:
            caller.close()


@fault("F45")
@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling"])
def test_what_is_in_the_way_is_named_and_kept(home: Home, kind: str) -> None:
    target = home.path / "precious"
    if kind == "file":
        home.socket.write_text("precious")
    elif kind == "folder":
        home.socket.mkdir()
    else:
        if kind == "link":
            target.write_text("precious")
        home.socket.symlink_to(target)
    with pytest.raises(CannotBind, match="symbolic link" if kind in {"link", "dangling"} else "not a socket"):
        bind_socket(home)
    assert os.path.lexists(home.socket)


def test_a_socket_of_somebody_else_is_kept(home: Home) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    bind_socket(home).close()
    os.chown(home.socket, 1234, 1234)
    with pytest.raises(CannotBind, match="belongs to user 1234"):
        bind_socket(home)


@pytest.mark.parametrize("bits", [0o770, 0o707])
def test_a_home_that_others_write_to_is_refused(home: Home, bits: int) -> None:
    home.path.chmod(bits)
    with pytest.raises(CannotBind, match="others may write"):
        bind_socket(home)
    assert not home.socket.exists()


def test_a_home_of_somebody_else_is_refused(home: Home) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(home.path, 1234, 1234)
    with pytest.raises(CannotBind, match="belongs to user 1234, not"):
        bind_socket(home)


def test_a_shared_folder_that_is_a_link_is_refused(home: Home, tmp_path_factory: pytest.TempPathFactory) -> None:
    (home.path / "sock").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(CannotBind, match="no socket can be made"):
        bind_socket(home, shared=True)


def test_a_home_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotBind, match="No such file"):
        bind_socket(Home(tmp_path / "nowhere"))


@fault("F45")
@pytest.mark.parametrize("shared", [False, True])
def test_a_deep_home_is_served(home: Home, shared: bool) -> None:
    deep = home.path.joinpath(*["d" * 50] * 4)
    deep.mkdir(parents=True)
    deep.chmod(0o700)
    before = descriptors()
    for _ in range(3):  # the second finds what the first left
        with bind_socket(Home(deep), shared=shared):
            assert descriptors() == before + 1
    assert socket_path(Home(deep), shared=shared).is_socket()


def test_a_failed_bind_leaks_nothing(home: Home) -> None:
    (home.path / ".polysync.sock.new").mkdir()
    before = descriptors()
    with pytest.raises(CannotBind):
        bind_socket(home)
    assert descriptors() == before


def test_only_our_own_socket_is_removed_at_the_end(home: Home) -> None:
    with bind_socket(home):
        place = place_of(home.socket)
        remove_socket(home.socket, (0, 0))
        assert home.socket.exists()
        remove_socket(home.socket, place)
        assert place_of(home.socket) is None
        remove_socket(home.socket, place)
        remove_socket(home.socket, None)
