"""What the store says when it cannot: the disk is full, somebody holds it, or it can no longer be trusted."""

from __future__ import annotations

import errno
import sqlite3
from typing import Final

from polysync.ports import PortError


class StorageFull(PortError):
    """The disk is full: nothing was stored, and it will work again once there is space."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class StorageBusy(PortError):
    """Somebody else holds the file: nothing was stored, and it can be tried again."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class StorageBroken(PortError):
    """The file, its disk or our right to it is gone: only a look by a person or a new start helps."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})  # the second: no room for the WAL's index
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# What a statement itself did wrong; every other code tells of the world below it.
_OWN_FAULT: Final = frozenset(
    {
        *(sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH),
        *(sqlite3.SQLITE_RANGE, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISUSE),
    }
)
_FULL_ERRNO: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_BUSY_ERRNO: Final = frozenset({errno.EBUSY, errno.EAGAIN})


def world_error(error: BaseException) -> PortError | None:
    """The port's word for an error of the world below us; None for a fault of ours."""
    if isinstance(error, PortError):
        return error
    if isinstance(error, OSError):
        return _of_errno(error)
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(error, sqlite3.Error) or code is None or code & 0xFF in _OWN_FAULT:
        return None
    if code in _FULL or code & 0xFF in _FULL:
        return StorageFull(f"the disk is full ({error})")
    if code & 0xFF in _BUSY:
        return StorageBusy(f"another process holds the database ({error})")
    return StorageBroken(f"the database failed: {error} ({error.sqlite_errorname})")


def _of_errno(error: OSError) -> PortError:
    if error.errno in _FULL_ERRNO:
        return StorageFull(f"the disk is full ({error})")
    if error.errno in _BUSY_ERRNO:
        return StorageBusy(f"the database is busy ({error})")
    return StorageBroken(f"the database failed: {error}")
