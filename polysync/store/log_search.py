"""Searches, each carried out by a process of its own which lives only as long as somebody reads."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polysync
from polysync.ports import PortError
from polysync.store.codec import micros

MOST: Final = 4  # searches at a time: each takes a core
PACKAGE: Final = Path(polysync.__file__).parent.parent  # this version, wherever it came from
# Chunks come and go: memory that is given back after each of them costs a third of the time.
ROOMY: Final = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(128 << 20)}
BLOCK: Final = 64 << 10
PASSED_ON: Final = (
    "PYTHON",
    "LD_",
    "LANG",
    "LC_",
)  # what Python itself needs to start; nothing else is any of its business


class LogSearch:
    """Starts searches in the databases of a home."""

    def __init__(self, logs: Path, database: Path) -> None:
        self._logs = logs
        self._database = database
        self._running = 0

    @property
    def busy(self) -> bool:
        """Whether another one has to wait until one of those that run has ended."""
        return self._running >= MOST

    async def find(self, **wanted: Any) -> AsyncIterator[bytes]:
        """Lines of JSON, whole ones, as they are found; who closes it ends the search."""
        self._running += 1
        try:
            process = await self._start()
            try:
                async for block in _blocks(process, self._request(wanted)):
                    yield block
            finally:
                await _end(process)
        finally:
            self._running -= 1

    def _request(self, wanted: dict[str, Any]) -> bytes:
        given = {name: value for name, value in wanted.items() if value is not None}
        if isinstance(given.get("since"), datetime):
            given["since"] = micros(given["since"])
        return json.dumps({"logs": str(self._logs), "database": str(self._database), **given}).encode()

    async def _start(self) -> Process:
        env = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        env |= ROOMY
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PACKAGE), env.get("PYTHONPATH"))))
        words = (sys.executable, "-P", "-m", "polysync.store.log_scan")
        try:
            return await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd="/", env=env)
        except OSError as error:
            raise PortError(f"a search cannot be started: {error}") from error


async def _blocks(process: Process, request: bytes) -> AsyncIterator[bytes]:
    """What the process says, cut at line ends."""
    assert process.stdin is not None  # noqa: S101 - it was started with pipes
    assert process.stdout is not None  # noqa: S101 - as above
    process.stdin.write(request)
    rest = b""
    while block := await process.stdout.read(BLOCK):
        whole, end, tail = block.rpartition(b"\n")
        if end:
            yield rest + whole + end
            rest = tail
        else:
            rest += tail
    if await process.wait():
        raise PortError(f"a search ended before its end: {await _last_words(process)}")


async def _last_words(process: Process) -> str:
    assert process.stderr is not None  # noqa: S101 - it was started with pipes
    return (await process.stderr.read()).decode(errors="replace").strip().rpartition("\n")[2]


async def _end(process: Process) -> None:
    """The process is gone afterwards, whatever it was doing."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.communicate()  # its end is only noticed once all that it said was read
