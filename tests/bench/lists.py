"""Bar 28: a list of twenty runs for 32 connections at once, beside a web server that says the same without looking."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from polysync.api.client import Client
from tests.bench.bars import Bar, Family, Figures, NotMeasured, percentile
from tests.bench.daemons import serving, until
from tests.bench.loops import kept_folder

CONNECTIONS: Final = 32
SECONDS: Final = 2.0
RUNS: Final = 20
TARGET: Final = f"/api/runs?limit={RUNS}"
CONFIG: Final = '[tasks.true]\ncommand = ["/bin/true"]\n'
STATIC: Final = """\
import sys
from aiohttp import web
body = open(sys.argv[1], "rb").read()
async def answer(request):
    return web.Response(body=body, content_type="application/json")
app = web.Application()
app.add_routes([web.get("/api/runs", answer)])
web.run_app(app, path=sys.argv[2], print=None, access_log=None)
"""


@cache
def python_with_aiohttp() -> Path:
    """A Python of its own with aiohttp in it."""
    folder = kept_folder("aiohttp")
    python = folder / "bin" / "python"
    for words in ([sys.executable, "-m", "venv", str(folder)], [str(python), "-m", "pip", "install", "-qq", "aiohttp"]):
        if subprocess.run(words, check=False, capture_output=True).returncode != 0:
            raise NotMeasured("aiohttp is not to be had from the package index")
    return python


@contextmanager
def lists() -> Iterator[Callable[[], Figures]]:
    """Both servers on sockets of their own, asked by the same client in turn."""
    python = python_with_aiohttp()
    with serving(CONFIG) as daemon:
        ours = daemon.home / "polysync.sock"
        with Client(str(ours)) as client:
            for _ in range(RUNS + 5):
                client.request("POST", "/api/tasks/true/run")
            daemon.ended(RUNS + 5)
            body = daemon.home.parent / "body"
            body.write_bytes(client.request("GET", TARGET).body)
        theirs = daemon.home.parent / "static.sock"
        with subprocess.Popen([str(python), "-c", STATIC, str(body), str(theirs)]) as static:
            try:
                until(theirs.is_socket)

                def once() -> Figures:
                    mine, took = asyncio.run(_asked(ours))
                    other, control = asyncio.run(_asked(theirs))
                    slow = {"p99": percentile(took, 0.99) * 1000, "aiohttp p99": percentile(control, 0.99) * 1000}
                    return {"ours": mine, "aiohttp": other, **slow}

                yield once
            finally:
                static.kill()


async def _asked(path: Path) -> tuple[float, list[float]]:
    """Answers a second over all connections, and the seconds that each took."""
    took: list[float] = []
    began = time.perf_counter()
    await asyncio.gather(*(_ask(path, began + SECONDS, took) for _ in range(CONNECTIONS)))
    return len(took) / (time.perf_counter() - began), took


async def _ask(path: Path, end: float, took: list[float]) -> None:
    reader, writer = await asyncio.open_unix_connection(str(path))
    request = f"GET {TARGET} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    while (began := time.perf_counter()) < end:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        took.append(time.perf_counter() - began)
    writer.close()


FAMILIES: Final = (
    Family(
        "lists",
        (
            Bar(28, "a list of 20 runs, 32 connections", "aiohttp, static", "ours", "aiohttp", at_least=1.2),
            Bar(28, "the same, p99", "", "p99", at_most=8, unit="ms", control="aiohttp p99", control_at_most=9.6),
        ),
        lists,
    ),
)
