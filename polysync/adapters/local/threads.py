"""Two threads for what may block: making files, starting processes; answers come back to the loop in batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar

T = TypeVar("T")
COUNT: Final = 2
Job = Callable[[], None]


class Threads:
    """Runs calls in threads; a call that began is finished and its answer is kept, whoever stopped waiting.

    Leaner than a pool of `concurrent.futures`, because every run of every task comes through here twice.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job | None] = (
            SimpleQueue()
        )  # both are bounded by what is asked for and not yet answered
        self._done: deque[Job] = deque()
        self._woken = False
        self._threads: list[Thread] = []

    def call(self, work: Callable[[], T], then: Callable[[T], Any] | None = None) -> asyncio.Future[Any]:
        """The answer to `work`, or what `then` makes of it on the loop, even where nobody waits any more."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        if not self._threads:
            self._begin()
        self._jobs.put(partial(self._carry_out, loop, work, then, answer))
        return answer

    def close(self) -> None:
        """Let the threads end once they are done."""
        for _ in self._threads:
            self._jobs.put(None)
        self._threads = []

    def _begin(self) -> None:
        # Daemons of threads: what they leave undone at an exit is what they leave undone at a crash.
        self._threads = [Thread(target=self._work, name=f"polysync-local-{n}", daemon=True) for n in range(COUNT)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job

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
        if not self._woken and not loop.is_closed():  # whoever woke the loop before will find this one too
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
