"""Waiting for shims to end, our own and adopted ones, without a thread and without asking again and again."""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from polysync.adapters.local.identity import DEAD, Identity, same, stat_of
from polysync.adapters.local.quick import Cost, close, listen, reap, unlisten

# Where others of its group outlive the shim, they are given these pauses, in seconds, to say their last words.
# The first is for init, which takes a moment to reap.
PAUSES: Final = (0.005, 0.05, 0.1, 0.2, 0.5)
# Without a free descriptor for a pidfd the shim is asked about in this rhythm.
RHYTHM: Final = 0.1


class Ending:
    """The end of one shim, for any number of waiters."""

    __slots__ = ("cost", "lingered", "over", "pid", "status")

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.over = asyncio.Event()  # it is gone, and its group had the chance to fall silent
        self.status: int | None = None  # as wait4 gives it: only for our own children
        self.cost: Cost | None = None
        self.lingered = False  # others of its group were still there when nobody waited for them any longer


class Waits:
    """All the endings that are waited for on one loop, which looks at one descriptor for all of them."""

    def __init__(self) -> None:
        self._epoll: select.epoll | None = None
        self._gone: dict[int, Callable[[], None]] = {}  # by pidfd
        self._loop: asyncio.AbstractEventLoop | None = None

    def close(self) -> None:
        """Wait for nothing any more; what runs goes on."""
        if self._epoll is not None and self._loop is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
        for pidfd in self._gone:
            close(pidfd)
        self._gone.clear()
        self._epoll = None

    def own(self, pid: int, pidfd: int) -> Ending:
        """Wait for a child of this process, and reap it; `pidfd` is closed here, and may be -1 where there was none."""
        ending = Ending(pid)
        self._watch(pidfd, partial(self._reap, ending), partial(_unreaped, ending))
        return ending

    def adopted(self, identity: Identity) -> Ending:
        """Wait for a process that is not our child; one that is gone already has ended."""
        ending = Ending(identity.pid)
        try:
            pidfd = os.pidfd_open(identity.pid)
        except OSError:
            pidfd = -1  # gone, or no descriptor is free: then it is asked about
        try:
            lives = same(identity)
        except OSError:  # not even its birth can be looked up now
            _close(pidfd)
            raise
        if lives:
            self._watch(pidfd, partial(self._release, ending, pidfd), partial(same, identity))
            return ending
        _close(pidfd)
        stat = stat_of(identity.pid)
        if stat is not None and stat.ticks != identity.ticks:
            ending.over.set()  # the number means a stranger, whose group is none of ours
        else:
            self._settle(ending)
        return ending

    def _watch(self, pidfd: int, ended: Callable[[], None], lives: Callable[[], bool]) -> None:
        if pidfd < 0:
            self._ask(ended, lives)
            return
        if self._epoll is None:
            self._epoll, self._loop = select.epoll(), asyncio.get_running_loop()
            self._loop.add_reader(self._epoll.fileno(), self._look)
        self._gone[pidfd] = ended
        listen(self._epoll.fileno(), pidfd)

    def _look(self) -> None:
        if self._epoll is None:
            return
        for pidfd, _ in self._epoll.poll(0):
            ended = self._gone.pop(pidfd)
            # Closing is not enough: a child between fork and exec has a copy, and the epoll would go on telling of it.
            unlisten(self._epoll.fileno(), pidfd)
            ended()
            close(pidfd)

    def _ask(self, ended: Callable[[], None], lives: Callable[[], bool]) -> None:
        if lives():
            asyncio.get_running_loop().call_later(RHYTHM, self._ask, ended, lives)
        else:
            ended()

    def _reap(self, ending: Ending) -> None:
        if ending.status is None:
            _unreaped(ending)
        self._settle(ending)

    def _release(self, ending: Ending, pidfd: int) -> None:
        """Reap an adopted process where it is a child after all: of the program that this one replaced by exec."""
        if pidfd >= 0:
            with suppress(ChildProcessError):
                os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
        self._settle(ending)

    def _settle(self, ending: Ending, look: int = 0) -> None:
        """Let the rest of the group write its last words; a group without members is the usual case."""
        if not _has_members(ending.pid, closely=look > 0):
            ending.over.set()
        elif look < len(PAUSES):
            asyncio.get_running_loop().call_later(PAUSES[look], self._settle, ending, look + 1)
        else:
            ending.lingered = True
            ending.over.set()


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        close(descriptor)


def _unreaped(ending: Ending) -> bool:
    """Whether a child of ours still runs; if not, it is reaped now, and only it."""
    try:
        reaped = reap(ending.pid)
    except ChildProcessError:
        return False  # somebody else took the answer; the status file has it too
    if reaped is not None:
        ending.status, ending.cost = reaped
    return reaped is None


def _has_members(group: int, *, closely: bool) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # there is somebody, of another user
    # The dead count too, for as long as their new parent does not ask for them.
    try:
        return not closely or any(_is_in(group, int(pid)) for pid in os.listdir("/proc") if pid.isdigit())  # noqa: PTH208 - a Path for each process costs more than the look
    except OSError:
        return True  # no descriptor is free to look with


def _is_in(group: int, pid: int) -> bool:
    stat = stat_of(pid)
    return stat is not None and stat.group == group and stat.state not in DEAD
