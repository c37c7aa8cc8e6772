"""The forms of a log: frames with every byte, and server-sent events; and both ends of a frame agree."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from polysync.api.client import TurnedAway
from polysync.api.log_forms import KEPT, Frames, Shared
from polysync.cli.link import frames
from polysync.ports import LogPiece
from tests.api.stage import Stage, a_run, staged
from tests.seeds import seed_of

FRAMES = {"Accept": "application/x-polysync-frames"}
SSE = {"Accept": "text/event-stream"}


def fill(stage: Stage) -> None:
    """Two attempts, with bytes that are no text, and a gap."""
    stage.books.keep(a_run(1))
    stage.books.say(1, 1, "out", b"one\n", b"\xff\x00")
    stage.books.say(1, 1, "err", b"bad\n")
    stage.books.output[1].append(LogPiece(1, "err", 4, b"", None, 100))
    stage.books.say(1, 2, "out", b"three\n")


def cut(data: bytes, dice: random.Random) -> Iterator[bytes]:
    """The same bytes in parts of any size, as a network brings them."""
    while data:
        size = dice.choice([1, 2, 7, 50, 1000])
        yield data[:size]
        data = data[size:]


def joined(pieces: Sequence[Any]) -> dict[tuple[int, str], bytes]:
    """What was said on each stream, each piece fitting behind the one before."""
    found: dict[tuple[int, str], bytes] = {}
    for piece in pieces:
        key = piece["attempt"], piece["stream"]
        before = found.setdefault(key, b"")
        assert piece["offset"] == len(before), piece
        found[key] = before + piece["bytes"] + b"?" * piece.get("left_out", 0)
    return found


@pytest.mark.parametrize("follow", ["", "&follow=1"])
async def test_frames_hold_every_byte_and_what_is_missing(tmp_path: Path, follow: str) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        got = await stage.ask("GET", f"/api/runs/1/log?limit=99{follow}".replace("limit=99&", ""), headers=FRAMES)

    assert got.headers["content-type"] == FRAMES["Accept"]
    pieces = list(frames(iter([got.body])))
    if follow:
        assert pieces.pop()["run"]["id"] == 1
    said = joined([piece for piece in pieces if not piece.get("left_out")])
    assert (said[1, "out"], said[1, "err"], said[2, "out"]) == (b"one\n\xff\x00", b"bad\n", b"three\n")
    if follow:
        return
    assert [(piece["offset"], piece["left_out"]) for piece in pieces if piece.get("left_out")] == [(4, 100)]


def test_frames_are_understood_however_they_are_cut() -> None:
    dice = random.Random(seed_of("frames"))
    for _ in range(100):
        ends: dict[tuple[int, str], int] = {}
        pieces = []
        for _ in range(dice.randint(0, 12)):
            key = dice.randint(1, 2), dice.choice(["out", "err"])
            data, left_out = dice.randbytes(dice.choice([0, 1, 10, 3000])), 0
            if dice.random() < 0.2:
                data, left_out = b"", dice.randint(1, 10**12)
            pieces.append(LogPiece(*key, ends.get(key, 0), data, None, left_out))
            ends[key] = ends.get(key, 0) + (left_out or len(data))
        wire = b"".join(map(Frames().piece, pieces)) + Frames().last('{"id":3}')

        *found, last = frames(cut(wire, dice))

        assert last == {"run": {"id": 3}}
        assert totals(found) == totals(
            {"attempt": p.attempt, "stream": p.stream, "offset": p.offset, "bytes": p.data, "left_out": p.left_out}
            for p in pieces
        )
        with pytest.raises(TurnedAway, match="broke off"):
            list(frames(cut(wire[: dice.randint(len(wire) - 8, len(wire) - 1)], dice)))


def totals(pieces: Any) -> list[tuple[int, str, int, bytes, int]]:
    """Pieces with those of one frame put together again."""
    found: list[tuple[int, str, int, bytes, int]] = []
    for piece in pieces:
        place, data = (piece["attempt"], piece["stream"]), piece["bytes"]
        if found and found[-1][:2] == place and data and found[-1][3] and not found[-1][4]:
            found[-1] = (*found[-1][:3], found[-1][3] + data, 0)
        else:
            found.append((*place, piece["offset"], data, piece.get("left_out", 0)))
    return [one for one in found if one[3] or one[4]]


async def test_server_sent_events_can_be_taken_up_again(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        whole = await stage.ask("GET", "/api/runs/1/log?follow=1", headers=SSE)
        events = [
            dict(line.split(": ", 1) for line in one.splitlines()) for one in whole.body.decode().split("\n\n")[:-1]
        ]
        rest = await stage.ask("GET", "/api/runs/1/log?follow=1", headers={**SSE, "Last-Event-ID": events[1]["id"]})

    assert whole.headers["content-type"] == SSE["Accept"]
    assert [event["event"] for event in events] == ["log"] * (len(events) - 1) + ["run"]
    assert json.loads(events[0]["data"])["data"] == "one\n"
    assert json.loads(events[-1]["data"])["run"]["id"] == 1
    assert events[1]["id"] == "1:out:6"
    assert rest.body.decode() == "".join(f"{one}\n\n" for one in whole.body.decode().split("\n\n")[2:-1])


async def test_a_place_that_is_none_is_refused(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        got = await stage.ask("GET", "/api/runs/1/log?follow=1", headers={**SSE, "Last-Event-ID": "7"})
    assert got.status == 422
    assert b"Last-Event-ID" in got.body


async def test_a_client_has_a_bound_of_followers(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        stage.server.office.streams = type(stage.server.office.streams)(0)
        got = await stage.ask("GET", "/api/runs/1/log?follow=1")
        assert (got.status, "retry-after" in got.headers) == (429, True)


def test_the_same_piece_is_made_once_for_all_followers() -> None:
    made: list[LogPiece] = []

    def make(piece: LogPiece) -> bytes:
        made.append(piece)
        return piece.data

    shared, pieces = Shared(make), [LogPiece(1, "out", n, b"x%d" % n) for n in range(KEPT + 1)]
    for _ in range(3):
        assert [shared.of(piece) for piece in pieces[:KEPT]] == [piece.data for piece in pieces[:KEPT]]
    assert len(made) == KEPT
    shared.of(pieces[KEPT])
    shared.of(pieces[0])  # which had to go
    assert len(made) == KEPT + 2


async def test_names_are_offered_one_a_line(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1), a_run(2))
        names = list(stage.server.office.task_names())
        tasks = await stage.ask("GET", "/api/names")
        runs = await stage.ask("GET", "/api/names?kind=runs")
        everything = await stage.ask("GET", "/api/names?kind=all")

    assert tasks.body.decode().splitlines() == names
    assert runs.body == b"2\n1\n"
    assert everything.body.startswith(tasks.body)
