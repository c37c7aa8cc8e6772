"""How an attempt is stopped: it is asked, it is given time, and then nothing of it is left.

A number is not a process.  Whoever is signalled was recognised by its birth first, and is then reached through
a descriptor that can mean nobody else.  The session of an attempt counts only while its number cannot have been
given away: while its leader keeps it, or a process that was seen in it before.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal as signals
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from polysync.adapters.local.cgroup import Group
from polysync.adapters.local.identity import Identity, boot_id, same, stat_of
from polysync.adapters.local.survivors import Found, find, name_of
from polysync.domain.values import Signal

PATIENCE: Final = 5.0  # seconds after which whoever is left cannot be killed
ROUND: Final = 0.2  # seconds until those who were killed are looked for again
WHOLE_GROUP: Final = 1 << 2  # PIDFD_SIGNAL_PROCESS_GROUP, from Linux 6.9 on


@dataclass(frozen=True, slots=True)
class Target:
    """An attempt that is to end."""

    shim: Identity  # leader of its session and its group
    token: str
    group: Group | None = None


async def stop(target: Target, signal: Signal, grace: timedelta) -> tuple[str, ...]:
    """End an attempt; returns a line about each process that could not be ended."""
    ladder = _Ladder(target)
    if not await ladder.look():
        return ()
    if signal is not Signal.KILL and grace > timedelta():
        ladder.ask(signal)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace.total_seconds()):
                await ladder.empty()
    return await ladder.kill()


class _Ladder:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._members: list[Found] = []  # those in the session that were last seen

    async def look(self) -> list[Found]:
        """Everybody who is left."""
        return await asyncio.to_thread(self._look)

    def ask(self, signal: Signal) -> None:
        """Send the signal, and wake whoever is stopped, or it could not hear it."""
        for number in (getattr(signals, f"SIG{signal}"), signals.SIGCONT):
            if not signal_group(self._target.shim, number):
                self._signal_each(self._members, number)

    async def empty(self) -> None:
        """Return when nobody is left."""
        while members := await self.look():
            first = next((m for m in members if m.identity == self._target.shim), members[0])
            await gone(first.identity)

    async def kill(self) -> tuple[str, ...]:
        """Kill everybody, again and again; the shim only when the rest did not make it end, for it notes the status."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                spared = {self._target.shim}
                while members := await self.look():
                    self._kill(members, spared)
                    await _settled(member.identity for member in members)
                    spared = set()
        return tuple(map(_described, await self.look()))

    def _kill(self, members: list[Found], spared: set[Identity]) -> None:
        if self._target.group is not None:
            self._target.group.kill()
        if not spared:  # in one stroke: who forks faster than one can look does not get away
            signal_group(self._target.shim, signals.SIGKILL)
        self._signal_each([member for member in members if member.identity not in spared], signals.SIGKILL)

    def _look(self) -> list[Found]:
        shim = self._target.shim
        if shim.boot != boot_id():
            return []
        found = find(shim.pid if self._is_held() else None, self._target.token, shim.ticks)
        if not self._is_held():  # it was given up while we looked: only the mark counts
            found = find(None, self._target.token, shim.ticks)
        self._members = found
        return found

    def _is_held(self) -> bool:
        """Whether the number of the session still is the one of this attempt."""
        return is_held(self._target.shim, self._members)

    @staticmethod
    def _signal_each(members: Iterable[Found], number: int) -> None:
        for member in members:
            signal_one(member.identity, number)


def is_held(shim: Identity, members: Iterable[Found]) -> bool:
    """Whether the shim's number still names its session: it has it itself, or somebody seen in it is in it yet."""
    seen = [(shim.pid, shim.ticks), *(m.identity[:2] for m in members if m.session == shim.pid)]
    stats = ((stat_of(pid), ticks) for pid, ticks in seen)
    return any(stat is not None and stat.ticks == ticks and stat.session == shim.pid for stat, ticks in stats)


def signal_one(identity: Identity, number: int) -> None:
    """Send a signal to exactly this process; nothing happens where it is gone, or not ours to signal."""
    with _held(identity) as fd, contextlib.suppress(ProcessLookupError, PermissionError):
        if fd is not None:
            signals.pidfd_send_signal(fd, number)


def signal_group(leader: Identity, number: int) -> bool:
    """Send a signal to a whole process group, while its leader lives; tells whether it does."""
    with _held(leader) as fd:
        if fd is None:
            return False
        try:
            signals.pidfd_send_signal(fd, number, None, WHOLE_GROUP)
        except ProcessLookupError:
            return False
        except OSError:  # an older kernel; the leader keeps its number at least until the loop reaps it
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader.pid, number)
        return True


async def gone(identity: Identity) -> None:
    """Return when exactly this process has ended."""
    with _held(identity) as fd:
        if fd is not None:
            async with _readable(fd) as ended:
                await ended


async def _settled(identities: Iterable[Identity]) -> None:
    """Wait for all of these, but not long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ROUND):
            for identity in identities:
                await gone(identity)


@contextlib.contextmanager
def _held(identity: Identity) -> Iterator[int | None]:
    """A descriptor of exactly this process, or None where it no longer runs."""
    try:
        fd = os.pidfd_open(identity.pid)
    except OSError:  # gone, or no descriptor is free: then it is asked about by its birth alone, a round later
        fd = -1
    try:
        # Looked at after the descriptor was opened: from here on the number cannot come to mean another.
        yield fd if fd >= 0 and same(identity) else None
    finally:
        if fd >= 0:
            os.close(fd)


@contextlib.asynccontextmanager
async def _readable(fd: int) -> AsyncIterator[asyncio.Future[None]]:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, _settle, ended)
    try:
        yield ended
    finally:
        loop.remove_reader(fd)


def _settle(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


def _described(found: Found) -> str:
    why = "unkillable: it sleeps in the kernel" if found.state == "D" else "still running"
    return f"process {found.identity.pid} ({name_of(found.identity.pid)}) is {why}"
