"""The claim on an attempt: one file and one lock, by which two starts of the same attempt are told from one.

The status file is made by exactly one starter.  Its lock belongs to an open file description that the shim gets
and the daemon lets go of, so it is held exactly as long as the shim lives, whatever becomes of the daemon.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from enum import Enum, auto
from typing import Final, NamedTuple

from polysync.adapters.local.status import Status, read_status

PRIVATE: Final = 0o700
MAKINGS: Final = 5


class Found(Enum):
    """What stands in a folder that was claimed before."""

    STARTING = auto()  # a lock and no identity yet: whoever holds it is about to say who it is
    STARTED = auto()  # there is an identity: it runs, it ended or it died
    UNUSED = auto()  # no lock and nothing written: the command never ran


class Claim(NamedTuple):
    """The answer to a claim: a descriptor to start with, or what stands there already."""

    descriptor: int = -1
    found: Found | None = None
    status: Status | None = None


def status_path(folder: str, token: str) -> str:
    """The file that holds claim, identity and status of one attempt."""
    return f"{folder}/{token}.status"


def claim(folder: str, token: str) -> Claim:
    """Claim an attempt: make its folder and its locked status file, or say who was faster."""
    path = status_path(folder, token)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    _make_folder(folder)
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        return _claim_again(path)
    return _locked(descriptor, path)


def look(path: str) -> Claim:
    """What stands in a status file, without claiming it."""
    status = read_status(path)
    if status is None or status.shim:
        return Claim(found=Found.UNUSED if status is None else Found.STARTED, status=status)
    if _is_held(path):
        return Claim(found=Found.STARTING, status=status)
    # Once more, because a whole run fits between that look and this one; what is free now stays as it is.
    status = read_status(path)
    return Claim(found=Found.STARTED if status and status.shim else Found.UNUSED, status=status)


def _make_folder(folder: str) -> None:
    # One by one: `makedirs` would give the parents the mode that the umask leaves.  The first attempt of a run is
    # the usual one, so the folder of its run is made without asking.
    run = folder.rpartition("/")[0]
    for _ in range(MAKINGS):
        try:
            _make(run)
            _make(folder)
        except FileNotFoundError:
            # `runs` was not there yet; or that of the run was taken away when its last attempt was forgotten.
            _make(run.rpartition("/")[0])
        else:
            return
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)


def _make(folder: str) -> None:
    with suppress(FileExistsError):
        os.mkdir(folder, PRIVATE)  # noqa: PTH102 - the path of every run: a Path costs more than the call


def _claim_again(path: str) -> Claim:
    seen = look(path)
    if seen.found is not Found.UNUSED:
        return seen
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return seen
    return _locked(descriptor, path)


def _locked(descriptor: int, path: str) -> Claim:
    """The claim on an open file, unless somebody else holds it, or held it and wrote into it."""
    try:
        if _lock(descriptor) and os.fstat(descriptor).st_size == 0:
            return Claim(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return look(path)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_held(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno != errno.EWOULDBLOCK:
            raise
        return True
    finally:
        os.close(descriptor)
    return False
