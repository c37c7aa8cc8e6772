"""One page of the web, as far as its status: a small and strict GET that follows nothing and reads little."""

from __future__ import annotations

import asyncio
import re
import ssl
from asyncio import StreamReader, StreamWriter
from base64 import b64encode
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from polysync import __version__
from polysync.domain.errors import ValueProblem

LARGEST: Final = 64 << 10  # bytes that are read of an answer
DRAIN: Final = 0.2  # seconds for the rest of it, so that the server need not complain of a broken pipe
PORTS: Final = {"http": 80, "https": 443}
FINAL: Final = 200  # answers below it announce another one
SAFE: Final = "/%:@!$&'()*+,;=~?[]-._"
STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?\r?\n")


class Page(NamedTuple):
    """Where a page is, and how it is asked for."""

    tls: bool
    host: str
    port: int
    request: bytes


class NotHttp(Exception):
    """What came back is no answer that HTTP knows."""


def page_of(url: str) -> Page:
    """The page that a URL means; `ValueProblem` where it means none."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
    except ValueError as error:
        raise ValueProblem(f"is not a URL: {error}") from None
    if not host or parts.scheme not in PORTS or port == 0:
        raise ValueProblem("is not a URL of a page")
    usual = PORTS[parts.scheme]
    name = f"[{host}]" if ":" in host else host
    target = quote(parts.path or "/", safe=SAFE) + (f"?{quote(parts.query, safe=SAFE)}" if parts.query else "")
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {name}" + (f":{port}" if port not in {None, usual} else ""),
        f"User-Agent: polysync/{__version__}",
        "Accept: */*",
        "Connection: close",
    ]
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        lines.append(f"Authorization: Basic {b64encode(pair).decode('ascii')}")
    return Page(parts.scheme == "https", host, port or usual, "\r\n".join([*lines, "", ""]).encode("ascii"))


def trust(*, loopback: bool) -> ssl.SSLContext:
    """Whom a connection trusts; between us and this very host nobody stands, and any certificate will do."""
    context = ssl.create_default_context()
    if loopback:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def status_of(page: Page, reader: StreamReader, writer: StreamWriter) -> int:
    """The status that the page is answered with."""
    writer.write(page.request)
    await writer.drain()
    room = LARGEST
    status = 0
    while status < FINAL:
        line = await _line(reader, room)
        room -= len(line)
        found = STATUS.fullmatch(line)
        if found is None:
            raise NotHttp("it does not speak HTTP")
        status = int(found[1])
        while line.strip():
            line = await _line(reader, room)
            room -= len(line)
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(DRAIN):
            while room > 0 and (piece := await reader.read(room)):
                room -= len(piece)
    return status


async def _line(reader: StreamReader, room: int) -> bytes:
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        raise NotHttp("it hangs up in the middle of its answer") from None
    except asyncio.LimitOverrunError:
        line = b""
    if not line or len(line) > room:
        raise NotHttp(f"the head of its answer is larger than {LARGEST >> 10} KiB")
    return line
