"""Clients that mean no good: each attack takes a way in and how much of it there shall be."""

from __future__ import annotations

import asyncio
import random
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

Line = tuple[StreamReader, StreamWriter]
HOLD: Final = 3.0  # seconds that an attack which waits goes on
PATIENCE: Final = 20.0
CHUNK: Final = b"1\r\nx\r\n"


@dataclass(frozen=True)
class Way:
    """One way into a daemon."""

    name: str
    dial: Callable[[], Awaitable[Line]]
    shown: str = ""  # the header line that shows who asks

    def request(self, target: str, method: str = "GET", more: str = "") -> bytes:
        """The head of a request that is in order."""
        return f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{self.shown}{more}\r\n".encode()


def by_socket(path: Path) -> Way:
    """The unix socket."""
    return Way("socket", lambda: asyncio.open_unix_connection(str(path)))


def by_tcp(port: int, token: str, tls: ssl.SSLContext | None = None) -> Way:
    """The TCP listener, with a token that is good."""
    name = None if tls is None else "localhost"
    shown = f"Authorization: Bearer {token}\r\n"
    return Way(
        "tcp" if tls is None else "tls",
        lambda: asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name),
        shown,
    )


@asynccontextmanager
async def crowd(way: Way, count: int) -> AsyncIterator[list[Line]]:
    """So many connections, as far as they are taken."""
    lines: list[Line] = []
    try:
        for _ in range(count):
            with suppress(OSError):
                lines.append(await way.dial())
        yield lines
    finally:
        for _, writer in lines:
            writer.transport.abort()
        await asyncio.gather(*(closed(writer) for _, writer in lines))


async def closed(writer: StreamWriter) -> None:
    """Wait until a connection is no more."""
    writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await writer.wait_closed()


async def say(line: Line, data: bytes) -> None:
    """Send, as far as they listen."""
    with suppress(OSError):
        line[1].write(data)
        await line[1].drain()


async def hold(seconds: float) -> None:
    """Keep at it for so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


async def hear(line: Line) -> bytes:
    """Everything until they hang up, or say nothing more for a while."""
    got = b""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while piece := await line[0].read(1 << 16):
                got += piece
    return got


async def slow_readers(way: Way, count: int) -> None:
    """Ask for much, and for what never ends, and read none of it."""
    async with crowd(way, count) as lines:
        for number, line in enumerate(lines):
            target = ("/api/runs/1/log", "/api/runs/1/log?follow=1", "/api/events", "/api/runs?limit=500")[number % 4]
            await say(line, way.request(target) * (1 if number % 8 < 4 else 50))
        await hold(HOLD)


async def rubbish(way: Way, count: int) -> None:
    """Bytes of no meaning, and some that almost have one."""
    chance = random.Random(count)
    for _ in range(count):
        with suppress(OSError):
            line = await way.dial()
            data = chance.randbytes(chance.randrange(1, 4000))
            await say(line, data if chance.random() < 0.5 else b"GET /" + data)
            line[1].transport.abort()
            await closed(line[1])


async def half_frames(way: Way, count: int) -> None:
    """Requests that stop somewhere in the middle and are never finished."""
    whole = way.request("/api/reload", "POST", "Content-Length: 100000\r\n") + b"{" * 50_000
    async with crowd(way, count) as lines:
        for number, line in enumerate(lines):
            await say(line, whole[: 1 + number * len(whole) // max(1, len(lines))])
        await hold(HOLD)


async def slowloris(way: Way, count: int) -> None:
    """A byte now and then, for as long as somebody waits."""
    whole = way.request("/api/health", more="X-Filler: " + "x" * 1000 + "\r\n")
    async with crowd(way, count) as lines:
        for byte in whole[: int(HOLD / 0.2)]:
            for line in lines:
                await say(line, bytes([byte]))
            await hold(0.2)


async def pipelined(way: Way, count: int) -> None:
    """So many requests at once that their answers are never read."""
    async with crowd(way, 4) as lines:
        for line in lines:
            line[1].write(way.request("/api/status") * (count // 4))
        await hold(HOLD)


async def huge_heads(way: Way, count: int) -> None:
    """Heads without end."""
    for number in range(count):
        with suppress(OSError):
            line = await way.dial()
            more = "".join(f"X-{n}: {'y' * 1000}\r\n" for n in range(200)) if number % 2 else f"X: {'z' * 200_000}\r\n"
            await say(line, way.request("/api/health", more=more))
            await hear(line)
            await closed(line[1])


async def chunk_bombs(way: Way, count: int) -> None:
    """Bodies of a million chunks of one byte, and chunks that are larger than the world."""
    for number in range(count):
        with suppress(OSError):
            line = await way.dial()
            head = way.request("/api/tasks/canary/run", "POST", "Transfer-Encoding: chunked\r\n")
            await say(line, head + (b"FFFFFFFFFFFFFFF\r\n" if number % 2 else CHUNK * 400_000))
            line[1].transport.abort()
            await closed(line[1])


async def strangers(way: Way, count: int) -> None:
    """Guesses at tokens, each with a large body; on the socket, that is simply a header too much."""
    for _ in range(count):
        with suppress(OSError):
            line = await way.dial()
            guess = f"POST /api/reload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {random.random()}\r\n"
            await say(line, guess.encode() + b"Content-Length: 1000000\r\n\r\n" + b"x" * 100_000)
            line[1].transport.abort()
            await closed(line[1])


async def comings_and_goings(way: Way, count: int) -> None:
    """Connect and hang up, again and again, some in the middle of a word."""
    for number in range(count):
        with suppress(OSError):
            line = await way.dial()
            if number % 3:
                line[1].write(way.request("/api/health")[: number % 40])
            line[1].transport.abort()
            await closed(line[1])


async def followers(way: Way, count: int) -> None:
    """Everybody follows one log that goes on and on, and reads it."""
    async with crowd(way, count) as lines:
        for line in lines:
            await say(line, way.request("/api/runs/2/log?follow=1&tail_lines=1"))
        with suppress(TimeoutError):
            async with asyncio.timeout(HOLD):
                await asyncio.gather(*(_read(line[0]) for line in lines))


async def _read(reader: StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(1 << 16):
            pass


ATTACKS: Final[Mapping[str, tuple[Callable[[Way, int], Awaitable[None]], int, int]]] = MappingProxyType(
    {  # by name: the attack, how much of it is quick, and how much is plenty
        "slow readers": (slow_readers, 40, 200),
        "rubbish": (rubbish, 200, 5_000),
        "half frames": (half_frames, 60, 240),
        "slowloris": (slowloris, 60, 240),
        "pipelined": (pipelined, 4_000, 40_000),
        "huge heads": (huge_heads, 20, 500),
        "chunk bombs": (chunk_bombs, 6, 100),
        "strangers": (strangers, 100, 3_000),
        "comings and goings": (comings_and_goings, 1_000, 10_000),
        "followers": (followers, 250, 1_000),
    }
)
