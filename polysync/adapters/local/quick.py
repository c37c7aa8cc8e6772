"""System calls that take a microsecond and never wait, made without letting go of the interpreter.

The functions of `os` let others run meanwhile, and while threads are busy it takes a hundred times as long as the
call to get the interpreter back.  Only what the kernel answers from memory is asked here: the size of a file, a line
of /proc, a file that was just written, how a child ended.  Where libc lacks something, `os` stands in.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Callable
from typing import Any, Final, NamedTuple

AT_FDCWD: Final = -100
AT_SYMLINK_NOFOLLOW: Final = 0x100
STATX_SIZE: Final = 0x200
STATX_BYTES: Final = 256
SIZE_AT: Final = 40  # in what statx answers, the same on every machine
RUSAGE_BYTES: Final = 256
USAGE: Final = struct.Struct("5q")  # seconds and microseconds for user and system, and the peak of memory in KiB
EVENT: Final = struct.Struct("=Iq" if platform.machine() == "x86_64" else "@Iq")
EPOLL_CTL_ADD: Final = 1
EPOLL_CTL_DEL: Final = 2
EPOLLIN: Final = 1
LONGS: Final = ctypes.sizeof(ctypes.c_long) == 8
READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

_held: Final = ctypes.PyDLL(None, use_errno=True)
_statx: Final[Callable[..., int] | None] = getattr(_held, "statx", None)
_buffer: Final = ctypes.create_string_buffer


class Cost(NamedTuple):
    """What a process and those that it waited for have used."""

    cpu_seconds: float
    max_rss: int  # bytes, of the largest of them


class Reaped(NamedTuple):
    """How a child ended."""

    status: int  # as wait4 gives it
    cost: Cost


def size_of(path: str) -> int:
    """The size of a file, links not followed; `FileNotFoundError` where there is none."""
    if _statx is None:
        return os.lstat(path).st_size
    answer = _buffer(STATX_BYTES)
    if _statx(AT_FDCWD, os.fsencode(path), AT_SYMLINK_NOFOLLOW, STATX_SIZE, answer):
        raise _error(path)
    size: int = struct.unpack_from("=Q", answer, SIZE_AT)[0]
    return size


def read_small(path: str, limit: int) -> bytes:
    """The beginning of a small file that is in memory."""
    descriptor = _held.open(os.fsencode(path), READ)
    if descriptor < 0:
        raise _error(path)
    try:
        content = _buffer(limit)
        count = _held.read(descriptor, content, limit)
        if count < 0:
            raise _error(path)
        return content.raw[:count]
    finally:
        _held.close(descriptor)


def reap(pid: int) -> Reaped | None:
    """Reap a child that has ended; None where it still runs, `ChildProcessError` where it is none of ours."""
    if not LONGS:
        return reap_by_os(pid)
    status, usage = ctypes.c_int(), _buffer(RUSAGE_BYTES)
    found = _held.wait4(pid, ctypes.byref(status), os.WNOHANG, usage)
    if found < 0:
        raise _error(str(pid))
    if not found:
        return None
    user, user_part, system, system_part, peak = USAGE.unpack_from(usage)
    return Reaped(status.value, Cost(user + system + (user_part + system_part) / 1e6, peak * 1024))


def reap_by_os(pid: int) -> Reaped | None:
    """The same where the kernel's answer is laid out in another way."""
    found, status, usage = os.wait4(pid, os.WNOHANG)
    return Reaped(status, Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)) if found else None


def listen(epoll: int, descriptor: int) -> None:
    """Have an epoll tell when a descriptor can be read."""
    event = _buffer(EVENT.pack(EPOLLIN, descriptor), 16)
    if _held.epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, event):
        raise _error(str(descriptor))


def unlisten(epoll: int, descriptor: int) -> None:
    """Have an epoll tell nothing more of a descriptor."""
    if _held.epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, None):
        raise _error(str(descriptor))


def close(descriptor: int) -> None:
    """Close what has nothing left to be written."""
    _held.close(descriptor)


def _error(about: Any) -> OSError:
    number = ctypes.get_errno()
    return OSError(number or errno.EIO, os.strerror(number or errno.EIO), about)
