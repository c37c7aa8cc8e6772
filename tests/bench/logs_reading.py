"""Reading a log of ten million lines: its end, and a rare word, as whole processes beside the tools for files."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from polysync.store.logs import LogBook
from tests.bench.bars import Bar, Family, Figures, NotMeasured
from tests.bench.serving import served
from tests.store_reading.many_runs import make_many

LINES: Final = 10_000_000
BLOCK: Final = 20_000  # lines that are made once, and then come again and again
ASKED: Final = 5
ENOUGH: Final = 200.0  # MB/s, where zcat and grep are not slower themselves
NEEDLE: Final = b"a needle in the haystack\n"
WORDS: Final = (
    b"GET",
    b"POST",
    b"/index.html",
    b"user=alice",
    b"user=bob",
    b"status=200",
    b"took",
    b"closed",
    b"retry",
)


@contextmanager
def ten_million() -> Iterator[Callable[[], Figures]]:
    """A log of ten million lines behind an API, and the same pressed by gzip."""
    if shutil.which("zcat") is None or shutil.which("grep") is None:
        raise NotMeasured("no zcat and grep")
    with TemporaryDirectory(prefix="polysync-bench-") as name:
        home = Path(name)
        make_many(home / "polysync.db", 1, tasks=1, open_runs=0)
        size = asyncio.run(_fill(home / "logs.db", home / "log.gz"))
        with served(home) as socket:
            words = [sys.executable, "-m", "polysync", "--socket", str(socket), "logs", "1"]
            plain = f"zcat {home / 'log.gz'} | grep -c needle"

            def once() -> Figures:
                tail = min(_seconds([*words, "-n", "20"], 20) for _ in range(ASKED))
                bare = min(_seconds([*words, "--help"]) for _ in range(ASKED))
                found = size / 1e6 / _seconds([*words, "--grep", "needle"], 1)
                piped = size / 1e6 / _seconds(["sh", "-c", plain], 1)
                return {
                    "tail": tail * 1000,
                    "bare": bare * 1000,
                    "found": found,
                    "wanted": min(ENOUGH, piped / 2),
                }

            yield once


def _seconds(words: list[str], lines: int | None = None) -> float:
    """How long a process takes that writes so many lines."""
    began = time.perf_counter()
    done = subprocess.run(words, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"})
    taken = time.perf_counter() - began
    assert lines is None or done.stdout.count(b"\n") == lines, done.stdout[:200]
    return taken


async def _fill(path: Path, pressed: Path) -> int:
    """Store the log and press it; how many bytes it has."""
    chance, offset = Random(10), 0
    block = b"".join(
        b"2026-06-10T12:%02d:%02d INFO worker-%02d %s %d\n"
        % (n // 600, n // 10 % 60, n % 16, b" ".join(chance.choices(WORDS, k=4)), chance.randrange(10**12))
        for n in range(BLOCK)
    )
    book = await LogBook.open(path)
    with gzip.open(pressed, "wb", 1) as file:
        for number in range(LINES // BLOCK):
            data = NEEDLE + block if number == LINES // BLOCK // 2 else block
            offset = await book.append(1, 1, "out", offset, data, datetime(2026, 6, 10, tzinfo=UTC))
            file.write(data)
    await book.close()
    return offset


FAMILIES: Final = (
    Family(
        "logs",
        (
            Bar(
                32,
                "10,000,000 lines: logs -n 20, whole process",
                "",
                "tail",
                at_most=150,
                unit="ms",
                control="bare",
                control_at_most=120,
            ),
            Bar(
                33,
                "10,000,000 lines: logs --grep of a rare word, MB/s",
                "200 or half of zcat | grep",
                "found",
                "wanted",
                at_least=1.0,
            ),
        ),
        ten_million,
    ),
)
