"""Events over the API: what comes, in which form, from where on, and what is said where some are missing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from polysync.api.asked import Asked
from polysync.api.connection import Limits
from polysync.api.events import PAGE, events
from polysync.api.protocol import Request
from polysync.api.streams import Streams
from polysync.daemon.recent import LIFE, Recent
from polysync.domain.effects import EventName, Publish
from polysync.domain.values import Role
from polysync.ports import Asker
from tests.api.stage import DEADLINE, Stage, staged
from tests.seeds import seed_of

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
NAMES = tuple(EventName)
SSE = {"Accept": "text/event-stream"}


def happen(recent: Recent, *names: str, task: str = "backup", run: int = 1) -> None:
    for name in names:
        recent.add(Publish(EventName(name), NOON, run, task))


async def told(stage: Stage, query: str = "") -> list[dict[str, Any]]:
    """What a reader gets that does not follow."""
    got = await stage.ask("GET", f"/api/events?follow=0&{query}".rstrip("&"))
    assert (got.status, got.headers["content-type"]) == (200, "application/x-ndjson"), got.body
    return [json.loads(line) for line in got.body.splitlines()]


async def numbers(stage: Stage, query: str = "") -> list[int]:
    return [event["seq"] for event in await told(stage, query)]


class Follower:
    """One that reads lines from a socket as they come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        async with asyncio.timeout(DEADLINE):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def line(self) -> bytes:
        """The next line that is not of the framing."""
        async with asyncio.timeout(DEADLINE):
            while True:
                line = await self._reader.readline()
                if not line or not line.endswith(b"\r\n"):
                    return line


async def follower(stage: Stage, query: str = "", accept: str = "*/*", more: str = "") -> Follower:
    reader, writer = await asyncio.open_unix_connection(str(stage.path))
    writer.write(f"GET /api/events?{query} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n{more}\r\n".encode())
    return Follower(reader, writer)


async def test_what_is_known_comes_from_where_one_says(tmp_path: Path) -> None:
    recent = Recent()
    async with staged(tmp_path, events=recent) as stage:
        assert await told(stage) == []
        happen(recent, "run.queued", "run.started", "run.failed", "run.queued")
        assert await numbers(stage) == await numbers(stage, "since=0") == [1, 2, 3, 4]
        assert await numbers(stage, "since=2") == [3, 4]
        assert await numbers(stage, "since=4") == []
        assert await numbers(stage, "last=2") == [3, 4]
        assert await numbers(stage, "last=0") == []
        assert await numbers(stage, "since=1&last=1&types=run.queued") == [4]


async def test_events_are_chosen_by_name_run_and_task(tmp_path: Path) -> None:
    recent = Recent()
    happen(recent, "run.queued", "service.started", "run.failed")
    happen(recent, "run.queued", task="report", run=2)
    async with staged(tmp_path, events=recent) as stage:
        assert await numbers(stage, "types=run.failed,service.*") == [2, 3]
        assert await numbers(stage, "types=run.*&task=report") == [4]
        assert await numbers(stage, "run=2") == [4]
        assert await numbers(stage, "last=2&types=run.queued") == [1, 4]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("types=run.faild", "run.failed"),
        ("types=", "types"),
        ("types=runs.*", "types"),
        ("types=.*", "types"),
        ("since=-1", "since"),
        ("run=0", "run"),
        ("follow=perhaps", "follow"),
        ("type=run.failed", "type"),
    ],
)
async def test_wrong_values_are_refused_by_name(tmp_path: Path, query: str, named: str) -> None:
    async with staged(tmp_path, events=Recent()) as stage:
        got = await stage.ask("GET", f"/api/events?{query}")
        assert got.status == 422
        assert named in json.loads(got.body)["error"]["message"]


async def test_a_follower_hears_what_happens_from_then_on(tmp_path: Path) -> None:
    recent = Recent()
    happen(recent, "run.queued")
    async with staged(tmp_path, events=recent) as stage:
        one = await follower(stage, more="Connection: close\r\n")
        await one.head()
        happen(recent, "run.started")
        assert json.loads(await one.line())["seq"] == 2
        happen(recent, "run.failed", "run.queued")
        assert [json.loads(await one.line())["event"] for _ in range(2)] == ["run.failed", "run.queued"]
        recent.close()
        assert await one.line() == b""
        one.writer.close()


async def test_browsers_get_numbered_events_and_come_back_by_number(tmp_path: Path) -> None:
    recent = Recent(count=2)
    happen(recent, "run.queued", "run.started", "run.failed")
    async with staged(tmp_path, events=recent) as stage:
        got = await stage.ask("GET", "/api/events?follow=0&since=2", headers=SSE)
        assert got.headers["content-type"] == "text/event-stream"
        opening, first, end = got.body.decode().split("\n\n")
        assert (opening, end) == ("retry: 1000", "")
        head, name, data = first.split("\n")
        assert (head, name) == ("id: 3", "event: run.failed")
        assert json.loads(data.removeprefix("data: "))["seq"] == 3
        again = await stage.ask("GET", "/api/events?follow=0&since=3", headers={**SSE, "Last-Event-ID": "0"})
        assert again.body.count(b"event: run.") == 2
        lost = await stage.ask("GET", "/api/events?follow=0", headers={**SSE, "Last-Event-ID": "9000"})
        assert b'id: 1\nevent: gap\ndata: {"seq":1,"event":"gap","since":9000,"lost":null}\n\n' in lost.body
        wrong = await stage.ask("GET", "/api/events", headers={**SSE, "Last-Event-ID": "x"})
        assert wrong.status == 422


async def test_a_silent_stream_says_that_it_still_stands(tmp_path: Path) -> None:
    recent = Recent()
    async with staged(tmp_path, events=recent, limits=Limits(tick=0.001)) as stage:
        browser = await follower(stage, accept="text/event-stream")
        await browser.head()
        assert [await browser.line() for _ in range(4)] == [b"retry: 1000\n", b"\n", b":\n", b"\n"]
        plain = await follower(stage)
        await plain.head()
        assert await browser.line() == b":\n"
        happen(recent, "run.queued")
        assert json.loads(await plain.line())["seq"] == 1  # and no comment before it
        browser.writer.close()
        plain.writer.close()


async def test_who_is_too_slow_is_told_how_many_are_missing(tmp_path: Path) -> None:
    recent = Recent(count=5)
    async with staged(tmp_path, events=recent) as stage:
        happen(recent, *["run.queued"] * 12)
        gap, *rest = await told(stage, "since=3")
        assert gap == {"seq": 7, "event": "gap", "since": 3, "lost": 4}
        assert [event["seq"] for event in rest] == [8, 9, 10, 11, 12]
        assert await numbers(stage, "since=7") == [8, 9, 10, 11, 12]
        assert await numbers(stage, "since=3&last=1") == [7, 12]


async def test_after_a_restart_nobody_knows_how_many(tmp_path: Path) -> None:
    recent = Recent(2)
    happen(recent, "run.queued")
    async with staged(tmp_path, events=recent) as stage:
        for since in (LIFE + 3, 3 * LIFE, 1):
            gap, one = await told(stage, f"since={since}")
            assert gap == {"seq": 2 * LIFE, "event": "gap", "since": since, "lost": None}
            assert one["seq"] == 2 * LIFE + 1
        assert await numbers(stage, f"since={2 * LIFE}") == [2 * LIFE + 1]


async def test_one_client_has_so_many_streams_and_no_more(tmp_path: Path) -> None:
    streams = Streams(2)
    async with staged(tmp_path, events=Recent(), streams=streams) as stage:
        open_ones = [await follower(stage) for _ in range(2)]
        for one in open_ones:
            await one.head()
        await stage.until(lambda: len(streams) == 2)
        refused = await stage.ask("GET", "/api/events")
        assert refused.status == 429
        assert refused.headers["retry-after"]
        assert json.loads(refused.body)["error"]["code"] == "too_many"
        open_ones[0].writer.close()
        await stage.until(lambda: len(streams) == 1)
        assert (await stage.ask("HEAD", "/api/events")).status == 200
        assert (await stage.ask("GET", "/api/events?follow=0")).status == 200
        open_ones[1].writer.close()
        await stage.until(lambda: len(streams) == 0)


# ---- the law of resuming: what was got and what was told as missing is everything, in order


class Reader:
    """One that stops and goes on again wherever it likes, and checks what it is told."""

    def __init__(self) -> None:
        self.at = 0  # the number of the newest event that it knows about
        self.got: list[int] = []
        self.missing: list[int] = []
        self.unknown = 0  # gaps whose size nobody knows

    def take(self, piece: bytes) -> None:
        for line in piece.splitlines():
            event = json.loads(line)
            number = event["seq"]
            if event["event"] != "gap":
                assert number > self.at
                self.got.append(number)
            elif event["lost"] is None:
                self.unknown += 1
            else:
                assert (event["since"], event["lost"]) == (self.at, number - self.at)
                self.missing += range(self.at + 1, number + 1)
            self.at = number


async def pieces_of(stage: Stage, since: int) -> AsyncIterator[bytes]:
    """The stream as the route makes it, one piece for each time it is asked."""
    given = {"since": since, "types": None, "run": None, "task": None, "last": None, "follow": True}
    asked = Asked(Request("GET", "/api/events", {}, True, True), Asker("ada", Role.VIEWER), given=given)
    stream = (await events(stage.server.office, asked)).stream
    assert stream is not None
    async with aclosing(cast("AsyncGenerator[bytes, None]", stream)) as stream:
        async for piece in stream:
            yield piece


async def test_got_and_missing_together_are_everything(tmp_path: Path) -> None:
    random = Random(seed_of("events"))
    async with staged(tmp_path) as stage:
        for _ in range(100):
            await _one_reader(stage, random)


async def _one_reader(stage: Stage, random: Random) -> None:
    recent = stage.server.office.events = Recent(1, count=random.choice([1, 3, 8, 50]))
    reader = Reader()
    reader.at = recent.newest
    for _ in range(random.randrange(1, 6)):
        stream = cast("AsyncGenerator[bytes, None]", pieces_of(stage, reader.at))
        async with aclosing(stream):
            await _live(random, recent, reader, stream)
        happen(recent, *random.choices(NAMES, k=random.randrange(12)))  # while it is away
        if random.random() < 0.2:
            recent = stage.server.office.events = Recent(recent.first // LIFE + 1, count=8)
            happen(recent, "run.queued")
    recent.close()
    async for piece in pieces_of(stage, reader.at):
        reader.take(piece)
    assert reader.got == sorted(set(reader.got))
    if not reader.unknown:
        assert sorted(reader.got + reader.missing) == list(range(recent.first, recent.newest + 1))
    assert reader.at == recent.newest


async def _live(random: Random, recent: Recent, reader: Reader, stream: AsyncGenerator[bytes, None]) -> None:
    """Read some pieces while things happen, at times many more than are kept."""
    reader.take(await anext(stream))  # nothing yet
    for _ in range(random.randrange(5)):
        happen(recent, *random.choices(NAMES, k=random.choice([1, 1, 2, 30])))
        reader.take(await anext(stream))


async def test_a_long_past_comes_in_pages(tmp_path: Path) -> None:
    recent = Recent()
    happen(recent, *["run.queued"] * (2 * PAGE + 1))
    async with staged(tmp_path, events=recent) as stage:
        assert await numbers(stage) == list(range(1, 2 * PAGE + 2))
