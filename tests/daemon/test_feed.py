"""Following output: stored first, then live, no byte twice and none missing; and the sink that feeds it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from random import Random
from typing import Any, cast

import pytest

from polysync.daemon.feed import BOUND
from polysync.daemon.sink import LogsBroken
from polysync.domain.outcome import Exit
from polysync.domain.rows import Message
from polysync.domain.run import State
from polysync.domain.task import Task
from polysync.ports import LogPiece
from polysync.store.errors import StorageBroken, StorageFull
from tests.daemon.rig import Rig, daemon, until
from tests.daemon.virtual import passing, within
from tests.faults import fault
from tests.seeds import seed_of

WORK = Task(name="work", run="true")


class Reader:
    """A follower that checks that every stretch of output fits."""

    def __init__(self, rig: Rig, since: Mapping[tuple[int, str], int] | None = None) -> None:
        self.ends = dict(since or {})
        self.text: dict[tuple[int, str], bytes] = {}
        self.pieces = 0
        self.task = rig.tasks.spawn(self._read(rig.desk.log(1, since or {})), "reader")

    async def _read(self, log: AsyncIterator[LogPiece]) -> None:
        async for piece in log:
            place = piece.attempt, piece.stream
            assert piece.data
            assert piece.offset == self.ends.get(place, 0), "a byte twice, or one missing"
            self.ends[place] = piece.offset + len(piece.data)
            self.text[place] = self.text.get(place, b"") + piece.data
            self.pieces += 1


async def running(rig: Rig) -> Any:
    """The sink of a run that is under way."""
    await rig.ask()
    await until(lambda: rig.rows.runs[1].state is State.RUNNING)
    return next(iter(rig.platform.sinks.values()))


def test_stored_output_comes_first_then_what_is_seen_before_it_is_stored() -> None:
    async def story(rig: Rig) -> None:
        sink = await running(rig)
        await sink.write("out", 0, b"one ")
        reader = Reader(rig)
        await until(lambda: reader.text == {(1, "out"): b"one "})
        sink.seen("out", 4, b"two ")
        await within(0.1, until(lambda: reader.text == {(1, "out"): b"one two "}))
        await sink.write("out", 4, b"two three")
        await until(lambda: reader.text == {(1, "out"): b"one two three"})
        rig.platform.end()
        await within(5, reader.task)

    daemon(story, WORK)


def test_whoever_comes_between_seen_and_stored_misses_nothing() -> None:
    async def story(rig: Rig) -> None:
        sink = await running(rig)
        sink.seen("out", 0, b"one ")
        reader = Reader(rig)
        await passing(1)
        sink.seen("out", 4, b"two")
        await passing(1)
        assert reader.text == {}
        await sink.write("out", 0, b"one ")
        await until(lambda: reader.text == {(1, "out"): b"one two"})

    daemon(story, WORK)


def test_a_slow_follower_reads_again_from_the_store() -> None:
    async def story(rig: Rig) -> None:
        sink = await running(rig)
        log = rig.desk.log(1, {})
        await sink.write("out", 0, b"x")
        assert (await anext(log)).data == b"x"
        half = bytes(BOUND // 2)
        for number in range(9):
            await sink.write("out", 1 + number * len(half), half)
        rig.platform.end()
        end = 1
        async for piece in log:
            assert piece.offset == end
            end += len(piece.data)
        assert end == 1 + 9 * len(half)

    daemon(story, WORK)


def test_an_offset_is_where_it_goes_on_and_attempts_follow_one_another() -> None:
    async def story(rig: Rig) -> None:
        sink = await running(rig)
        await sink.write("out", 0, b"first")
        await sink.write("err", 0, b"oops")
        reader = Reader(rig, {(1, "out"): 3})
        rig.platform.end(exit_=Exit(code=1))
        await until(lambda: len(rig.platform.sinks) == 2)
        await list(rig.platform.sinks.values())[1].write("out", 0, b"second")
        rig.platform.end()
        await within(5, reader.task)
        assert reader.text == {(1, "out"): b"st", (1, "err"): b"oops", (2, "out"): b"second"}

    daemon(story, Task(name="work", run="true", retry_attempts=1))


def test_a_run_that_is_over_is_told_from_the_store_and_nobody_stays() -> None:
    async def story(rig: Rig) -> None:
        sink = await running(rig)
        for number in range(50):
            await sink.write("out", number, b"x")
        rig.platform.end()
        await until(lambda: rig.rows.runs[1].state is State.SUCCEEDED)
        reader = Reader(rig)
        await within(1, reader.task)
        assert reader.text == {(1, "out"): b"x" * 50}
        async with aclosing(cast("Any", rig.desk.log(1, {}))) as log:
            await anext(log)

    daemon(story, WORK)


def test_followers_end_when_the_daemon_goes() -> None:
    async def story(rig: Rig) -> None:
        await running(rig)
        reader = Reader(rig)
        await passing(1)
        rig.feed.close()
        await within(1, reader.task)

    daemon(story, WORK)


def test_any_order_of_seen_stored_and_slow_gives_every_byte_once() -> None:
    chance = Random(seed_of("feed"))

    async def story(rig: Rig) -> None:
        sink = await running(rig)
        readers = []
        seen = stored = 0
        for _ in range(400):
            readers += [Reader(rig)] if chance.random() < 0.02 else []
            length = chance.randrange(1, 2000)
            if chance.random() < 0.7:
                sink.seen("out", seen, _text(seen, length))
                seen += length
            else:
                seen = max(seen, stored + length)
                await sink.write("out", stored, _text(stored, seen - stored))
                stored = seen
            if chance.random() < 0.3:
                await passing(0.01)
        await sink.write("out", stored, _text(stored, seen - stored + 1))
        rig.platform.end()
        for reader in readers:
            await within(5, reader.task)
            assert reader.text[1, "out"] == _text(0, seen + 1)

    daemon(story, WORK)


def _text(offset: int, length: int) -> bytes:
    return bytes((offset + n) % 251 for n in range(length))


@fault("F18")
def test_logs_that_do_not_fit_wait_and_fail_no_run() -> None:
    async def story(rig: Rig) -> None:
        sink = await running(rig)
        rig.shelf.troubles = [StorageFull("full")] * 4
        writing = rig.tasks.spawn(sink.write("out", 0, b"kept"), "write")
        await passing(1)
        assert rig.desk.status()["storage"]["logs"] == "full"
        assert rig.desk.status()["state"] == "degraded"
        await within(30, writing)
        assert rig.desk.status()["state"] == "running"

    rig = daemon(story, WORK)
    assert [piece.data for _, piece in rig.shelf.kept] == [b"kept"]


def test_a_log_book_that_is_broken_ends_the_daemon() -> None:
    async def story(rig: Rig) -> None:
        sink = await running(rig)
        rig.shelf.troubles = [StorageBroken("torn")]
        rig.tasks.spawn(sink.write("out", 0, b"x"), "write")
        await asyncio.wait((rig.beating,))

    with pytest.raises(LogsBroken):
        daemon(story, WORK)


def test_what_is_stored_already_is_known_after_a_restart() -> None:
    async def story(rig: Rig) -> None:
        sink = await running(rig)
        await sink.write("out", 0, b"12345")
        await rig.down()
        rig.assemble()
        await rig.up()
        await until(lambda: rig.platform.calls.count("follow") == 2)
        (sink,) = rig.platform.sinks.values()
        assert await sink.stored("out") == 5
        assert await sink.stored("err") == 0
        await sink.write("out", 3, b"4567")
        assert await sink.stored("out") == 7

    daemon(story, WORK)


def test_reports_are_told_in_few_words_and_the_last_one_always() -> None:
    async def story(rig: Rig) -> None:
        sink = await running(rig)
        commits = rig.driver.gauges.commits
        for percent in range(100):
            await sink.report(progress=(percent, "going"), outputs={f"o{percent % 3}": percent})
            await passing(0.01)
        assert rig.driver.gauges.commits - commits <= 12
        await sink.report(messages=[Message("code", "text")])
        rig.platform.end()
        await until(lambda: rig.rows.runs[1].state is State.SUCCEEDED)
        run = rig.rows.runs[1]
        assert run.progress == (99, "going")
        assert run.outputs == {"o0": 99, "o1": 97, "o2": 98}
        assert run.messages == (Message("code", "text"),)

    daemon(story, WORK)


def test_reports_wait_while_the_inbox_is_full() -> None:
    async def story(rig: Rig) -> None:
        sink = await running(rig)
        rig.memory.gate = asyncio.Event()
        rig.tasks.spawn(rig.ask(), "ask")
        await passing(1)
        rig.inbox._bound = 0  # noqa: SLF001 - as if ten thousand requests were waiting
        await sink.report(progress=(1, "one"))
        await passing(1)
        assert len(rig.inbox) == 0
        rig.inbox._bound = 10  # noqa: SLF001 - as above
        rig.memory.gate.set()
        await until(lambda: rig.rows.runs[1].progress == (1, "one"))

    daemon(story, WORK)
