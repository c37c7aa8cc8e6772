"""A real daemon under attack: what it costs in memory, descriptors and punctuality, beside the same daemon at rest.

By hand, in full size: `python -m tests.service.siege`.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
import ssl
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from polysync.api.tcp import listen_on
from polysync.api.tokens import hash_of
from polysync.clock import SystemClock
from tests.api.by_tcp import certificate, trusting
from tests.service.daemons import daemon
from tests.service.hostile import ATTACKS, HOLD, Way, by_socket, by_tcp, hold

SHOWN: Final = "the token of the besiegers"
CONFIG: Final = """
[api]
listen = "127.0.0.1:{port}"
{tls}
[[api.token]]
name = "besieger"
role = "operator"
sha256 = "{hash}"
[tasks.big]
run = "head -c 20000000 /dev/zero | tr '\\\\0' 'x' | fold -w 100"
run_on_start = true
log_max_size = "30mb"
[tasks.chatty]
run = "while :; do echo still here; sleep 0.2; done"
[tasks.canary]
command = ["/bin/true"]
cron = "@every 1s"
keep_runs = 100000
"""
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
SETTLED: Final = 60.0  # seconds until whoever was hung up on must be forgotten


@dataclass(frozen=True)
class Figures:
    """What a daemon took, and how late its canary sang."""

    name: str
    rss: int  # bytes at the end, when all are gone
    peak: int  # bytes while it went on
    fds: int
    late: float  # seconds, the worst
    songs: int

    def words(self) -> str:
        """One line of the report."""
        mb = 1 << 20
        return (
            f"{self.name:<28} rss {self.rss / mb:7.1f} MB, peak {self.peak / mb:7.1f} MB, "
            f"fds {self.fds:4}, canary at most {self.late * 1000:7.1f} ms late ({self.songs} songs)"
        )


class Fortress:
    """A daemon with a canary, a big log and a chatty one."""

    def __init__(self, pid: int, folder: Path, port: int) -> None:
        self._pid = pid
        self._home = folder / ".polysync"
        self.port = port

    @property
    def path(self) -> Path:
        """The unix socket."""
        return self._home / "polysync.sock"

    def rss(self) -> int:
        """Bytes of memory."""
        return int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * PAGE

    def fds(self) -> int:
        """Open descriptors."""
        return len(os.listdir(f"/proc/{self._pid}/fd"))  # noqa: PTH208 - a count, not paths

    def songs(self, since: float) -> list[float]:
        """By how much the canary was late, each time since then."""
        query = "SELECT started_at - slot FROM runs WHERE task = 'canary' AND slot > ? AND started_at > 0"
        with closing(sqlite3.connect(f"file:{self._home / 'polysync.db'}?mode=ro", uri=True)) as connection:
            return [late / 1e6 for (late,) in connection.execute(query, (since * 1e6,))]

    def ask(self, method: str, target: str) -> Any:
        """One request by the socket."""
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(30)
            caller.connect(str(self.path))
            caller.sendall(f"{method} {target} HTTP/1.0\r\nContent-Length: 0\r\n\r\n".encode())
            got = b""
            while piece := caller.recv(1 << 16):
                got += piece
        return json.loads(got.partition(b"\r\n\r\n")[2])

    async def watched(self, name: str, work: Any, least: float = 0.0) -> Figures:
        """What it is like while that goes on, and when it is over."""
        clock, peak = SystemClock(), self.rss()
        began = clock.read()
        task = asyncio.gather(work)
        while not task.done():
            await asyncio.wait({task}, timeout=0.1)
            peak = max(peak, self.rss())
        await task
        await hold(max(0.0, least - (clock.read().monotonic - began.monotonic).total_seconds()) + 1.2)
        songs = self.songs(began.wall.timestamp())
        return Figures(name, self.rss(), peak, self.fds(), max(songs, default=float("inf")), len(songs))

    async def settle(self, fds: int) -> int:
        """Wait until no more descriptors are open than that, or for as long as it may take."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLED):
                while self.fds() > fds:
                    await hold(0.1)
        return self.fds()


@contextmanager
def fortress(folder: Path, *, tls: bool) -> Iterator[tuple[Fortress, Sequence[Way]]]:
    """A daemon that is ready, and the ways into it."""
    (one,) = listen_on("127.0.0.1:0")
    with one:
        port = one.getsockname()[1]
    lines = "".join(f'tls_{word} = "{path}"\n' for word, path in zip(("cert", "key"), certificate(), strict=True))
    text = CONFIG.format(port=port, hash=hash_of(SHOWN), tls=lines if tls else "")
    with daemon(folder, config=text) as running:
        made = Fortress(running.process.pid, folder, port)
        running.until("polysync is ready")
        running.until("run.succeeded")
        made.ask("POST", "/api/tasks/chatty/run")
        context: ssl.SSLContext | None = trusting() if tls else None
        yield made, (by_socket(made.path), by_tcp(port, SHOWN, context))


async def besieged(made: Fortress, ways: Sequence[Way], *, full: bool, tell: Any) -> tuple[Figures, list[Figures]]:
    """The daemon at rest, and then under every attack by every way."""
    for way in ways:  # what is imported at the first call, and buffers that stay
        await ATTACKS["slow readers"][0](way, 8)
    rest = await made.watched("at rest", hold(HOLD * 2))
    tell(rest.words())
    found = []
    for name, (attack, quick, plenty) in ATTACKS.items():
        for bunch in [[way] for way in ways] if full else [ways]:  # one after the other, or all at once
            title = f"{name} by {' and '.join(way.name for way in bunch)}"
            work = asyncio.gather(*(attack(way, plenty if full else quick) for way in bunch))
            figures = await made.watched(title, work, HOLD)
            await made.settle(rest.fds + 2)
            found.append(Figures(title, made.rss(), figures.peak, made.fds(), figures.late, figures.songs))
            tell(found[-1].words())
    return rest, found


def say_line(line: str) -> None:
    """Print one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(words: Sequence[str]) -> None:
    """Print the figures of a full siege, without TLS and with it."""
    for tls in (False, True):
        sys.stdout.write("with TLS\n" if tls else "without TLS\n")
        with tempfile.TemporaryDirectory() as folder, fortress(Path(folder), tls=tls) as (made, ways):
            asyncio.run(besieged(made, ways, full="--quick" not in words, tell=say_line))


if __name__ == "__main__":
    main(sys.argv[1:])
