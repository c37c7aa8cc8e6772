"""The promises of a port, as a suite that every adapter has to pass: ours, and those of others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final, TypeVar

from polysync.domain.outcome import Exit
from polysync.domain.rows import Message
from polysync.domain.values import Outcome
from polysync.ports import Adapter, Work


class Kind(Enum):
    """The work that an adapter is exercised with."""

    SHORT = "puts out `GREETING` and ends well"
    FAILS = "puts out nothing and ends with the code 3, or as failed"
    LONG = "ends only when it is stopped"
    FLOODS = "puts out `FLOOD` and ends well"


GREETING: Final = b"good morning\n"
FLOOD: Final = bytes(range(256)) * 12_000  # binary, and more than any pipe or pieces of one read hold
PATIENCE: Final = 60.0  # seconds within which anything must have happened
GRACE: Final = timedelta(seconds=2)
Got = TypeVar("Got")


class NotConforming(AssertionError):
    """An adapter does not do what the port says."""


@dataclass(frozen=True, slots=True)
class Exercise:
    """What the author of an adapter provides for `exercise_adapter`."""

    adapter: Callable[[], Adapter]  # another one on the same platform each time, as after a restart of the daemon
    work: Callable[[int, Kind], Work]  # of each number another work, with a token of its own
    begun: Callable[[str], int]  # how often the work of a token was really begun


class StoredOutput:
    """A sink as the daemon has it: repeats are dropped, a hole is an error."""

    def __init__(self) -> None:
        self.kept = {"out": b"", "err": b""}

    async def stored(self, stream: str) -> int:
        """How much is there already."""
        return len(self.kept[stream])

    async def write(self, stream: str, offset: int, chunk: bytes) -> int:
        """Store what is new."""
        end = len(self.kept[stream])
        _expect(offset <= end, f"output goes on at {offset}, but only {end} bytes were told before")
        self.kept[stream] += chunk[end - offset :]
        return len(self.kept[stream])

    async def leave_out(self, stream: str, offset: int, length: int) -> int:
        """Nothing is in excess here, so nothing may be left out."""
        raise NotConforming(f"{length} bytes of {stream} were left out at {offset}")

    def excess(self, stream: str, waiting: int) -> tuple[int, int]:
        """All of it is wanted."""
        del stream, waiting
        return 0, 0

    def seen(self, stream: str, offset: int, chunk: bytes) -> None:
        """Nobody looks on."""

    async def report(
        self,
        *,
        progress: tuple[int, str] | None = None,
        outputs: Mapping[str, Any] | None = None,
        messages: Sequence[Message] = (),
        secrets: Sequence[str] = (),
    ) -> None:
        """Reports are welcome, and not looked at."""


async def exercise_adapter(exercise: Exercise) -> None:
    """Prove that an adapter keeps the promises of its port; what it does not keep is raised as `NotConforming`."""
    for number, trial in enumerate(_TRIALS, start=1):
        try:
            await _soon(trial(exercise, number))
        except (NotConforming, TimeoutError) as error:
            raise NotConforming(f"{(trial.__doc__ or '').strip()} {str(error) or 'It took too long.'}") from error


async def _ends_as_it_should(exercise: Exercise, number: int) -> None:
    """Work ends as it ended, with the output it had, however often it is followed and forgotten."""
    adapter, sink = exercise.adapter(), StoredOutput()
    await adapter.check()
    handle = await adapter.start(exercise.work(number, Kind.SHORT))
    first, second = await asyncio.gather(adapter.follow(handle, sink), adapter.follow(handle, sink))
    third = await adapter.follow(handle, sink)
    _expect(all(_well(told) for told in (first, second, third)), f"it told {first}, {second} and {third}")
    _expect(sink.kept["out"] == GREETING, f"the output was {sink.kept['out']!r}")
    await adapter.stop(handle, GRACE)  # what is over already
    await adapter.forget(handle)
    await adapter.forget(handle)


async def _fails_as_it_should(exercise: Exercise, number: int) -> None:
    """Work that fails is no error of the adapter."""
    adapter = exercise.adapter()
    handle = await adapter.start(exercise.work(number, Kind.FAILS))
    told = await adapter.follow(handle, StoredOutput())
    _expect(told.code == 3 or told.status is Outcome.FAILED, f"it told {told}")
    await adapter.forget(handle)


async def _one_token_is_one_execution(exercise: Exercise, number: int) -> None:
    """Starting twice with one token, at once and later, is one execution."""
    adapter, work = exercise.adapter(), exercise.work(number, Kind.SHORT)
    first, second = await asyncio.gather(adapter.start(work), adapter.start(work))
    third = await exercise.adapter().start(work)
    for handle in (first, second, third):
        _expect(_well(await adapter.follow(handle, StoredOutput())), "one of the handles does not lead to its end")
    _expect(exercise.begun(work.token) == 1, f"it was begun {exercise.begun(work.token)} times")
    await adapter.forget(first)


async def _is_found_after_a_crash(exercise: Exercise, number: int) -> None:
    """What was started before a crash that lost its handle is found by its token; what never was is not."""
    work = exercise.work(number, Kind.SHORT)
    _expect(await exercise.adapter().find(work.token) is None, "something was found before anything was started")
    await exercise.adapter().start(work)
    after, sink = exercise.adapter(), StoredOutput()
    found = await after.find(work.token)
    _expect(found is not None, "nothing was found")
    told = await after.follow(found or {}, sink)
    _expect(_well(told), f"it told {told}")
    _expect(sink.kept["out"] == GREETING, f"the output was {sink.kept['out']!r}")
    _expect(exercise.begun(work.token) == 1, f"it was begun {exercise.begun(work.token)} times")
    await after.forget(found or {})


async def _cancelled_start_is_found(exercise: Exercise, number: int) -> None:
    """A start that is cancelled half-way leaves nothing that a second start would double."""
    adapter, work = exercise.adapter(), exercise.work(number, Kind.SHORT)
    try:
        async with asyncio.timeout(0):
            await adapter.start(work)
    except TimeoutError:
        pass
    handle = await adapter.find(work.token) or await adapter.start(work)
    _expect(_well(await adapter.follow(handle, StoredOutput())), "it did not end well")
    _expect(exercise.begun(work.token) == 1, f"it was begun {exercise.begun(work.token)} times")
    await adapter.forget(handle)


async def _stops(exercise: Exercise, number: int) -> None:
    """Work that is stopped ends: before anybody follows it, and while somebody does, by a new adapter as well."""
    adapter = exercise.adapter()
    before = await adapter.start(exercise.work(number, Kind.LONG))
    await adapter.stop(before, GRACE)
    _expect(not _well(await adapter.follow(before, StoredOutput())), "what was stopped is told to have ended well")
    await adapter.forget(before)
    during = await adapter.start(exercise.work(number + len(_TRIALS), Kind.LONG))
    after = exercise.adapter()
    told, *_ = await asyncio.gather(adapter.follow(during, StoredOutput()), after.stop(during, GRACE))
    _expect(not _well(told), "what was stopped is told to have ended well")
    await after.stop(during, GRACE)
    await adapter.forget(during)


async def _floods(exercise: Exercise, number: int) -> None:
    """Much and binary output comes whole and once, also where following was interrupted."""
    adapter, sink = exercise.adapter(), StoredOutput()
    handle = await adapter.start(exercise.work(number, Kind.FLOODS))
    try:
        async with asyncio.timeout(0.02):
            await adapter.follow(handle, sink)
    except TimeoutError:
        pass
    told = await exercise.adapter().follow(handle, sink)
    _expect(_well(told), f"it told {told}")
    _expect(sink.kept["out"] == FLOOD, f"{len(sink.kept['out'])} bytes came, not the {len(FLOOD)} that were put out")
    await adapter.forget(handle)


_TRIALS: Final = (
    _ends_as_it_should,
    _fails_as_it_should,
    _one_token_is_one_execution,
    _is_found_after_a_crash,
    _cancelled_start_is_found,
    _stops,
    _floods,
)


async def _soon(trial: Awaitable[Got]) -> Got:
    async with asyncio.timeout(PATIENCE):
        return await trial


def _well(told: Exit) -> bool:
    return told.reason is None and (told.status is Outcome.SUCCEEDED or (told.status is None and told.code == 0))


def _expect(true: bool, otherwise: str) -> None:  # noqa: FBT001 - it is what is said, not a switch
    if not true:
        raise NotConforming(otherwise)
