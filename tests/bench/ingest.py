"""Bars 10 to 13 and 16: output on its way into the store, beside a pipe into a file, the compressor alone and peers.

The writer puts out lines as programs log them, from a file in memory; how fast the daemon stores them is judged from
the start of the work to the end of its run.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Final, Self

from polysync.api.client import Client
from polysync.store.packing import Codec, Packer
from tests.bench import peers
from tests.bench.bars import Bar, Family, Figures, NotMeasured, Round, percentile
from tests.bench.daemons import BenchDaemon, folder_of, living, serving, until
from tests.bench.loops import compiled, kept_folder

MB: Final = 10**6
PART: Final = 33_554_400  # bytes of the source, which is put out several times
TIMES: Final = 8
TOTAL: Final = PART * TIMES
FLOOD: Final = 4 << 30
QUIET: Final = 21  # seconds, and firings, without a flood in each round
PEER_TIMES: Final = 1
CHUNK: Final = 256 << 10
LOGGED: Final = "2026-06-10T{:02d}:{:02d}:{:02d}Z INFO  worker-{:02d} request served id={:016x} took={:05d}us"
SEED: Final = 88_172_645_463_325_252
WIDE: Final = (1 << 64) - 1
HEAD: Final = '[scheduler]\ntimezone = "UTC"\n[storage]\nmin_free_space = "1mb"\n'
LINES: Final = (
    'while (puts("a line of output as programs write them, of sixty bytes") >= 0 && n++ < 200000) fflush(stdout);'
)
LINE_WRITER: Final = f"#include <stdio.h>\nint main(void) {{ int n = 0; {LINES} return 0; }}\n"


def source(folder: Path) -> Path:
    """A file of log lines of a hundred bytes, no two of them alike."""
    path = folder / "source"
    if not path.exists():
        number, lines = SEED, []
        for line in range(PART // 100):
            number ^= number << 13 & WIDE
            number ^= number >> 7
            number ^= number << 17 & WIDE
            moment = line // 3_600_000 % 24, line // 60_000 % 60, line // 1000 % 60
            lines.append(LOGGED.format(*moment, number % 16, number, number >> 20 & 65_535).ljust(99, ".") + "\n")
        path.write_text("".join(lines))
    return path


def putting_out(path: Path, times: int = TIMES) -> str:
    """A command that puts the source out so many times."""
    return f"cat {' '.join([str(path)] * times)}"


def task(command: str, **keys: str) -> str:
    """A configuration with one task that is asked for."""
    more = "".join(f"{name} = {json.dumps(value)}\n" for name, value in {"log_max_size": "100gb", **keys}.items())
    return f"{HEAD}[tasks.work]\nrun = {json.dumps(command)}\n{more}"


def ask(client: Client) -> None:
    """Ask for a run of the task `work`."""
    asked = client.request("POST", "/api/tasks/work/run", b"{}")
    if asked.status >= 300:
        raise AssertionError(f"the run was refused: {asked.body!r}")


class Asked:
    """A run of the task `work`, and what the daemon spends for it."""

    def __init__(self, daemon: BenchDaemon) -> None:
        self._daemon = daemon
        before = daemon.spent().cpu
        self.began = time.monotonic()
        with Client(str(daemon.home / "polysync.sock")) as client:
            ask(client)
        until(self._over, every=0.01)
        self.took = time.monotonic() - self.began
        self.cpu = daemon.spent().cpu - before

    def _over(self) -> bool:
        self._daemon.check()
        return bool(self._daemon.query("SELECT count(*) FROM runs WHERE ended_at IS NOT NULL"))


def stored_size(daemon: BenchDaemon) -> tuple[int, int]:
    """Bytes of output that are kept, and bytes of the database with nothing on its way into it."""
    daemon.stop()
    path = daemon.home / "logs.db"
    with closing(sqlite3.connect(path)) as connection:
        (kept,) = connection.execute("SELECT coalesce(sum(length), 0) FROM chunks WHERE codec <> 3").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return int(kept), path.stat().st_size


def ours(path: Path) -> Figures:
    """Seconds and processor seconds per MB, and how small it gets."""
    with serving(task(putting_out(path))) as daemon:
        asked = Asked(daemon)
        kept, size = stored_size(daemon)
    if kept != TOTAL:
        raise AssertionError(f"{kept} bytes are stored, not {TOTAL}")
    return {"took": asked.took / TOTAL * MB, "cpu": asked.cpu / TOTAL * MB, "smaller": kept / size}


def piped(path: Path, folder: Path) -> float:
    """Seconds per MB of the same command into `cat > file`."""
    return _timed(f"{putting_out(path)} | cat > {folder / 'piped'}") / TOTAL * MB


def pressed(path: Path) -> tuple[float, bool]:
    """Processor seconds per MB of the compressor alone, and whether it is zstd."""
    packer, data = Packer(), path.read_bytes()
    began = time.process_time()
    for begin in range(0, len(data), CHUNK):
        packer.pack(data[begin : begin + CHUNK])
    zstd = packer.pack(data[:CHUNK])[0] is Codec.ZSTD
    return (time.process_time() - began) / len(data) * MB, zstd


def own_speed(command: str, folder: Path) -> Figures:
    """The seconds of a command into a file, and as a task of ours, by its own clock."""
    stamp = folder / "own"
    script = f"a=$(date +%s%N); {command}; b=$(date +%s%N); echo $((b - a)) > {stamp}"
    _timed(f"({script}) > {folder / 'limit'}")
    limit = int(stamp.read_text()) / 1e9
    with serving(task(script)) as daemon:
        Asked(daemon)
    return {"limit": limit, "own": int(stamp.read_text()) / 1e9}


def ingesting() -> Iterator[Round]:
    """Us, a pipe into a file, the compressor alone, and peers."""
    with TemporaryDirectory(prefix="polysync-bench-") as name:
        folder = Path(name)
        path = source(folder)
        program = compiled(LINE_WRITER)
        found = {peer: start for peer, start in PEERS.items() if not lacks(peer)}

        def once() -> Figures:
            figures, (compressor, zstd) = ours(path), pressed(path)
            block, line = own_speed(putting_out(path), folder), own_speed(str(program), folder)
            rivals = {peer: rival_speed(start, path, folder) for peer, start in found.items()}
            return {
                "took": figures["took"],
                "speed": 1 / figures["took"],
                "cpu": figures["cpu"],
                "pipe": 1 / piped(path, folder),
                "compressor": compressor,
                "zstd" if zstd else "zlib": figures["smaller"],
                "block": 1 / block["own"],
                "block limit": 1 / block["limit"],
                "line": 1 / line["own"],
                "line limit": 1 / line["limit"],
                **{peer: 1 / took for peer, took in rivals.items()},
            }

        yield once


def start_yacron(path: Path, folder: Path, out: Path) -> subprocess.Popen[bytes]:
    """Yacron with one job that is due at its start."""
    file = folder / "y.yaml"
    command = json.dumps(putting_out(path, PEER_TIMES))
    file.write_text(f'jobs:\n  - name: x\n    command: {command}\n    schedule: "@reboot"\n    captureStdout: true\n')
    return _started([_program("yacron", "yacron"), "-c", str(file)], folder, out)


def start_circus(path: Path, folder: Path, out: Path) -> subprocess.Popen[bytes]:
    """Circus with one watcher."""
    file = folder / "c.ini"
    sockets = f"endpoint = ipc://{folder}/e\npubsub_endpoint = ipc://{folder}/p"
    stream = f"stdout_stream.class = FileStream\nstdout_stream.filename = {out}"
    command = f"cmd = {putting_out(path, PEER_TIMES)}\nrespawn = false"
    file.write_text(f"[circus]\n{sockets}\n[watcher:x]\n{command}\n{stream}\n")
    return _started([_program("circus", "circusd"), str(file)], folder, folder / "circus.log")


@cache
def environment(peer: str) -> tuple[Path | None, str]:
    """A Python with this peer in it, or why there is none."""
    if peer == "yacron":
        return peers.environment()
    folder = kept_folder(peer)
    made = subprocess.run([sys.executable, "-m", "venv", folder], check=False, capture_output=True)
    python = folder / "bin" / "python"
    if made.returncode == 0:
        words = [str(python), "-m", "pip", "install", "-qq", peer]
        made = subprocess.run(words, check=False, capture_output=True)
    return (python, "") if made.returncode == 0 else (None, "not to be had from the package index")


def lacks(peer: str) -> str:
    """Why a peer cannot be measured here."""
    return environment(peer)[1]


def _program(peer: str, name: str) -> str:
    python = environment(peer)[0]
    if python is None:
        raise NotMeasured("the peer is not to be had")
    return str(python.with_name(name))


PEERS: Final = {"yacron": start_yacron, "circus": start_circus}


def rival_speed(start: Callable[[Path, Path, Path], subprocess.Popen[bytes]], path: Path, folder: Path) -> float:
    """Seconds per MB from the first byte that a peer wrote to the last."""
    out, size = folder / "peer.out", path.stat().st_size * PEER_TIMES
    out.write_bytes(b"")
    process = start(path, folder, out)
    try:
        until(lambda: out.stat().st_size > 0, every=0.002)
        began, first = time.monotonic(), out.stat().st_size
        until(lambda: out.stat().st_size >= size, every=0.002)
        return (time.monotonic() - began) / max(1, size - first) * MB
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Spool:
    """Looks at how much of the disk the output of runs takes, as long as the block lasts."""

    def __init__(self, runs: Path) -> None:
        self.peak = 0
        self._runs = runs
        self._over = Event()
        self._thread = Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.005):
            held = 0
            with suppress(FileNotFoundError):  # runs come and go
                for path in self._runs.glob("**/out"):
                    held += path.stat().st_blocks * 512
            self.peak = max(self.peak, held)


def flooding() -> Iterator[Round]:
    """A writer of 4 GB, and a canary beside it that fires each second; of few firings the largest would be chance."""
    idle: list[float] = []
    flood: list[float] = []

    def once() -> Figures:
        idle.extend(canaries(f"sleep {QUIET}")[0])
        late, peak = canaries(f"yes | head -c {FLOOD}")
        flood.extend(late)
        return {"canary": percentile(flood, 0.99), "idle": percentile(idle, 0.99), "spool": peak}

    yield once


def newest(ratios: Sequence[float]) -> float:
    """The last one, which was judged by the firings of all rounds."""
    return ratios[-1]


def canaries(command: str) -> tuple[list[float], float]:
    """How late, in ms, a task fires each second beside a command, and the MB that the spool of that took at most."""
    canary = '[tasks.canary]\ncommand = ["/bin/true"]\ncron = "* * * * * *"\n'
    with folder_of(task(command, log_max_size="100mb") + canary) as folder, living(folder) as daemon:
        daemon.ready()
        with Spool(daemon.home / "runs") as spool:
            with Client(str(daemon.home / "polysync.sock")) as client:
                ask(client)
            until(lambda: bool(daemon.query(_OVER)), every=0.05)
        late = json.loads(daemon.query(_LATE))
        put_out = daemon.query(_PUT_OUT) or 0
    if command.startswith("yes") and put_out != FLOOD:
        raise AssertionError(f"{put_out} bytes were counted, not {FLOOD}")
    return [each / 1e3 for each in late], spool.peak / (1 << 20)


_LATE: Final = """\
SELECT json_group_array(canary.created_at - canary.slot) FROM runs AS canary JOIN runs AS work
  ON canary.slot BETWEEN work.started_at AND work.ended_at
WHERE canary.task = 'canary' AND work.task = 'work'"""
_PUT_OUT: Final = """\
SELECT json_extract(attempts.doc, '$.log_bytes') FROM attempts JOIN runs ON id = run_id WHERE task = 'work'"""
_OVER: Final = "SELECT count(*) FROM runs WHERE task = 'work' AND ended_at IS NOT NULL"


def _timed(script: str) -> float:
    began = time.monotonic()
    subprocess.run(["/bin/sh", "-c", script], check=True)
    return time.monotonic() - began


def _started(command: list[str], folder: Path, out: Path) -> subprocess.Popen[bytes]:
    with out.open("ab") as log:
        return subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.DEVNULL, start_new_session=True
        )


def absent() -> dict[str, str]:
    """The peers that cannot be measured here, and why; and the compressor that is not the one in use."""
    lacking = {peer: lack for peer in PEERS if (lack := lacks(peer))}
    return {**lacking, "zlib": "zstd is at hand", "zstd": "no zstd at hand"}


WHAT: Final = "output into the store, MB/s"
FAMILIES: Final = (
    Family(
        "ingest",
        (
            Bar(10, WHAT, "cmd | cat > file", "speed", "pipe", at_least=0.15),
            Bar(10, WHAT, "yacron", "speed", "yacron", at_least=6),
            Bar(10, WHAT, "circus", "speed", "circus", at_least=2.5),
            Bar(11, "CPU of storing output", "the compressor alone", "cpu", "compressor", at_most=1.6),
            Bar(12, "speed of a writer of blocks", "cmd > file", "block", "block limit", at_least=0.9),
            Bar(12, "speed of a writer of lines", "cmd > file", "line", "line limit", at_least=0.9),
            Bar(16, "size of output over that of the database, zstd", "", "zstd", at_least=4),
            Bar(16, "size of output over that of the database, zlib", "", "zlib", at_least=3.3),
        ),
        contextmanager(ingesting),
        absent,
    ),
    Family(
        "flood",
        (
            Bar(13, "spool of a writer of 4 GB, at most", "", "spool", at_most=320, unit="MB", fold=max),
            Bar(13, "lateness of others beside it, p99", "without it", "canary", "idle", at_most=2, fold=newest),
        ),
        contextmanager(flooding),
    ),
)
