"""The unix socket, made by ourselves while the home is locked: nobody can connect before its mode is right.

It is bound under a temporary name, closed to everybody, and moved into place once it listens; so the name
leads at every moment to nothing, to the old socket or to a finished one.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from polysync.domain.errors import PolysyncError
from polysync.home import Home

LONGEST: Final = 107  # bytes of a path that fit a socket address
BACKLOG: Final = 128
OPEN_DOOR: Final = 0o711
Place = tuple[int, int]


class CannotBind(PolysyncError):
    """The socket cannot be made."""


def socket_path(home: Home, *, shared: bool = False) -> Path:
    """Where the socket stands; a shared one has a folder of its own."""
    return home.shared_socket if shared else home.socket


def bind_socket(home: Home, *, shared: bool = False) -> socket.socket:
    """A listening socket in the home, which must be locked; `shared` lets everybody connect and be judged."""
    with _said(home.path), _folder(home.path) as inside:
        if shared:
            os.fchmod(inside, OPEN_DOOR)
            with suppress(FileExistsError):
                os.mkdir(home.shared_socket.parent.name, OPEN_DOOR, dir_fd=inside)
        _clear_other(home, inside, shared=shared)
    path = socket_path(home, shared=shared)
    with _said(path), _folder(path.parent, follow=not shared) as folder:
        if shared:
            os.fchmod(folder, OPEN_DOOR)
        return _bound(path, folder, 0o666 if shared else 0o600)


def place_of(path: Path) -> Place | None:
    """Which file stands at `path`; to notice that the socket was deleted or replaced."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def remove_socket(path: Path, place: Place | None) -> None:
    """Take the socket away at the end, if it is still the one that was made."""
    if place is not None and place_of(path) == place:
        with suppress(OSError):
            path.unlink()


def _clear_other(home: Home, inside: int, *, shared: bool) -> None:
    """A socket left where the other setting of [access] had it would lead clients to nowhere."""
    if shared:
        _clear(home.socket, inside)
    elif home.shared_socket.parent.is_dir():
        with _folder(home.shared_socket.parent, follow=False) as folder:
            _clear(home.shared_socket, folder)


def _bound(path: Path, folder: int, mode: int) -> socket.socket:
    fresh = path.with_name(f".{path.name}.new")
    _clear(path, folder)
    _clear(fresh, folder)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(made.fileno(), 0o600)  # Linux gives the file this mode, less the umask
        made.bind(_address(fresh, folder))
        os.chmod(fresh.name, mode, dir_fd=folder)
        made.listen(BACKLOG)
        made.setblocking(False)  # noqa: FBT003 - the argument has no name
        os.rename(fresh.name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        made.close()
        raise
    return made


def _address(path: Path, folder: int) -> str:
    return str(path) if len(os.fsencode(path)) <= LONGEST else f"/proc/self/fd/{folder}/{path.name}"


def _clear(path: Path, folder: int) -> None:
    """Remove a socket of ours that nobody listens on, and nothing else."""
    try:
        found = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a socket"
        raise CannotBind(f"{path}: in the way, and {kind}; move it away")
    if found.st_uid != os.geteuid():
        raise CannotBind(f"{path}: in the way, and it belongs to user {found.st_uid}")
    if _answers(_address(path, folder)):
        raise CannotBind(f"{path}: somebody else listens there")
    os.unlink(path.name, dir_fd=folder)


def _answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # noqa: FBT003 - the argument has no name
        try:
            probe.connect(address)
        except BlockingIOError:
            return True  # its queue is full: somebody owns it
        except OSError:
            return False
        return True


@contextmanager
def _folder(path: Path, *, follow: bool = True) -> Iterator[int]:
    """A descriptor of a folder that is ours, and that nobody else can put things into."""
    extra = 0 if follow else os.O_NOFOLLOW
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | extra)
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            raise CannotBind(f"{path}: belongs to user {found.st_uid}, not to the daemon's")
        if found.st_mode & 0o022:
            raise CannotBind(f"{path}: others may write there; chmod go-w it")
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotBind(f"{path}: no socket can be made: {error.strerror}") from error
