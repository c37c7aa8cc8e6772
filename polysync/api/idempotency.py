"""The same key gives the first answer again: who lost the answer to a request can ask once more without harm.

A request with a key is carried out in a task of its own, so that it comes to its end also when the one who asked
hangs up.  Answers are kept in memory: the newest thousand of a day; what outlives the daemon stands in the audit
(`polysync/api/recalling.py`).  What failed in the daemon itself, and values that were wrong, are not kept, because
asking again is then the right thing to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from polysync.api.asked import Asked
from polysync.api.openapi import LONGEST_KEY
from polysync.api.refusal import Refused, invalid
from polysync.api.response import Response

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = {"Idempotency-Replayed": "true"}
MOST: Final = 1_000  # answers
LARGEST: Final = 16 << 20  # bytes of all of them
KEPT: Final = 24 * 3600.0  # seconds
BROKEN: Final = 500  # from this status on nothing is kept
_UNSETTLED: Final = frozenset({422, 429})  # nothing was done, and the next time it may be

Name = tuple[str, ...]  # who, where and with which key
Make = Callable[[], Awaitable[Response]]


@dataclass(slots=True)
class _Kept:
    """A request that came with a key, and what became of it."""

    print: bytes  # of its query and its body
    since: float
    answer: asyncio.Future[Response]
    waiting: int = 0  # how many wait for it
    task: asyncio.Task[None] | None = None


class Keys:
    """The requests that came with a key, the oldest first."""

    def __init__(
        self,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        most: int = MOST,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._spawn = spawn
        self._most = most
        self._now = now or asyncio.get_running_loop().time
        self._kept: dict[Name, _Kept] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._kept)

    async def once(self, asked: Asked, make: Make) -> Response:
        """The answer that `make` gives, or gave before."""
        name, query = _named(asked)
        printed = _print(asked, query)
        kept = self._known(name)
        if kept is None:
            kept = self._begin(name, printed, make)
            return await _answer(kept)
        if kept.print != printed:
            raise invalid([(HEADER, "was given with another request before")])
        try:
            answer = await _answer(kept)
        except Refused as refused:  # a new one: what is kept would keep whoever it was raised to
            raise refused.again(REPLAYED) from None
        return replace(answer, headers={**answer.headers, **REPLAYED})

    def close(self) -> None:
        """Give up what is under way: the daemon goes."""
        for kept in self._kept.values():
            if kept.task is not None:
                kept.task.cancel()

    def _known(self, name: Name) -> _Kept | None:
        """What is remembered under this name, unless that is too long ago."""
        kept = self._kept.get(name)
        if kept is not None and kept.answer.done() and self._now() - kept.since >= KEPT:
            self._forget(name, kept)
            return None
        return kept

    def _begin(self, name: Name, printed: bytes, make: Make) -> _Kept:
        self._make_room()
        answer = asyncio.get_running_loop().create_future()
        kept = self._kept[name] = _Kept(printed, self._now(), answer)
        kept.task = self._spawn(self._carry_out(name, kept, make))
        return kept

    async def _carry_out(self, name: Name, kept: _Kept, make: Make) -> None:
        try:
            answer = await make()
        except Refused as refused:
            if refused.status >= BROKEN or refused.status in _UNSETTLED:
                del self._kept[name]
            _fail(kept, refused)
        except BaseException as error:
            del self._kept[name]
            _fail(kept, error)
            if not kept.waiting:
                raise  # nobody else hears of it
        else:
            self._size += len(answer.body)
            kept.answer.set_result(answer)

    def _make_room(self) -> None:
        """Forget what is too old, and the oldest of what is too much; what is under way stays."""
        now = self._now()
        for name, kept in list(self._kept.items()):
            full = len(self._kept) >= self._most or self._size > LARGEST
            if not full and now - kept.since < KEPT:
                return
            if kept.answer.done():
                self._forget(name, kept)
        if len(self._kept) >= self._most:
            raise Refused(503, "as many requests with a key as may be are under way", headers={"Retry-After": "1"})

    def _forget(self, name: Name, kept: _Kept) -> None:
        del self._kept[name]
        self._size -= _size(kept.answer)


@dataclass(frozen=True, slots=True)
class Mark:
    """A request with a key, as the audit names it."""

    name: str  # who, where, and with which key
    print: str  # of what was asked

    def __str__(self) -> str:
        return f"{self.name} {self.print}"


def mark_of(asked: Asked) -> Mark:
    """The mark of a request with a key."""
    name, query = _named(asked)
    return Mark(sha256("\0".join(name).encode()).hexdigest()[:32], _print(asked, query).hex()[:32])


def _named(asked: Asked) -> tuple[Name, str]:
    key = asked.request.headers[HEADER.lower()]
    if not 0 < len(key) <= LONGEST_KEY or not all("!" <= letter <= "~" for letter in key):
        raise invalid([(HEADER, f"not 1 to {LONGEST_KEY} visible characters of ASCII")])
    path, _, query = asked.request.target.partition("?")
    return (asked.asker.channel, asked.asker.name, asked.request.method, path, key), query


def _print(asked: Asked, query: str) -> bytes:
    return sha256(b"\0".join((query.encode(), asked.request.body))).digest()


async def _answer(kept: _Kept) -> Response:
    """What became of it; who stops waiting does not stop it."""
    kept.waiting += 1
    try:
        return await asyncio.shield(kept.answer)
    finally:
        kept.waiting -= 1


def _fail(kept: _Kept, error: BaseException) -> None:
    if isinstance(error, Exception):
        kept.answer.set_exception(error)
        kept.answer.exception()  # it is heard elsewhere where nobody waits
    else:
        kept.answer.cancel()


def _size(answer: asyncio.Future[Response]) -> int:
    failed = answer.cancelled() or answer.exception() is not None
    return 0 if failed else len(answer.result().body)
