"""Two threads for what may block: making files, starting processes; answers come back to the loop in batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")
COUNT: Final = 2


class Threads:
    """Runs calls in threads; a call that began is finished and its answer is kept, whoever stopped waiting."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(COUNT, thread_name_prefix="polysync-local")
        self._done: deque[Callable[[], None]] = deque()  # bounded by what was asked for and not yet answered
        self._woken = False

    def call(self, work: Callable[[], T], then: Callable[[T], Any] | None = None) -> asyncio.Future[Any]:
        """The answer to `work`, or what `then` makes of it on the loop, even where nobody waits any more."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._pool.submit(self._carry_out, loop, work, then, answer)
        return answer

    def close(self) -> None:
        """Let the threads end once they are done."""
        self._pool.shutdown(wait=False)

    def _carry_out(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[], T],
        then: Callable[[T], Any] | None,
        answer: asyncio.Future[Any],
    ) -> None:
        try:
            done = partial(_succeed, answer, work(), then)
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
            done = partial(_fail, answer, error)
        self._done.append(done)
        if not self._woken:  # whoever woke the loop before will find this one too
            self._woken = True
            loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._woken = False
        while self._done:
            self._done.popleft()()


def _succeed(answer: asyncio.Future[Any], result: Any, then: Callable[[Any], Any] | None) -> None:
    try:
        result = result if then is None else then(result)
    except Exception as error:  # noqa: BLE001 - it is raised where the answer is awaited
        _fail(answer, error)
        return
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[Any], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
