"""A short command beside an attempt, in its environment and folder and as its user: how it ended, and its last words.

It belongs to whoever asks and not to the attempt: it carries no mark by which survivors of the attempt are found,
writes into no spool, and nothing of it outlives the answer.  What outlives a daemon that died is ended by the next.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

from polysync.adapters.local.environment import base_environment
from polysync.adapters.local.identity import identity_of
from polysync.adapters.local.ladder import signal_one
from polysync.adapters.local.limits import beside
from polysync.adapters.local.order import working_folder
from polysync.adapters.local.precheck import refuse, refuse_error
from polysync.adapters.local.survivors import carriers
from polysync.adapters.local.threads import Threads
from polysync.domain.values import Command
from polysync.ports import Secret, Work

KEPT: Final = 16 << 10  # bytes of its output, the last ones
BLOCK: Final = 64 << 10
PACE: Final = 0.005  # seconds between two reads: a command that talks without end costs next to nothing
LAST_READS: Final = 4  # of what its pipe still holds when it is over
AT_ONCE: Final = 8
DOING: Final = "ask a service how it is"
MARK: Final = "POLYSYNC_CHECK"  # in its environment: for whom it asks
# The shell goes there, and not the daemon's own fork: on a dead file server only the command hangs.
IN_FOLDER: Final = 'cd "$0" && exec "$@"'


class Ended(NamedTuple):
    """How the command ended."""

    status: int | None  # its exit code, a signal as its negative number, None where the time was up
    words: bytes  # the last that it put out


class _Begun:
    """A command that was started, until it is buried."""

    def __init__(self, pid: int, pidfd: int, pipe: int) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.pipe = pipe
        self.status: int | None = None
        self.gone = asyncio.Event()

    def end(self) -> None:
        """Kill all of its group; it is buried once it is dead."""
        os.close(self.pipe)
        if not self.gone.is_set():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            asyncio.get_running_loop().add_reader(self.pidfd, self.bury)

    def bury(self) -> None:
        """It is dead: kill what is left of its group while its number still means it, and take its status."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        asyncio.get_running_loop().remove_reader(self.pidfd)
        with suppress(ChildProcessError):
            found = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
            if found is not None:
                self.status = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        os.close(self.pidfd)
        self.gone.set()


class Inquiries:
    """Asks with short commands, not too many at once, and never a second time before the first is gone."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._threads = Threads()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._begun: dict[str, _Begun] = {}  # by the token of the attempt

    def close(self) -> None:
        """Start nothing more."""
        self._threads.close()

    async def ask(self, work: Work, command: Command, patience: timedelta) -> Ended:
        """Run the command for no longer than that, with all that it starts; `PortError` where it cannot be started."""
        last = self._begun.get(work.token)
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await (last.gone.wait() if last is not None else asyncio.sleep(0))
        except TimeoutError:
            return Ended(None, b"the last one is still there")
        async with self._room:
            begun = await self._started(work, command)
            self._begun[work.token] = begun
            return await self._heard(begun, patience)

    def forget(self, token: str) -> None:
        """The attempt is over."""
        self._begun.pop(token, None)

    async def _started(self, work: Work, command: Command) -> _Begun:
        asking = partial(_start, work, command, self._home)
        starting = self._threads.call(asking, lambda found: _Begun(*found))
        try:
            begun: _Begun = await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_abandon)
            raise
        return begun

    async def _heard(self, begun: _Begun, patience: timedelta) -> Ended:
        kept = bytearray()
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await _listen(begun, kept)
        except TimeoutError:
            return Ended(None, bytes(kept))
        finally:
            begun.end()
        return Ended(begun.status, bytes(kept))


def _abandon(starting: asyncio.Future[_Begun]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().end()


async def _listen(begun: _Begun, kept: bytearray) -> None:
    """Keep the last of what it says until it is over, and bury it."""
    loop, news, over = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    loop.add_reader(begun.pidfd, _note, begun.pidfd, over, news)
    is_open = True
    try:
        while not over.is_set():
            if is_open:
                loop.add_reader(begun.pipe, news.set)
            await news.wait()
            loop.remove_reader(begun.pipe)
            is_open = _read(begun.pipe, kept)
            news.clear()
            if is_open and not over.is_set():
                await asyncio.sleep(PACE)
    finally:
        loop.remove_reader(begun.pidfd)
        loop.remove_reader(begun.pipe)
    for _ in range(LAST_READS):
        _read(begun.pipe, kept)
    begun.bury()


def _note(pidfd: int, over: asyncio.Event, news: asyncio.Event) -> None:
    asyncio.get_running_loop().remove_reader(pidfd)
    over.set()
    news.set()


def _read(pipe: int, kept: bytearray) -> bool:
    """Whether there may be more."""
    try:
        piece = os.read(pipe, BLOCK)
    except BlockingIOError:
        return True
    kept += piece
    del kept[:-KEPT]
    return bool(piece)


def end_orphans(home: str) -> int:
    """Kill what a daemon of this home that died left asking; how many processes that were."""
    ours = identity_of(os.getpid())
    found = carriers(os.fsencode(f"{MARK}={home}"), ours.ticks if ours is not None else 0)
    for orphan in found:
        signal_one(orphan, signal.SIGKILL)
    return len(found)


def _start(work: Work, command: Command, home: str) -> tuple[int, int, int]:
    """Start the command: its process, a descriptor of it, and the pipe of its output; in a thread."""
    argv = _argv(work, command)
    own = {name: value.reveal() if isinstance(value, Secret) else value for name, value in work.environment.items()}
    environment = {**base_environment(work.process.env_base, work.process.user), **own, MARK: home}
    try:
        listening, speaking = os.pipe2(os.O_CLOEXEC)
    except OSError as error:
        refuse_error(error, DOING)
    try:
        os.set_blocking(listening, False)
        pid, pidfd = _spawn(argv, environment, speaking)
    except BaseException:
        os.close(listening)
        raise
    finally:
        os.close(speaking)
    return pid, pidfd, listening


def _spawn(argv: Sequence[str], environment: dict[str, str], speaking: int) -> tuple[int, int]:
    try:
        process = subprocess.Popen(  # noqa: S603 - the point of it all
            argv,
            stdin=subprocess.DEVNULL,
            stdout=speaking,
            stderr=speaking,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        refuse_error(error, DOING)
    except ValueError as error:
        refuse(f"cannot {DOING}: {error}")
    process.returncode = 0  # it is waited for by its descriptor: Popen must not, when it is collected
    try:
        return process.pid, os.pidfd_open(process.pid)
    except OSError as error:
        os.killpg(process.pid, signal.SIGKILL)
        os.waitpid(process.pid, 0)
        refuse_error(error, DOING)


def _argv(work: Work, command: Command) -> list[str]:
    process = work.process
    words = command.argv or (process.shell, "-c", command.script or "")
    folder = working_folder(work)
    before = beside(process, folder)
    # Another user's folder is entered with that user's rights.
    return ["/bin/sh", "-c", IN_FOLDER, "/" if process.user else folder, *before, *words]
