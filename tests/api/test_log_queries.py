"""Parts of a log over the API: by lines, by time, by pattern; and what was left out."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from polysync.ports import LogPiece
from tests.api.stage import NOON, Stage, a_run, all_lines, staged
from tests.seeds import seed_of
from tests.store_reading import naive_log
from tests.store_reading.test_log_reading import random_log

NDJSON = {"Accept": "application/x-ndjson"}


def fill(stage: Stage) -> None:
    """Two attempts, a minute between two pieces, and a gap."""
    said = [
        (1, "out", b"one\ntwo\nthr"),
        (1, "err", b"bad\n"),
        (1, "out", b"ee\nfour\n"),
        (2, "out", b"five\n"),
        (2, "err", b"worse"),
    ]
    stage.books.keep(a_run(1))
    for number, (attempt, stream, data) in enumerate(said):
        stage.books.say(1, attempt, stream, data)
        pieces = stage.books.output[1]
        piece = pieces[-1]
        pieces[-1] = LogPiece(attempt, stream, piece.offset, data, NOON + timedelta(minutes=number))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("tail_lines=0", b""),
        ("tail_lines=1", b"worse"),
        ("tail_lines=3", b"four\nfive\nworse"),
        ("tail_lines=99", b"one\ntwo\nthrbad\nee\nfour\nfive\nworse"),
        ("tail_lines=2&stream=out", b"four\nfive\n"),
        ("tail_lines=2&stream=err", b"bad\nworse"),
        ("tail_lines=2&stream=out&attempt=1", b"three\nfour\n"),
        ("since=2026-03-29T12:03:00Z", b"five\nworse"),
        ("since=2026-03-29T12:02:00Z", b"three\nfour\nfive\nworse"),
        ("since=2026-03-29T12:02:00Z&tail_lines=2", b"five\nworse"),
        ("since=2026-03-29T13:00:00Z", b""),
        ("stream=out&attempt=1&first_line=2&last_line=3", b"two\nthree\n"),
        ("stream=out&attempt=1&last_line=1", b"one\n"),
        ("stream=out&attempt=1&first_line=4", b"four\n"),
        ("stream=out&first_line=1", b"five\n"),
        ("stream=out&attempt=1&first_line=9", b""),
    ],
)
async def test_a_part_is_told_by_lines_and_by_time(tmp_path: Path, query: str, expected: bytes) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        got = await stage.ask("GET", f"/api/runs/1/log?{query}")
        assert (got.status, got.body) == (200, expected)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("first_line=1", "first_line"),
        ("last_line=1", "last_line"),
        ("stream=out&first_line=0", "first_line"),
        ("tail=3&tail_lines=3", "tail_lines"),
        ("stream=out&first_line=3&tail_lines=3", "first_line"),
        ("stream=out&first_line=3&since=2026-03-29T12:00:00Z", "since"),
        ("since=yesterday", "since"),
        ("grep=(", "grep"),
        ("grep=a%0Ab", "grep"),
        ("grep=", "grep"),
        ("grep=" + "a" * 501, "grep"),
        ("grep=a&limit=3", "limit"),
        ("grep=a&tail_lines=3", "tail_lines"),
        ("grep=a&after=1:out:3", "after"),
        ("grep=a&follow=1", "grep"),
        ("context=3", "grep"),
        ("grep=a&context=1001", "context"),
        ("follow=1&stream=out&attempt=1&first_line=2", "first_line"),
    ],
)
async def test_nonsense_about_parts_is_named(tmp_path: Path, query: str, parameter: str) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        got = await stage.ask("GET", f"/api/runs/1/log?{query}")
        assert got.status == 422
        assert parameter in [problem["parameter"] for problem in json.loads(got.body)["error"]["problems"]]


@pytest.mark.parametrize("number", range(5))
async def test_any_part_is_that_of_the_naive_log(tmp_path: Path, number: int) -> None:
    pieces = random_log(Random(f"{seed_of('parts')} {number}"))
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1))
        stage.books.output[1] = pieces
        ends = naive_log.ends(pieces)
        for count in (0, 1, 5, 40, 10_000):
            begins = naive_log.last_lines(pieces, ends, count)
            expected = naive_log.between(pieces, begins, ends)
            got = await stage.ask("GET", f"/api/runs/1/log?tail_lines={count}", headers=NDJSON)
            told = [json.loads(line) for line in got.body.splitlines()]
            shown = [(p.attempt, p.stream, p.offset, p.left_out) for p in expected]
            assert [(p["attempt"], p["stream"], p["offset"], p.get("left_out", 0)) for p in told] == shown
            raw = await stage.ask("GET", f"/api/runs/1/log?tail_lines={count}")
            assert raw.body == b"".join(piece.data for piece in expected)


async def follow(stage: Stage, query: str) -> list[dict[str, Any]]:
    def work() -> list[bytes]:
        with stage.client() as client:
            return all_lines(client.stream("GET", f"/api/runs/1/log?follow=1&{query}"))

    return [json.loads(line) for line in await asyncio.to_thread(work)]


async def test_a_follower_of_the_last_lines_can_go_on_from_them(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        lines = await follow(stage, "tail_lines=3")
        begins = {(p["attempt"], p["stream"]): p["offset"] for p in lines if p.get("data") == ""}
        assert begins == {(1, "out"): 14, (1, "err"): 4}
        assert "".join(p.get("data", "") for p in lines) == "four\nfive\nworse"
        late = await follow(stage, "since=2026-03-29T12:03:00Z&stream=out")
        assert "".join(p.get("data", "") for p in late) == "five\n"


async def test_what_was_left_out_is_told_and_never_as_bytes(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1))
        stage.books.output[1] = [
            LogPiece(1, "out", 0, b"a\n", NOON),
            LogPiece(1, "out", 2, b"", NOON, 100),
            LogPiece(1, "out", 102, b"b\n", NOON),
        ]
        assert (await stage.ask("GET", "/api/runs/1/log")).body == b"a\nb\n"
        assert (await stage.ask("GET", "/api/runs/1/log?stream=out&offset=50")).body == b"b\n"
        got = await stage.ask("GET", "/api/runs/1/log?stream=out&offset=50", headers=NDJSON)
        told = [json.loads(line) for line in got.body.splitlines()]
        assert [(p["offset"], p["data"], p.get("left_out")) for p in told] == [(50, "", 52), (102, "b\n", None)]


async def test_a_search_is_handed_what_was_asked(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        got = await stage.ask("GET", "/api/search?q=a.b&task=backup&limit=5&context=2&ignore_case=1&stream=err")
        assert (got.status, got.headers["content-type"]) == (200, "application/x-ndjson")
        assert json.loads(got.body) == {"searched": True}
        (asked,) = stage.books.searches
        assert asked["q"] == "a.b"
        assert (asked["task"], asked["limit"], asked["context"], asked["ignore_case"]) == ("backup", 5, 2, True)
        await stage.ask("GET", "/api/runs/1/log?grep=a.b&attempt=2&context=1")
        assert stage.books.searches[1]["run"] == 1
        assert stage.books.searches[1]["attempt"] == 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 422),
        ("q=(", 422),
        ("q=a&limit=0", 422),
        ("q=a&run=1&task=backup", 422),
        ("q=a&run=77", 404),
        ("q=a&run=1", 200),
    ],
)
async def test_a_search_of_nonsense_is_refused(tmp_path: Path, query: str, status: int) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        assert (await stage.ask("GET", f"/api/search?{query}")).status == status


async def test_a_task_that_never_was_is_said(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        assert (await stage.ask("GET", "/api/search?q=a&task=bakup")).status == 404


async def test_too_many_searches_have_to_wait(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.busy = True
        assert (await stage.ask("GET", "/api/search?q=a")).status == 503
