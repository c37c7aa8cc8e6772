"""What is kept of a run's output: exact counters, whatever policy, chunks, restarts and full disks there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from polysync.daemon.feed import Feed
from polysync.daemon.gauges import Gauges
from polysync.daemon.inbox import Inbox
from polysync.daemon.lane import OutputGap
from polysync.daemon.sink import NOTHING_MASKED, RunSink
from polysync.domain.capture import Limit
from polysync.domain.inputs import LogDropped, LogFull
from polysync.domain.masking import Masks
from polysync.domain.outcome import Usage
from polysync.domain.values import LogFull as OnFull
from polysync.ports import LogPiece
from polysync.store.check import check_file, full_check_of_logs
from polysync.store.errors import StorageFull
from polysync.store.log_schema import LOGS
from polysync.store.logs import LogBook
from polysync.testing import SimClock
from tests.adapters_local_io.spooling import spawn
from tests.daemon.rig import Shelf
from tests.daemon.virtual import play
from tests.faults import fault
from tests.seeds import seed_of

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
OLD, NEW, KILL = OnFull.DROP_OLD, OnFull.DROP_NEW, OnFull.KILL_TASK
SIZE = 64 << 10


class Watched(Feed):
    """A feed of which one can see what it is shown."""

    def __init__(self, shelf: Any, shown: list[tuple[str, int, bytes]]) -> None:
        super().__init__(shelf, lambda _run: True)
        self._shown = shown

    def seen(self, run_id: int, attempt: int, stream: str, offset: int, data: bytes) -> None:
        super().seen(run_id, attempt, stream, offset, data)
        self._shown.append((stream, offset, data))


class Desk:
    """The seams of sinks of one run."""

    def __init__(self, shelf: Any, limit: Limit) -> None:
        self.shelf = shelf
        self.limit = limit
        self.inbox = Inbox()
        self.gauges = Gauges()
        self.low = False
        self.seen: list[tuple[str, int, bytes]] = []

    def sink(
        self, attempt: int = 1, *, fresh: bool = True, masks: Masks | None = NOTHING_MASKED, feed: Any = None
    ) -> RunSink:
        feed = feed or Watched(self.shelf, self.seen)
        seams: dict[str, Any] = {"logs": self.shelf, "feed": feed, "inbox": self.inbox, "gauges": self.gauges}
        return RunSink(
            1,
            attempt,
            clock=SimClock(NOW),
            fresh=fresh,
            masks=masks,
            limit=self.limit,
            low=lambda: self.low,
            **seams,
        )

    def told(self) -> list[Any]:
        return list(self.inbox._waiting)  # noqa: SLF001 - what was told, without a driver


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[LogBook]:
    opened = await LogBook.open(tmp_path / "logs.db")
    yield opened
    await opened.close()


async def kept_of(book: LogBook) -> dict[tuple[int, str], list[LogPiece]]:
    """All rows by attempt and stream; they cover their streams."""
    found: dict[tuple[int, str], list[LogPiece]] = {}
    ends: dict[tuple[int, str], int] = {}
    for _, piece in await book.pieces(1, 0, 100_000):
        place = piece.attempt, piece.stream
        assert piece.offset == ends.get(place, 0)
        ends[place] = piece.offset + (piece.left_out or len(piece.data))
        found.setdefault(place, []).append(piece)
    return found


@pytest.mark.parametrize("policy", list(OnFull))
async def test_counters_are_exact_over_chunks_attempts_and_restarts(
    policy: OnFull, book: LogBook, tmp_path: Path
) -> None:
    dice = Random(seed_of(f"policy {policy}"))
    desk = Desk(book, Limit(SIZE, policy))
    source = {(a, s): dice.randbytes(90_000) for a in (1, 2) for s in ("out", "err")}
    kept = 0
    for attempt in (1, 2):
        ends, sink = {"out": 0, "err": 0}, desk.sink(attempt)
        for _ in range(25):
            stream = dice.choice(("out", "err"))
            size, text = dice.choice((1, 90, 3000, 20_000)), source[attempt, stream]
            back = min(ends[stream], dice.choice((0, 0, 7)))
            end = await sink.write(stream, ends[stream] - back, text[ends[stream] - back : ends[stream] + size])
            ends[stream] = min(len(text), ends[stream] + size)
            assert end == ends[stream]
            kept = sum(size.kept for size in (await book.sizes(1)).values())
            assert kept <= SIZE
            if dice.random() < 0.2:
                sink = desk.sink(attempt, fresh=False)
                assert {name: await sink.stored(name) for name in ends} == ends
        await sink.finish()
        used = sink.usage(None)
        sizes = await book.sizes(1)
        assert used.log_bytes == sum(ends.values())
        assert used.log_dropped == sizes[attempt].left_out
        assert used.dropped_before == {n: size.left_out for n, size in sizes.items() if n < attempt and size.left_out}
        assert sizes[attempt].kept == used.log_bytes - used.log_dropped
    for place, pieces in (await kept_of(book)).items():
        for piece in pieces:
            assert piece.data in (b"", source[place][piece.offset : piece.offset + len(piece.data)])
    assert kept == SIZE if policy is not OLD else kept > SIZE * 3 // 4
    assert check_file(tmp_path / "logs.db", LOGS, full_check_of_logs) == []


async def test_the_oldest_goes_and_the_newest_stays(book: LogBook) -> None:
    desk = Desk(book, Limit(SIZE, OLD))
    sink = desk.sink()
    text = b"".join(b"%07d\n" % number for number in range(40_000))
    assert await sink.write("out", 0, text) == len(text)
    (hole, *rest) = (await kept_of(book))[1, "out"]
    assert hole.left_out == sink.usage(None).log_dropped
    assert b"".join(piece.data for piece in rest) == text[hole.left_out :]
    assert SIZE * 7 // 8 <= len(text) - hole.left_out <= SIZE
    assert [type(told) for told in desk.told()] == [LogDropped]
    await sink.write("out", len(text), text)
    assert len(desk.told()) == 1, "it is said once"


async def test_the_newest_is_dropped_and_the_first_bytes_are_kept_exactly(book: LogBook) -> None:
    desk = Desk(book, Limit(SIZE, NEW))
    sink = desk.sink()
    text = Random(1).randbytes(SIZE + 5_000)
    await sink.write("err", 0, text[:60_000])
    assert desk.told() == []
    assert await sink.write("err", 60_000, text[60_000:]) == len(text)
    assert await sink.write("out", 0, b"more") == 4
    assert await book.read(1, 1, "err", 0, 1 << 20) == text[:SIZE]
    assert (sink.log_bytes, sink.usage(None).log_dropped) == (SIZE + 5_004, 5_004)
    (told,) = desk.told()
    assert "64kb: what comes now is dropped" in told.why


async def test_a_full_log_ends_its_task_also_after_a_restart(book: LogBook) -> None:
    desk = Desk(book, Limit(SIZE, KILL))
    sink = desk.sink()
    await sink.write("out", 0, bytes(SIZE))
    assert desk.told() == []
    await sink.write("out", SIZE, b"x")
    assert desk.told()[1:] == [LogFull(1, 1)]
    after = Desk(book, Limit(SIZE, KILL))
    await after.sink(fresh=False).finish()
    assert after.told()[1:] == [LogFull(1, 1)]


async def test_what_need_not_be_read_is_left_out_by_its_length(book: LogBook) -> None:
    desk = Desk(book, Limit(SIZE, OLD))
    sink = desk.sink()
    assert sink.excess("out", 1 << 30) == (0, (1 << 30) - SIZE)
    await sink.write("out", 0, b"one")
    assert await sink.leave_out("out", 3, 1000) == 1003
    assert await sink.write("out", 1003, b"two") == 1006
    assert (sink.log_bytes, sink.usage(None).log_dropped) == (1006, 1000)
    assert "passed over" in desk.told()[0].why
    unknown = desk.sink(2)
    assert unknown.excess("out", 1 << 30) == (0, 0), "nothing is known yet of what is stored"
    assert await unknown.stored("out") == 0
    assert unknown.excess("out", 1 << 30)[1] > 0


async def test_a_task_that_is_to_end_is_told_so_before_all_of_it_is_read(book: LogBook) -> None:
    desk = Desk(book, Limit(SIZE, KILL))
    sink = desk.sink()
    assert sink.excess("out", SIZE + (64 << 20)) == (SIZE, 64 << 20)
    assert desk.told()[1:] == [LogFull(1, 1)]
    await sink.write("out", 0, bytes(SIZE))
    await sink.leave_out("out", SIZE, 64 << 20)
    assert sink.usage(Usage(log_bytes=7)) == Usage(log_bytes=7, log_dropped=64 << 20)


async def test_while_the_disk_is_short_nothing_grows_and_afterwards_it_goes_on(book: LogBook) -> None:
    desk = Desk(book, Limit(SIZE, NEW))
    sink = desk.sink()
    await sink.write("out", 0, b"before ")
    desk.low = True
    await sink.write("out", 7, b"meanwhile ")
    desk.low = False
    await sink.write("out", 17, b"after")
    assert [(piece.data, piece.left_out) for piece in (await kept_of(book))[1, "out"]] == [
        (b"before ", 0),
        (b"", 10),
        (b"after", 0),
    ]
    assert "no room" in desk.told()[0].why


async def test_without_masks_output_is_withheld(book: LogBook) -> None:
    desk = Desk(book, Limit(SIZE, OLD))
    sink = desk.sink(masks=None)
    sink.seen("out", 0, b"secret")
    assert await sink.write("out", 0, b"secret") == 6
    assert sink.excess("out", 10) == (0, 0)
    assert sink.excess("out", 2 << 20) == (0, 2 << 20)
    assert await sink.leave_out("out", 6, 4) == 10
    await sink.finish()
    assert desk.seen == []
    assert [piece.left_out for piece in (await kept_of(book))[1, "out"]] == [10]
    assert "withheld" in desk.told()[0].why


async def test_what_may_be_a_secret_is_held_back_and_stored_in_the_end(book: LogBook) -> None:
    desk = Desk(book, Limit(SIZE, OLD))
    sink = desk.sink(masks=Masks(["hunter22"]))
    sink.seen("out", 0, b"it is hun")
    assert await sink.write("out", 0, b"it is hun") < 9
    assert await sink.write("out", 9, b"ter22, you know: hunt") >= 15
    await sink.finish()
    assert await book.read(1, 1, "out", 0, 99) == b"it is ********, you know: hunt"
    assert b"".join(data for _, _, data in desk.seen) == b"it is ********, you know: "
    assert sink.log_bytes == 30


async def test_a_secret_that_is_told_later_holds_for_what_comes(book: LogBook) -> None:
    sink = Desk(book, Limit(SIZE, OLD)).sink()
    await sink.write("out", 0, b"hunter22 ")
    await sink.report(outputs={"key": "hunter22"}, secrets=["hunter22"])
    await sink.write("out", 9, b"hunter22\n")
    await sink.write("err", 0, b"hunter22\n")
    await sink.finish()
    assert await book.read(1, 1, "out", 0, 99) == b"hunter22 ********\n"
    assert await book.read(1, 1, "err", 0, 99) == b"********\n"


async def test_the_end_of_a_secret_behind_what_was_passed_over_is_not_shown(book: LogBook) -> None:
    sink = Desk(book, Limit(SIZE, OLD)).sink(masks=Masks(["hunter22-hunter22"]))
    await sink.write("out", 0, b"one\nhunter22-")
    await sink.leave_out("out", 13, 100)
    await sink.write("out", 113, b"er22-hunter22\nfine\n")
    await sink.leave_out("out", 132, 10)
    await sink.write("out", 142, b"er22-hun")
    await sink.finish()
    shown = b"".join(piece.data for _, piece in await book.pieces(1, 0, 99))
    assert shown.startswith(b"one\n*************\nfine\n")
    assert b"er22" not in shown


@fault("F18")
@pytest.mark.parametrize("policy", list(OnFull))
def test_a_disk_that_stays_full_counts_and_heals(policy: OnFull) -> None:
    async def story() -> None:
        shelf = Shelf()
        desk = Desk(shelf, Limit(SIZE, policy))
        sink = desk.sink()
        await sink.write("out", 0, b"before")
        shelf.troubles = [StorageFull("full")] * 1000
        assert await sink.write("out", 6, b"lost") == 6, "what is not stored must stay where it is"
        assert await sink.write("out", 10, b"lost") == 6
        assert await sink.leave_out("err", 0, 5) == 0
        assert sink.usage(None) == Usage(log_bytes=19, log_dropped=13)
        shelf.troubles.clear()
        assert await sink.write("out", 14, b"after") == 19
        await sink.finish()
        assert [(p.stream, p.data, p.left_out) for _, p in shelf.kept if p.stream == "out"][-1] == ("out", b"after", 0)
        assert (await shelf.sizes(1))[1] == (11, 13)
        assert (LogFull(1, 1) in desk.told()) is (policy is KILL)

    play(SimClock(NOW), story)


@fault("F18")
def test_what_a_run_leaves_owed_at_its_end_is_noted_later() -> None:
    async def story() -> None:
        shelf = Shelf()
        sink = Desk(shelf, Limit(SIZE, OLD)).sink()
        await sink.write("out", 0, b"before")
        shelf.troubles = [StorageFull("full")] * 1000
        await sink.write("out", 6, b"lost")
        await sink.leave_out("err", 0, 5)
        assert shelf.owed == {}
        await sink.finish()
        assert shelf.owed == {(1, 1, "out"): (6, 4), (1, 1, "err"): (0, 5)}
        assert sink.usage(None) == Usage(log_bytes=15, log_dropped=9)

    play(SimClock(NOW), story)


def test_a_full_disk_may_still_have_room_in_the_place_of_older_output() -> None:
    async def story() -> None:
        shelf = Crowded(12)
        sink = Desk(shelf, Limit(SIZE, OLD)).sink()
        for number in range(10):
            assert await sink.write("out", number * 4, b"%03d\n" % number) == number * 4 + 4
        assert b"".join(piece.data for _, piece in shelf.kept) == b"007\n008\n009\n"
        assert sink.usage(None) == Usage(log_bytes=40, log_dropped=28)

    play(SimClock(NOW), story)


class Crowded(Shelf):
    """A disk with room for so many bytes."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room

    async def append(
        self, run_id: int, attempt: int, stream: str, offset: int, data: bytes, at: datetime, piece: int = 0
    ) -> int:
        if sum(len(piece.data) for _, piece in self.kept) + len(data) > self._room:
            raise StorageFull("full")
        return await super().append(run_id, attempt, stream, offset, data, at, piece)


async def test_what_was_broken_off_is_looked_at_anew(book: LogBook) -> None:
    class Slow(Shelf):
        async def append(self, *where: Any, **how: Any) -> int:
            end = await super().append(*where, **how)
            await asyncio.Event().wait() if len(self.kept) == 2 else None
            return end

    shelf = Slow()
    sink = Desk(shelf, Limit(SIZE, OLD)).sink()
    await sink.write("out", 0, b"one ")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await sink.write("out", 4, b"two ")
    assert await sink.stored("out") == 8
    assert await sink.write("out", 8, b"three") == 13
    assert b"".join(piece.data for _, piece in shelf.kept) == b"one two three"
    del book


async def test_a_gap_is_a_bug_of_the_adapter(book: LogBook) -> None:
    sink = Desk(book, Limit(SIZE, OLD)).sink()
    sink.seen("out", 5, b"too early")
    with pytest.raises(OutputGap, match="continues at 5, but was told up to 0"):
        await sink.write("out", 5, b"too early")


async def test_a_follower_hears_of_every_byte_once_whether_kept_or_not(book: LogBook) -> None:
    dice = Random(seed_of("follower"))
    open_runs = {1}
    feed = Feed(book, open_runs.__contains__)
    desk = Desk(book, Limit(SIZE, OLD))
    sink = desk.sink(feed=feed)
    told: list[LogPiece] = []

    async def follow() -> None:
        async for piece in feed.follow(1, {}):
            assert bool(piece.data) != bool(piece.left_out)
            assert piece.offset == sum(len(before.data) + before.left_out for before in told)
            told.append(piece)
            if dice.random() < 0.3:
                await asyncio.to_thread(bool)  # others go on meanwhile

    text, end, following = dice.randbytes(600_000), 0, None
    for step in range(30):
        if step == 8:
            following = spawn(follow())
        if dice.random() < 0.2:
            end = await sink.leave_out("out", end, 3_000)
        else:
            end = await sink.write("out", end, text[end : end + dice.choice((10, 9_000, 60_000))])
    open_runs.clear()
    feed.over(1)
    assert following is not None
    await following
    assert all(piece.data == text[piece.offset : piece.offset + len(piece.data)] for piece in told)
    assert sum(len(piece.data) + piece.left_out for piece in told) == end
    assert any(piece.left_out for piece in told)
