"""Letting callers in, also when no descriptor is free: one is held in reserve, with which they are told so.

asyncio itself leaves such callers in the queue, where they wait for ever, and complains a hundred times a second.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Final

from polysync.api.refusal import Refused
from polysync.api.response import Response, encode, head

QUIET: Final = 60.0  # seconds between two complaints
REST: Final = 1.0  # seconds, where not even the reserve is there
AT_ONCE: Final = 128  # callers of one turn of the loop
EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
OVER: Final = frozenset({errno.EAGAIN, errno.EINTR, errno.ECONNABORTED})  # nobody is left, or they left again
Log = Callable[[str, BaseException | None], None]


class Acceptor:
    """Takes callers from a listening socket and hands each of them over."""

    def __init__(
        self, listening: socket.socket, welcome: Callable[[socket.socket], None], log: Log, *, speaks: bool = True
    ) -> None:
        self._listening = listening
        self._welcome = welcome
        self._log = log
        self._speaks = speaks  # who is turned away understands why
        self._loop = asyncio.get_running_loop()
        self._reserve = -1
        self._rest: asyncio.TimerHandle | None = None
        self._quiet: asyncio.TimerHandle | None = None
        self._untold = 0  # callers turned away since the last complaint
        self.turned_away = 0
        self._hold()
        self._loop.add_reader(listening, self._accept)

    def close(self) -> None:
        """Take nobody any more, and close the socket."""
        self._loop.remove_reader(self._listening)
        for timer in (self._rest, self._quiet):
            if timer is not None:
                timer.cancel()
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1
        self._listening.close()

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                caller, _ = self._listening.accept()
            except OSError as error:
                if error.errno in OVER:
                    return
                if error.errno not in EXHAUSTED:
                    raise
                if not self._turn_away(error):
                    return
                continue
            caller.setblocking(False)  # noqa: FBT003 - the argument has no name
            self._welcome(caller)

    def _turn_away(self, trouble: OSError) -> bool:
        """Tell one caller why nobody is served; False where nobody is there, or not even that can be done now."""
        if self._reserve < 0 and not self._hold():
            self._pause()
            self._complain(trouble, 0)
            return False
        os.close(self._reserve)
        self._reserve = -1
        try:
            caller, _ = self._listening.accept()
        except OSError:
            count = 0
        else:
            count = 1
            with caller:
                if self._speaks:
                    _say(caller)
        self._hold()
        self._complain(trouble, count)
        return count > 0

    def _hold(self) -> bool:
        """Have a descriptor in reserve."""
        try:
            self._reserve = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False  # somebody was quicker; it is tried again when it is needed
        return True

    def _pause(self) -> None:
        self._loop.remove_reader(self._listening)
        self._rest = self._loop.call_later(REST, self._loop.add_reader, self._listening, self._accept)

    def _complain(self, trouble: OSError, count: int) -> None:
        self.turned_away += count
        self._untold += count
        if self._quiet is None:
            self._log(f"no descriptor is free: {self._untold} callers were turned away", trouble)
            self._untold = 0
            self._quiet = self._loop.call_later(QUIET, self._speak, trouble)

    def _speak(self, trouble: OSError) -> None:
        self._quiet = None
        if self._untold:
            self._complain(trouble, 0)


def _say(caller: socket.socket) -> None:
    """The refusal, as far as the caller takes it at once."""
    refused = Refused(503, "the daemon has no descriptor free for another caller", headers={"Retry-After": "5"})
    body = encode(refused.document())
    answer = head(Response(503, body, headers=refused.headers), "none", keep_alive=False, chunks=True)
    caller.setblocking(False)  # noqa: FBT003 - the argument has no name
    try:
        caller.send(answer + body)
    except OSError:
        return  # they left again
