"""The log of a run over the API: bytes, lines, parts, and as it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from polysync.domain.run import State
from polysync.ports import LogPiece
from tests.api.stage import Stage, a_run, all_lines, staged

NDJSON = {"Accept": "application/x-ndjson"}


def fill(stage: Stage) -> None:
    """Two attempts, both streams."""
    stage.books.keep(a_run(1))
    stage.books.say(1, 1, "out", b"one ", b"two ")
    stage.books.say(1, 1, "err", b"bad ")
    stage.books.say(1, 2, "out", b"three ", b"four")


async def follow(stage: Stage, query: str = "") -> list[dict[str, Any]]:
    """Everything that a follower is told."""

    def work() -> list[bytes]:
        with stage.client() as client:
            return all_lines(client.stream("GET", f"/api/runs/1/log?follow=1{query}"))

    return [json.loads(line) for line in await asyncio.to_thread(work)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", b"one two bad three four"),
        ("attempt=1", b"one two bad "),
        ("stream=err", b"bad "),
        ("stream=err&attempt=1", b"bad "),
        ("stream=out", b"one two three four"),
        ("stream=out&attempt=2", b"three four"),
        ("stream=out&attempt=1&offset=2", b"e two "),
        ("stream=out&offset=3&limit=4", b"ee f"),
        ("stream=out&offset=99", b""),
        ("stream=out&tail=3", b"our"),
        ("stream=out&tail=99", b"one two three four"),
        ("tail=8", b"ree four"),
        ("tail=8&limit=3", b"ree"),
        ("limit=5", b"one t"),
        ("limit=0", b""),
        ("tail=0", b""),
        ("attempt=7", b""),
    ],
)
async def test_any_part_can_be_read(tmp_path: Path, query: str, expected: bytes) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        got = await stage.ask("GET", f"/api/runs/1/log?{query}")
        assert (got.status, got.headers["content-type"], got.body) == (200, "text/plain", expected)


async def test_bytes_come_as_they_were_written(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1))
        stage.books.say(1, 1, "out", *[data] * 20)
        assert (await stage.ask("GET", "/api/runs/1/log?stream=out")).body == data * 20
        assert (await stage.ask("GET", "/api/runs/1/log")).body == data * 20


async def test_what_comes_later_is_not_part_of_the_answer(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        read = stage.books.pieces

        async def growing(run_id: int, after: int, limit: int) -> Any:
            stage.books.say(1, 2, "out", b"more")
            return await read(run_id, after, limit)

        stage.books.pieces = growing  # type: ignore[method-assign]  # a log that grows while it is read
        async with asyncio.timeout(10):
            got = await stage.ask("GET", "/api/runs/1/log?limit=1000")
    assert got.body == b"one two bad three four"


async def test_lines_say_where_they_belong(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1))
        stage.books.say(1, 1, "out", "grün".encode(), b"\xff")
        got = await stage.ask("GET", "/api/runs/1/log", headers=NDJSON)
    assert got.headers["content-type"] == "application/x-ndjson"
    at = "2026-03-29T12:00:00Z"
    assert [json.loads(line) for line in got.body.splitlines()] == [
        {"attempt": 1, "stream": "out", "offset": 0, "data": "grün", "at": at},
        {"attempt": 1, "stream": "out", "offset": 5, "base64": "/w==", "at": at},
    ]


async def test_a_follower_gets_it_all_and_then_the_run(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        lines = await follow(stage)
    assert "".join(line["data"] for line in lines[:-1]) == "one two bad three four"
    assert set(lines[-1]) == {"run"}
    assert (lines[-1]["run"]["id"], lines[-1]["run"]["state"]) == (1, "succeeded")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("&stream=err", "bad "),
        ("&attempt=2", "three four"),
        ("&attempt=2&stream=out&offset=6", "four"),
        ("&tail=2", "o d ur"),
        ("&stream=out&tail=3", "wo our"),
        ("&after=1:out:4,1:err:4,2:out:6", "two four"),
    ],
)
async def test_a_follower_may_begin_anywhere(tmp_path: Path, query: str, expected: str) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        assert "".join(line.get("data", "") for line in await follow(stage, query)) == expected


async def test_a_follower_sees_output_when_it_comes(tmp_path: Path) -> None:
    seen = asyncio.Event()

    async def feed(_run_id: int, since: Mapping[tuple[int, str], int]) -> AsyncIterator[LogPiece]:
        assert since == {}
        yield LogPiece(1, "out", 0, b"first\n")
        await seen.wait()
        yield LogPiece(1, "out", 6, b"second\n")

    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1, State.RUNNING))
        stage.desk.feed = feed
        reader, writer = await asyncio.open_unix_connection(str(stage.path))
        writer.write(b"GET /api/runs/1/log?follow=1 HTTP/1.0\r\n\r\n")
        async with asyncio.timeout(20):
            await reader.readuntil(b"\r\n\r\n")
            assert json.loads(await reader.readline())["data"] == "first\n"
            seen.set()
            assert json.loads(await reader.readline())["data"] == "second\n"
            assert json.loads(await reader.readline())["run"]["state"] == "running"
        writer.close()


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("stream=in", "stream"),
        ("attempt=0", "attempt"),
        ("offset=5", "offset"),
        ("stream=out&offset=5&tail=3", "tail"),
        ("follow=1&limit=3", "limit"),
        ("follow=1&stream=out&offset=3", "offset"),
        ("follow=perhaps", "follow"),
        ("after=1:out", "after"),
        ("after=1:both:4", "after"),
        ("tail=-1", "tail"),
        ("lines=5", "lines"),
    ],
)
async def test_nonsense_is_named(tmp_path: Path, query: str, parameter: str) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        got = await stage.ask("GET", f"/api/runs/1/log?{query}")
        assert got.status == 422
        assert parameter in [problem["parameter"] for problem in json.loads(got.body)["error"]["problems"]]
