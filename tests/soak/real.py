"""A real daemon under everything at once for some minutes: what grows?  `python -m tests.soak.real --minutes 20`.

Quick tasks every second, floods, failures, retries, long runs and services; people who ask, stop, follow, reload
and prune.  Every fifteen seconds its memory, descriptors, threads and files are measured, and after a warm-up of
a quarter of the time the slope of each figure decides.  Exits with 1 where something grows or went wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from polysync.api.client import Client, Stream, Unreachable
from tests.chaos.scenes import said
from tests.chaos.site import Site, monotonic
from tests.seeds import seed_of
from tests.soak.slopes import Trend, table, trend

MB: Final = 1 << 20
EVERY: Final = 15.0  # seconds between two samples
FEWEST: Final = 24  # samples of a short soak
WARM: Final = 0.25  # of the time
CONFIG: Final = """\
[storage]
min_free_space = "1mb"
max_size = "24mb"
cleanup_every = "5s"
[defaults]
keep_runs = 10
keep_for = "3m"
log_max_size = "1mb"
[tasks.quick]
run = "true"
cron = "* * * * * *"
max_concurrent = "unlimited"
[tasks.plain]
command = ["/bin/echo", "a word"]
cron = "*/2 * * * * *"
[tasks.wordy]
run = "i=0; while [ $i -lt 300 ]; do echo line $i of $POLYSYNC_RUN_ID; i=$((i + 1)); done"
cron = "*/5 * * * * *"
[tasks.after]
run = "echo after"
depends_on = ["wordy"]
[tasks.flood]
run = "head -c 30000000 /dev/urandom"
cron = "*/20 * * * * *"
[tasks.newest]
run = "seq 1 400000"
cron = "*/15 * * * * *"
log_on_full = "drop_new"
[tasks.failing]
run = "echo no >&2; exit 3"
cron = "*/3 * * * * *"
[tasks.again]
run = "[ $POLYSYNC_ATTEMPT = 3 ]"
cron = "*/10 * * * * *"
retry_attempts = 2
retry_delay = "1s"
[tasks.late]
run = "sleep 60"
timeout = "2s"
cron = "*/7 * * * * *"
[tasks.long]
run = "i=0; while [ $i -lt 45 ]; do echo $i; sleep 1; i=$((i + 1)); done"
cron = "*/15 * * * * *"
max_concurrent = 8
[tasks.stopped]
run = "sleep 600"
[tasks.asked]
run = "echo $POLYSYNC_RUN_ID"
priority = PRIORITY
max_concurrent = 8
[services.steady]
run = "while :; do echo tick; sleep 1; done"
[services.dying]
run = "sleep 4; exit 1"
restart_max_delay = "3s"
"""


class People:
    """Whoever wants something of the daemon meanwhile; answers are counted."""

    def __init__(self, site: Site, process: subprocess.Popen[bytes], dice: random.Random) -> None:
        self.site, self.process, self.dice = site, process, dice
        self.answers: Counter[str] = Counter()
        self.over = threading.Event()
        self._newest: dict[str, int] = {}

    def ask(self) -> None:
        """Start something small, and something that somebody will stop."""
        self._post("tasks/asked/run")
        made = self._post("tasks/stopped/run")
        if made is not None and "id" in made:
            self._post(f"runs/{made['id']}/stop")
        self._get("status")
        self._get("runs?limit=20")

    def reload(self) -> None:
        """Write another file, a broken one now and then."""
        text = CONFIG.replace("PRIORITY", str(self.dice.randrange(10)))
        self.site.configure(text if self.dice.random() < 0.8 else text + "rum = 5\n")
        self._post("reload")

    def prune(self) -> None:
        """Remove what is old."""
        self._post("prune")

    def follow(self) -> None:
        """Follow the output of one run after the other to its end, or leave in the middle."""
        while not self.over.is_set():
            try:
                self._follow_one()
            except Unreachable:
                self.answers["follower: hung up"] += 1
            self.over.wait(0.5)

    def _follow_one(self) -> None:
        task = self.dice.choice(["long", "wordy", "flood", "steady"])
        with Client(str(self.site.socket), timeout=60) as client:
            page = json.loads(client.request("GET", f"/api/runs?limit=1&task={task}").body)
            for run in page.get("items", ()):
                stream = client.stream("GET", f"/api/runs/{run['id']}/log?follow=1")
                self.answers[f"follow {stream.status}"] += 1
                self._read(stream, self.dice.choice([1, 20, 400]))

    def _read(self, stream: Stream, most: int) -> None:
        for count, _ in enumerate(stream.pieces(), 1):
            if count >= most or self.over.is_set():
                return

    def _post(self, path: str) -> Any:
        return self._said("POST", path, b"{}")

    def _get(self, path: str) -> Any:
        return self._said("GET", path, None)

    def _said(self, method: str, path: str, body: bytes | None) -> Any:
        name = "/".join("N" if part.isdecimal() else part for part in path.partition("?")[0].split("/"))
        try:
            with Client(str(self.site.socket), timeout=60) as client:
                answer = client.request(method, f"/api/{path}", body)
        except Unreachable as error:
            self.answers[f"{method} {name}: {type(error).__name__}"] += 1
            return None
        self.answers[f"{method} {name} {answer.status}"] += 1
        return json.loads(answer.body)


def figures(site: Site, process: subprocess.Popen[bytes]) -> dict[str, float]:
    """What a daemon uses at this moment."""
    place = Path(f"/proc/{process.pid}")
    status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines() if ":" in line)
    sizes = {
        name: float(path.stat().st_size if (path := site.home / name).exists() else 0)
        for name in ("polysync.db", "polysync.db-wal", "logs.db", "logs.db-wal")
    }
    return {
        "resident memory": int((place / "statm").read_text().split()[1]) * float(resource.getpagesize()),
        "descriptors": float(len(os.listdir(place / "fd"))),  # noqa: PTH208 - only how many
        "threads": float(status["Threads"]),
        **sizes,
        "runs stored": float(site.rows("SELECT count(*) FROM runs")[0][0]),
        "spools": float(len(site.spools())),
    }


# For each figure: the share of itself, and the least, that it may grow by.
ALLOWED: Final = {
    "resident memory": (0.05, 3 * MB),
    "descriptors": (0.1, 8),
    "threads": (0.0, 2),
    "polysync.db": (0.15, 1 * MB),
    "polysync.db-wal": (0.1, 8 * MB),
    "logs.db": (0.15, 4 * MB),
    "logs.db-wal": (0.1, 32 * MB),
    "runs stored": (0.15, 40),
    "spools": (0.2, 12),
}


@contextmanager
def followers(people: People, count: int) -> Iterator[None]:
    """So many people who follow, until the block ends."""
    threads = [threading.Thread(target=people.follow, name=f"follower {n}") for n in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        people.over.set()
        for thread in threads:
            thread.join(70)


def soak(site: Site, process: subprocess.Popen[bytes], people: People, seconds: float) -> list[Trend]:
    """Let all happen for so long, and judge the samples."""
    every = min(EVERY, seconds / FEWEST)
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in ALLOWED}
    begin = monotonic()

    def measure() -> None:
        at = monotonic() - begin
        found = figures(site, process)
        for name, figure in found.items():
            samples[name].append((at, figure))
        shown = "  ".join(
            f"{name} {figure / MB:.1f}M" if figure > MB else f"{name} {figure:.0f}" for name, figure in found.items()
        )
        print(f"{at:6.0f} s  {shown}", flush=True)  # noqa: T201 - this is a program

    rhythm: dict[Callable[[], None], float] = {people.ask: 2.0, people.reload: 10.0, people.prune: 30.0, measure: every}
    due = {act: begin + each for act, each in rhythm.items()}
    with followers(people, 3):
        while (now := monotonic()) < begin + seconds and process.poll() is None:
            for act in [one for one in rhythm if now >= due[one]]:
                due[act] = now + rhythm[act]
                act()
            people.over.wait(0.1)
    warm = {name: [one for one in found if one[0] >= WARM * seconds] for name, found in samples.items()}
    return [trend(name, warm[name], share=share, least=least) for name, (share, least) in ALLOWED.items()]


def main(words: list[str]) -> int:
    """Soak a daemon; 0 where nothing grows."""
    parser = argparse.ArgumentParser(description="A real daemon under everything at once: does anything grow?")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where, which is kept; else a temporary one")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="polysync-soak-") as temporary:
        site = Site(given.folder or Path(temporary), text=CONFIG.replace("PRIORITY", "0"))
        try:
            return _judged(site, given.minutes * 60)
        finally:
            site.clear()


def _judged(site: Site, seconds: float) -> int:
    process = site.start()
    if not site.ready(process):
        print(said(site))  # noqa: T201 - as above
        return 1
    people = People(site, process, random.Random(seed_of("soak")))
    trends = soak(site, process, people, seconds)
    wrong = [one.name for one in trends if not one.flat]
    runs = site.rows("SELECT max(id) FROM runs")[0][0]
    ended = site.end(process)
    words = said(site)
    bad = [line for line in words.splitlines() if "Traceback" in line or '"level": "error"' in line]
    bad = [line for line in bad if "configuration" not in line]
    print(f"\n{table(trends)}\n\n{runs} runs; exit status {ended}")  # noqa: T201 - as above
    print("\n".join(f"{count:7} {answer}" for answer, count in sorted(people.answers.items())))  # noqa: T201 - as above
    print("\n".join(bad[:20]))  # noqa: T201 - as above
    print(f"{'flat' if not wrong else 'grows: ' + ', '.join(wrong)}")  # noqa: T201 - as above
    return 1 if wrong or ended or bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
