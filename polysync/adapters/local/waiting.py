"""Waiting for shims to end, our own and adopted ones, without a thread and without asking again and again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from resource import struct_rusage
from typing import Final

from polysync.adapters.local.identity import Identity, same

# Where the process group outlives the shim, its output may go on for so many looks of so many seconds.
LOOKS: Final = 18
PAUSE: Final = 0.05
# Without a free descriptor for a pidfd the shim is asked about in this rhythm.
RHYTHM: Final = 0.1


class Ending:
    """The end of one shim, for any number of waiters."""

    __slots__ = ("lingered", "over", "pid", "status", "usage")

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.over = asyncio.Event()  # it is gone, and its group had the chance to fall silent
        self.status: int | None = None  # as wait4 gives it: only for our own children
        self.usage: struct_rusage | None = None
        self.lingered = False  # others of its group were still there when nobody waited for them any longer


class Waits:
    """All the endings that are waited for on one loop."""

    def own(self, pid: int, pidfd: int) -> Ending:
        """Wait for a child of this process, and reap it; `pidfd` is closed here, and may be -1 where there was none."""
        ending = Ending(pid)
        self._watch(ending, pidfd, partial(self._reap, ending), partial(_unreaped, ending))
        return ending

    def adopted(self, identity: Identity) -> Ending:
        """Wait for a process that is not our child; one that is gone already has ended."""
        ending = Ending(identity.pid)
        try:
            pidfd = os.pidfd_open(identity.pid)
        except ProcessLookupError:
            ending.over.set()
            return ending
        except OSError:
            pidfd = -1
        if not same(identity):
            if pidfd >= 0:
                os.close(pidfd)
            self._settle(ending, LOOKS)
            return ending
        self._watch(ending, pidfd, partial(self._release, ending, pidfd), partial(same, identity))
        return ending

    def _watch(self, ending: Ending, pidfd: int, ended: Callable[[], None], lives: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        if pidfd < 0:
            self._ask(ended, lives)
            return

        def gone() -> None:
            loop.remove_reader(pidfd)
            ended()
            os.close(pidfd)

        loop.add_reader(pidfd, gone)

    def _ask(self, ended: Callable[[], None], lives: Callable[[], bool]) -> None:
        if lives():
            asyncio.get_running_loop().call_later(RHYTHM, self._ask, ended, lives)
        else:
            ended()

    def _reap(self, ending: Ending) -> None:
        if ending.status is None and ending.usage is None:
            _unreaped(ending)
        self._settle(ending, LOOKS)

    def _release(self, ending: Ending, pidfd: int) -> None:
        """Reap an adopted process where it is a child after all: of the program that this one replaced by exec."""
        if pidfd >= 0:
            with suppress(ChildProcessError):
                os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
        self._settle(ending, LOOKS)

    def _settle(self, ending: Ending, looks: int) -> None:
        """Let the rest of the group write its last words; a group without members is the usual case."""
        if looks and _has_members(ending.pid):
            pause = PAUSE if looks < LOOKS else PAUSE / 10  # at first it is often only a zombie that init has not seen
            asyncio.get_running_loop().call_later(pause, self._settle, ending, looks - 1)
            return
        ending.lingered = not looks
        ending.over.set()


def _unreaped(ending: Ending) -> bool:
    """Whether a child of ours still runs; if not, it is reaped now, and only it."""
    try:
        pid, status, usage = os.wait4(ending.pid, os.WNOHANG)
    except ChildProcessError:
        return False  # somebody else took the answer; the status file has it too
    if pid:
        ending.status, ending.usage = status, usage
    return not pid


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
