"""The same key gives the first answer again, and nothing happens twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from polysync.api.asked import Asked
from polysync.api.idempotency import KEPT, Keys
from polysync.api.protocol import Request
from polysync.api.refusal import Refused
from polysync.api.response import Response
from polysync.domain.effects import Refusal
from polysync.domain.values import Role
from polysync.ports import Asker, PortError
from tests.api.stage import Stage, a_run, staged

RUN = "/api/tasks/backup/run"


def key(word: str, **more: str) -> Mapping[str, str]:
    return {"Idempotency-Key": word, **more}


async def test_the_first_answer_comes_again(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        first = await stage.ask("POST", RUN, b'{"hold":true}', key("k1"))
        again = await stage.ask("POST", RUN, b'{"hold":true}', key("k1", **{"X-Request-Id": "second"}))
        other = await stage.ask("POST", RUN, b'{"hold":true}', key("k2"))
        assert (first.status, again.status, other.status) == (201, 201, 201)
        assert again.body == first.body != other.body
        assert again.headers["location"] == first.headers["location"]
        assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
        assert again.headers["x-request-id"] == "second"
        assert len(stage.desk.requests) == 2


async def test_another_request_under_the_same_key_is_refused(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.ask("POST", RUN, b'{"hold":true}', key("k"))
        got = await stage.ask("POST", RUN, b'{"hold":false}', key("k"))
        error = json.loads(got.body)["error"]
        assert (got.status, error["problems"][0]["parameter"]) == (422, "Idempotency-Key")
        assert (await stage.ask("POST", "/api/tasks/report/run", b'{"hold":false}', key("k"))).status == 201
        assert len(stage.desk.requests) == 2


@pytest.mark.parametrize("word", ["", "a" * 256, "a b", "schlüssel"])
async def test_what_is_no_key_is_refused(tmp_path: Path, word: str) -> None:
    async with staged(tmp_path) as stage:
        got = await stage.ask("POST", RUN, headers={"Idempotency-Key": word})
        assert (got.status, stage.desk.requests) == (422, [])


async def test_two_keys_are_no_key(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        said = await stage.raw(
            b"POST /api/prune HTTP/1.1\r\nHost: a\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n"
        )
        assert said.startswith(b"HTTP/1.1 400 ")


async def test_who_only_reads_needs_no_key(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        for word in ("k", "not a key"):
            assert (await stage.ask("GET", "/api/health", headers=key(word))).status == 200
        assert (await stage.ask("POST", RUN, headers=key("k"))).status == 201


async def test_what_was_refused_is_refused_again(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.desk.refusal = Refusal.CONFLICT
        first = await stage.ask("POST", RUN, headers=key("k"))
        stage.desk.refusal = None
        again = await stage.ask("POST", RUN, headers=key("k"))
        assert (first.status, again.status, again.body) == (409, 409, first.body)
        assert [got.headers.get("idempotency-replayed") for got in (first, again)] == [None, "true"]
        assert len(stage.desk.requests) == 1


async def test_what_broke_may_be_tried_again(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1))
        stage.books.fails = PortError("the disk is full")
        assert (await stage.ask("POST", "/api/runs/1/stop", headers=key("k"))).status == 503
        stage.books.fails = RuntimeError("a bug")
        assert (await stage.ask("POST", "/api/runs/1/stop", headers=key("k"))).status == 500
        stage.books.fails = None
        assert (await stage.ask("POST", "/api/runs/1/stop", headers=key("k"))).status == 200


async def hung_up(stage: Stage) -> None:
    """Ask for a run, and hang up before it is answered."""
    _, writer = await asyncio.open_unix_connection(str(stage.path))
    writer.write(f"POST {RUN} HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\n\r\n".encode())
    await writer.drain()
    await stage.until(lambda: stage.desk.held == 1)
    writer.close()


async def let_go(stage: Stage) -> None:
    """Let the desk answer once a second one asks; a server notices only when it writes that the first is gone."""
    assert stage.desk.hold is not None
    await stage.until(lambda: stage.server.connections == 2)
    stage.desk.hold.set()


async def test_who_hung_up_finds_what_became_of_it(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.desk.hold = asyncio.Event()
        await hung_up(stage)
        got, _ = await asyncio.gather(stage.ask("POST", RUN, headers=key("k")), let_go(stage))
        assert (got.status, got.headers["idempotency-replayed"]) == (201, "true")
        assert (len(stage.desk.requests), stage.desk.held) == (1, 0)


async def test_a_daemon_that_goes_waits_for_no_key(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.desk.hold = asyncio.Event()
        await hung_up(stage)
    assert (stage.desk.requests, stage.said) == ([], [])


class Clockwork:
    """Keys with a loop's clock that a test moves, and a handler that counts."""

    def __init__(self, most: int = 3) -> None:
        self.now = 0.0
        self.made = 0
        self.most = most
        self.keys = Keys(asyncio.get_running_loop().create_task, most, lambda: self.now)
        self.open = asyncio.Event()
        self.open.set()
        self.begun = asyncio.Event()  # as many as there may be

    async def once(self, word: str, role: Role = Role.ADMIN, channel: str = "socket", name: str = "ada") -> bytes:
        request = Request("POST", "/api/reload?a=b", {"idempotency-key": word}, keep_alive=True, chunks=True)
        return (await self.keys.once(Asked(request, Asker(name, role, channel)), self.make)).body

    async def make(self) -> Response:
        self.made += 1
        number = self.made
        if number == self.most:
            self.begun.set()
        await self.open.wait()
        return Response(body=b"%d" % number)


async def test_a_name_and_a_channel_have_their_own_keys() -> None:
    keys = Clockwork(10)
    told = [await keys.once("k", name=name, channel=channel) for name in "ab" for channel in ("socket", "tcp")]
    assert told == [b"1", b"2", b"3", b"4"]
    assert await keys.once("k", name="b", channel="tcp") == b"4"


async def test_the_oldest_goes_first() -> None:
    keys = Clockwork()
    for word in "abcd":
        await keys.once(word)
    assert len(keys.keys) == 3
    assert [await keys.once(word) for word in "bcd"] == [b"2", b"3", b"4"]
    assert await keys.once("a") == b"5"


async def test_a_day_later_nothing_is_known() -> None:
    keys = Clockwork()
    await keys.once("a")
    keys.now = KEPT - 1
    assert await keys.once("a") == b"1"
    keys.now = KEPT
    assert await keys.once("a") == b"2"


async def test_large_answers_take_the_room_of_many() -> None:
    keys = Clockwork(100)

    async def large() -> Response:
        return Response(body=bytes(9 << 20))

    for word in "abc":
        request = Request("POST", "/api/prune", {"idempotency-key": word}, keep_alive=True, chunks=True)
        await keys.keys.once(Asked(request, Asker("ada", Role.ADMIN)), large)
    assert len(keys.keys) == 2


async def test_what_is_under_way_is_never_forgotten() -> None:
    keys = Clockwork(2)
    keys.open.clear()

    async def third() -> None:
        await keys.begun.wait()
        keys.now = 2 * KEPT
        with pytest.raises(Refused) as refused:
            await keys.once("c")
        assert refused.value.status == 503
        keys.open.set()

    told = await asyncio.gather(keys.once("a"), keys.once("b"), third(), keys.once("a"))
    assert list(told) == [b"1", b"2", None, b"1"]
