"""Callers who come when no descriptor is free."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

from polysync.api.accepting import Acceptor
from polysync.api.binding import socket_path
from tests.api.stage import staged
from tests.faults import fault
from tests.starving import no_descriptor_free


def callers(stack: ExitStack, count: int) -> list[socket.socket]:
    """Sockets that can still be connected when nothing can be opened any more."""
    made = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(count)]
    for one in made:
        one.setblocking(False)
    return made


async def answered(caller: socket.socket, path: str) -> bytes:
    """All that somebody is told who connects."""
    loop, got = asyncio.get_running_loop(), b""
    caller.connect(path)
    while piece := await loop.sock_recv(caller, 4096):
        got += piece
    return got


@fault("F32")
async def test_without_a_descriptor_callers_are_told_and_one_line_is_said(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        path = str(socket_path(stage.home))
        with ExitStack() as stack:
            crowd = callers(stack, 50)
            with no_descriptor_free():
                answers = [await answered(one, path) for one in crowd]
            assert all(b"HTTP/1.1 503 " in answer and b"no descriptor free" in answer for answer in answers)
            [(what, error)] = stage.said
            assert "callers were turned away" in what
            assert isinstance(error, OSError)
        assert (await stage.ask("GET", "/api/health")).status == 200


@fault("F32")
async def test_where_not_even_the_reserve_is_left_it_waits_and_goes_on_by_itself(tmp_path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    listening.listen()
    listening.setblocking(False)
    welcome: asyncio.Queue[socket.socket] = asyncio.Queue(8)
    said: list[str] = []
    with ExitStack() as stack:
        [first] = callers(stack, 1)
        with no_descriptor_free():
            acceptor = Acceptor(listening, welcome.put_nowait, lambda what, _error: said.append(what))
            first.connect(str(tmp_path / "s"))
            while not said:
                await turn()
        caller = await welcome.get()  # once it has rested
        assert (said, acceptor.turned_away) == (["no descriptor is free: 0 callers were turned away"], 0)
        caller.close()
        acceptor.close()


async def turn() -> None:
    turned = asyncio.get_running_loop().create_future()
    turned.get_loop().call_soon(turned.set_result, None)
    await turned
