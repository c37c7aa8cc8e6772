"""Peers with a burst: Debian cron, yacron and APScheduler, each in a place of its own, away from the host's.

They come from where everybody gets them, once in each run of the bench; what cannot be had is told, not guessed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.bench.bars import NotMeasured
from tests.bench.daemons import in_seconds, until
from tests.bench.loops import AHEAD, compiled, kept_folder, stamping, stamps

APSCHEDULER: Final = """
import datetime, os, subprocess, threading
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.executors.pool import ThreadPoolExecutor
count, left = int(os.environ["COUNT"]), threading.Semaphore(0)
due = datetime.datetime.fromtimestamp(float(os.environ["DUE"]), datetime.timezone.utc)
def job():
    subprocess.run(os.environ["STAMP"], shell=True, stdin=-3, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    left.release()
scheduler = BackgroundScheduler(
    executors={"default": ThreadPoolExecutor(20)}, job_defaults={"misfire_grace_time": None}, timezone="UTC")
scheduler.start()
for number in range(count): scheduler.add_job(job, "date", run_date=due)
for number in range(count): left.acquire()
scheduler.shutdown()
"""
# Everything that cron reads, from a folder of ours, seen by nobody else; ended with the process that looks.
ROOMS: Final = """\
set -eu
mkdir -p /etc/cron.d /var/spool/cron/crontabs
mount --bind "$1/etc-cron.d" /etc/cron.d
mount --bind "$1/pam.d" /etc/pam.d
mount --bind "$1/spool" /var/spool/cron
mount --bind "$1/run" /run
exec env LD_PRELOAD="$2" AHEAD="$3" TZ=UTC "$1/root/usr/sbin/cron" -f
"""
LONGEST: Final = 40.0  # seconds after which nobody waits for a peer any more
CRON_LEAD: Final = 3.0
YACRON_LEAD: Final = 15.0  # it reads its file for half of this
ALLOWED: Final = "auth sufficient pam_permit.so\naccount sufficient pam_permit.so\nsession sufficient pam_permit.so\n"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another scheduler: `lacks` says why it cannot run here, `start` has it start so many commands at a moment."""

    name: str
    lacks: Callable[[], str]
    start: Callable[[int, Path, Sequence[str]], tuple[subprocess.Popen[bytes], float]]

    def last(self, runs: int, folder: Path) -> float:
        """Seconds from the due moment to the last start; of one that does not end, how long it was waited for."""
        out = folder / f"{self.name}.stamps"
        out.unlink(missing_ok=True)
        process, due = self.start(runs, folder, stamping(out))
        try:
            until(lambda: len(stamps(out)) >= runs or time.time() > due + LONGEST, every=0.2)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        moments = stamps(out)[:runs]
        if len(moments) < runs:  # less than it takes, which favours the peer
            return LONGEST
        late = int(moments[0] - due) // 60 * 60  # one that was not ready in time waits for the next minute
        return moments[-1] - due - late


@cache
def environment() -> tuple[Path | None, str]:
    """A Python of their own with the peers in it, or why there is none."""
    folder = kept_folder("peers")
    made = subprocess.run([sys.executable, "-m", "venv", folder], check=False, capture_output=True)
    python = folder / "bin" / "python"
    if made.returncode == 0:
        words = [str(python), "-m", "pip", "install", "-qq", "apscheduler<4", "yacron"]
        made = subprocess.run(words, check=False, capture_output=True)
    return (python, "") if made.returncode == 0 else (None, "not to be had from the package index")


@cache
def debian() -> tuple[Path | None, str]:
    """Debian's cron, unpacked and not installed, or why there is none."""
    if os.geteuid() != 0:
        return None, "cron needs root"
    tools = [tool for tool in ("apt-get", "dpkg-deb", "unshare") if shutil.which(tool) is None]
    if tools:
        return None, f"no {tools[0]}"
    folder = kept_folder("cron")
    steps = ("apt-get -qq download cron", "dpkg-deb -x cron_*.deb root", "unshare -m true")
    for step in steps:
        done = subprocess.run(["/bin/sh", "-c", step], cwd=folder, check=False, capture_output=True)
        if done.returncode != 0:
            return None, f"`{step}` fails here"
    for name in ("etc-cron.d", "pam.d", "spool/crontabs", "run"):
        (folder / name).mkdir(parents=True)
    (folder / "pam.d" / "cron").write_text(ALLOWED)
    return folder, ""


def start_cron(runs: int, folder: Path, words: Sequence[str]) -> tuple[subprocess.Popen[bytes], float]:
    """Debian cron with its clock set so that a minute begins soon."""
    place, _ = debian()
    line = f"* * * * * root {' '.join(words)} >/dev/null\n"
    table = _existing(place) / "etc-cron.d" / "burst"
    table.write_text(line * runs)
    table.chmod(0o644)
    due, ahead = _whole_minute(CRON_LEAD)
    shifted = str(compiled(AHEAD, "-shared", "-fPIC"))
    command = ["unshare", "-m", "/bin/sh", "-c", ROOMS, "rooms", str(place), shifted, str(ahead)]
    return _quiet(command, folder, os.environ), due


def start_yacron(runs: int, folder: Path, words: Sequence[str]) -> tuple[subprocess.Popen[bytes], float]:
    """yacron, likewise."""
    python, _ = environment()
    job = f"  - name: job-{{}}\n    command: {json.dumps(' '.join(words))}\n    schedule: '* * * * *'\n"
    file = folder / "yacron.yaml"
    file.write_text("jobs:\n" + "".join(job.format(number) for number in range(runs)))
    due, ahead = _whole_minute(YACRON_LEAD)
    shift = {"LD_PRELOAD": str(compiled(AHEAD, "-shared", "-fPIC")), "AHEAD": str(ahead)}
    command = [str(_existing(python).with_name("yacron")), "-c", str(file)]
    return _quiet(command, folder, {**os.environ, **shift}), due


def start_apscheduler(runs: int, folder: Path, words: Sequence[str]) -> tuple[subprocess.Popen[bytes], float]:
    """APScheduler with twenty threads, which stores nothing."""
    python, due = environment()[0], in_seconds(2.0)
    told = {"COUNT": str(runs), "DUE": str(due), "STAMP": " ".join(words)}
    return _quiet([str(python), "-c", APSCHEDULER], folder, {**os.environ, **told}), due


def _whole_minute(lead: float) -> tuple[float, float]:
    """A moment soon, and by how much a clock must go ahead for which that is a whole minute."""
    due = in_seconds(lead)
    return due, -due % 60


def _quiet(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with (folder / "peer.log").open("ab") as log:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _existing(found: Path | None) -> Path:
    if found is None:
        raise NotMeasured("the peer is not to be had")
    return found


PEERS: Final = (
    Peer("cron", lambda: debian()[1], start_cron),
    Peer("yacron", lambda: environment()[1], start_yacron),
    Peer("APScheduler", lambda: environment()[1], start_apscheduler),
)
