"""News of quiet folders: one inotify instance for all of them, read by the event loop."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

IN_MODIFY: Final = 0x2
IN_MOVED_TO: Final = 0x80
IN_Q_OVERFLOW: Final = 0x4000
IN_ONLYDIR: Final = 0x0100_0000
INTEREST: Final = IN_MODIFY | IN_MOVED_TO | IN_ONLYDIR
BUFFER: Final = 1 << 16
_EVENT: Final = struct.Struct("iIII")

_libc = ctypes.CDLL(None, use_errno=True)

Changed = Callable[[], None]


class Watcher:
    """Calls back when something in a watched folder changes; several may watch the same folder."""

    def __init__(self, *, available: bool = True) -> None:
        self._fd: int | None = None
        self._available = available  # false: as on a host that has no watch left to give
        self._listeners: dict[int, list[Changed]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self, folder: Path, changed: Changed) -> int | None:
        """Start a watch, and return what ends it; None where the host has none to give: then poll."""
        fd = self._open()
        if fd is None:
            return None
        watch: int = _libc.inotify_add_watch(fd, os.fsencode(folder), INTEREST)
        if watch < 0:
            return None
        self._listeners.setdefault(watch, []).append(changed)
        return watch

    def unwatch(self, watch: int, changed: Changed) -> None:
        """End a watch; the last one on a folder takes it off the kernel's hands."""
        listeners = self._listeners.get(watch, [])
        if changed in listeners:
            listeners.remove(changed)
        if not listeners and self._listeners.pop(watch, None) is not None:
            _libc.inotify_rm_watch(self._fd, watch)  # fails where the folder is gone, and its watch with it

    def close(self) -> None:
        """Give the instance back; nobody is called any more."""
        if self._fd is not None and self._loop is not None:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
        self._fd, self._available = None, False
        self._listeners.clear()

    def _open(self) -> int | None:
        if self._fd is None and self._available:
            fd: int = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            if fd < 0:
                return None
            self._fd, self._loop = fd, asyncio.get_running_loop()
            self._loop.add_reader(fd, self._read, fd)
        return self._fd

    def _read(self, fd: int) -> None:
        try:
            data = os.read(fd, BUFFER)
        except BlockingIOError:
            return
        for changed in [called for watch in dict.fromkeys(_watches(data)) for called in self._of(watch)]:
            changed()

    def _of(self, watch: int) -> list[Changed]:
        if watch < 0:  # the kernel's queue ran over: anybody may have missed something
            return [called for listeners in self._listeners.values() for called in listeners]
        return self._listeners.get(watch, [])


def _watches(data: bytes) -> Iterator[int]:
    """The watch of each event; -1 where events were lost."""
    at = 0
    while at < len(data):
        watch, mask, _cookie, length = _EVENT.unpack_from(data, at)
        at += _EVENT.size + length
        yield -1 if mask & IN_Q_OVERFLOW else watch
