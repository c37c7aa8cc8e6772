"""Signs of life that mean something: the service manager hears one only while every part makes progress.

A loop that turns proves little: the thread that stores decisions may hang, or nobody may be let in.  So each
part is asked a question that only its progress answers, and whoever does not answer within the interval is
named in the log and in `status` before the manager, which then hears nothing more, ends us.  A thread keeps
the time, so that a loop that stands still is noticed too, with the line of code that it stands in.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from polysync.api.binding import LONGEST
from polysync.clock import Clock
from polysync.daemon.gauges import Gauges
from polysync.daemon.inbox import Inbox
from polysync.daemon.notify import Supervisor
from polysync.daemon.spawn import Tasks
from polysync.ports import PortError

INTERVAL: Final = timedelta(minutes=4)  # where nobody asks for signs of life: for the log and `status` alone
LOOKS: Final = 4  # in each interval
SHARE: Final = 0.9  # of the interval: looks are a little early or late
FRAMES: Final = 4  # of a stack, the innermost
LOOP: Final = "loop"
CALL: Final = b"GET /api/health HTTP/1.1\r\nHost: polysync\r\nConnection: close\r\n\r\n"
NO_DESCRIPTOR: Final = frozenset({errno.EMFILE, errno.ENFILE})


class Silent(Exception):
    """A part did not answer; it is asked again."""


Question = Callable[[], Awaitable[object]]


@dataclass(slots=True, eq=False)
class _Part:
    name: str
    question: Question
    answered: timedelta  # when it last did, on the monotonic clock
    asking: asyncio.Task[Any] | None = None


class Watchdog:
    """Asks the parts, and lets the service manager know as long as all of them answer."""

    def __init__(
        self,
        questions: Mapping[str, Question],
        *,
        clock: Clock,
        above: Supervisor,
        log: Any,
        gauges: Gauges,
        tasks: Tasks,
    ) -> None:
        self._clock = clock
        self._above = above
        self._log = log
        self._gauges = gauges
        self._tasks = tasks
        self.interval = above.watchdog or INTERVAL
        now = clock.read().monotonic
        self._parts = [_Part(name, question, now) for name, question in questions.items()]
        self._stuck: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._main = threading.get_ident()
        self._over, self._turned = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep_time, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._turned.set()
        self._thread.start()

    def close(self) -> None:
        """Look no more; from the loop."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """See who has answered in time, say so, and ask again."""
        now = self._clock.read().monotonic
        self._name([part.name for part in self._parts if now - part.answered >= SHARE * self.interval])
        if not self._stuck:
            self._above.tell(WATCHDOG="1")
        for part in self._parts:
            if part.asking is None or part.asking.done():
                part.asking = self._tasks.spawn(self._ask(part), f"question to the {part.name}")

    async def _ask(self, part: _Part) -> None:
        try:
            await part.question()
        except Silent:
            return
        except PortError:  # a no is an answer too: whoever cannot store anything is there to say so
            pass
        part.answered = self._clock.read().monotonic

    def _name(self, stuck: list[str]) -> None:
        """Tell what changed."""
        new, gone = [name for name in stuck if name not in self._stuck], set(self._stuck).difference(stuck)
        self._stuck = stuck
        self._gauges.stuck = tuple(stuck)
        for name in new:
            self._log.error("a part of the daemon does not answer", part=name, seconds=self.interval.total_seconds())
        for name in sorted(gone):
            self._log.warning("a part of the daemon answers again", part=name)
        if new:
            self._above.tell(STATUS=f"stuck: {', '.join(stuck)}")
        elif gone and not stuck:
            self._above.tell(STATUS="answers again")

    # ---- the thread

    def _keep_time(self) -> None:
        asked, named = self._clock.read().monotonic, False
        while not self._over.wait(self.interval.total_seconds() / LOOKS):
            now = self._clock.read().monotonic
            if self._turned.is_set():
                self._turned.clear()
                asked, named = now, self._turns_again(named=named)
                self._loop.call_soon_threadsafe(self._turn)
            elif not named and now - asked >= SHARE * self.interval / 2:  # so that it is said before we are ended
                named = True
                self._log.error("a part of the daemon does not answer", part=LOOP, standing=self._standing())

    def _turn(self) -> None:
        """On the loop: it turns."""
        self._turned.set()
        self.look()

    def _turns_again(self, *, named: bool) -> bool:
        if named:
            self._log.warning("a part of the daemon answers again", part=LOOP)
        return False

    def _standing(self) -> str:
        """Where the thread of the loop is just now, innermost first."""
        frame = sys._current_frames().get(self._main)  # noqa: SLF001 - documented, for exactly this
        places = traceback.extract_stack(frame)[-FRAMES:] if frame is not None else []
        return " < ".join(f"{Path(place.filename).name}:{place.lineno} {place.name}" for place in reversed(places))


def scheduler_question(gauges: Gauges, inbox: Inbox, closing: Callable[[], bool]) -> Question:
    """Whether the driver has beaten since it was asked last, or rightly does not."""
    seen = -1

    async def ask() -> None:
        nonlocal seen
        before, seen = seen, gauges.beats
        inbox.wake()  # a driver that sleeps has to beat for it
        # One that waits for the disk tries again and again; the journal is asked by itself.
        if before == seen and not gauges.trouble and not closing():
            raise Silent

    return ask


def api_question(path: Path) -> Question:
    """Whether somebody who connects to the socket gets an answer, whatever it is."""

    async def ask() -> None:
        try:
            answer = await _call(path)
        except OSError as error:
            if error.errno in NO_DESCRIPTOR:
                return  # for want of a descriptor it could not be asked: whoever cares for those tells it
            raise Silent from error
        if not answer.startswith(b"HTTP/1.1 "):
            raise Silent

    return ask


async def _call(path: Path) -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as line:
        if len(os.fsencode(path)) <= LONGEST:
            await loop.sock_connect(line, str(path))
        else:
            await _connect_far(line, path)
        await loop.sock_sendall(line, CALL)
        return await loop.sock_recv(line, 64)


async def _connect_far(line: socket.socket, path: Path) -> None:
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        await asyncio.get_running_loop().sock_connect(line, f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
