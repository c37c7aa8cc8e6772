"""Connections that are gone are gone: nothing of them waits for the garbage collector, which seldom comes."""

from __future__ import annotations

import asyncio
import gc
import os
from asyncio.sslproto import SSLProtocol
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from polysync.api.auth import Peer
from polysync.api.connection import Connection
from polysync.api.protocol import Parser
from polysync.domain.values import Role
from tests.api.by_tcp import TOKENS, TcpStage, staged_by_tcp, trusting
from tests.api.stage import a_run, staged
from tests.faults import fault

pytestmark = pytest.mark.slow

KINDS = (Connection, Parser, SSLProtocol)
HEAD = f"GET {{}} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKENS[Role.VIEWER]}\r\n\r\n"


@contextmanager
def uncollected() -> Iterator[Counter[str]]:
    """Nobody collects garbage meanwhile; what other tests still hold on to."""
    gc.collect()
    gc.disable()
    try:
        yield alive()
    finally:
        gc.enable()


def alive() -> Counter[str]:
    """What there is of the kinds that matter."""
    return Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, KINDS))


def call(place: TcpStage, data: bytes, *, read: bool, shake: bool) -> None:
    """One call: says that, and hears the beginning of the answer or not."""
    with closing(place.connect()) as caller, suppress(OSError):
        line = trusting().wrap_socket(caller, server_hostname="localhost") if shake else caller
        with line:
            line.sendall(data)
            line.recv(100 if read else 0)


@fault("F43")
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("what", ["nothing", "half", "health", "log", "follow", "rubbish", "stranger", "no handshake"])
async def test_nothing_waits_for_the_collector(tmp_path: Path, tls: bool, what: str) -> None:
    words = {
        "nothing": b"",
        "half": b"GET /api/health HTTP/1.1\r\nHost: loc",
        "health": HEAD.format("/api/health").encode(),
        "log": HEAD.format("/api/runs/1/log").encode(),
        "follow": HEAD.format("/api/runs/1/log?follow=1").encode(),
        "rubbish": b"\x16\x03\x01\0\0\0" * 100,
        "stranger": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "no handshake": b"GET / HTTP/1.1\r\n\r\n",
    }[what]
    async with staged_by_tcp(tmp_path, tls=tls) as place:
        place.stage.books.keep(a_run(1))
        place.stage.books.say(1, 1, "out", *[b"x" * (64 << 10)] * 64)
        for read in (what not in {"nothing", "half"}, False):
            await _called(place, words, read=read, shake=tls and what != "no handshake")


async def _called(place: TcpStage, words: bytes, *, read: bool, shake: bool) -> None:
    """Five calls, and then nothing is left of them."""
    with uncollected() as before:
        for _ in range(5):
            await asyncio.to_thread(call, place, words, read=read, shake=shake)
        await place.stage.until(lambda: place.stage.server.connections == 0 and not place.door.coming)
        await place.stage.until(lambda: alive() <= before)


@pytest.mark.parametrize("stranger", [False, True])
async def test_the_socket_leaves_nothing_either(tmp_path: Path, stranger: bool) -> None:
    uid = 4242 if stranger else os.geteuid()
    async with staged(tmp_path, peer=lambda _socket: Peer(1, uid, frozenset())) as stage:
        with uncollected() as before:
            for _ in range(5):
                got = await stage.raw(HEAD.format("/api/health").encode(), half=True)
                assert (b" 403 " in got) is stranger
            await stage.until(lambda: stage.server.connections == 0)
            await stage.until(lambda: alive() <= before)
