"""A daemon is killed with its attempts in flight; the next one finds every one of them, and starts none twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from polysync.home import Home
from tests.adapters_local.crashing import expected
from tests.adapters_local.waiting_for import until_now
from tests.faults import fault
from tests.seeds import seed_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PLACES = ["before_claim", "after_claim", "after_spawn", "before_harvest", "before_forget"]


def daemon(home: Home, folder: Path, count: int, failpoint: str = "") -> subprocess.Popen[bytes]:
    """Start a daemon in small."""
    folder.mkdir(exist_ok=True)
    argv = [sys.executable, "-m", "tests.adapters_local.crashing", str(home.path), str(folder), str(count)]
    return subprocess.Popen(argv, cwd=ROOT, env={**os.environ, "POLYSYNC_FAILPOINT": failpoint})


def judge(home: Home, folder: Path, count: int) -> None:
    """One execution of each attempt, with its own exit code and every byte once and in order."""
    witnessed = sorted(int(line) for line in (folder / "witness").read_text().split())
    assert witnessed == list(range(1, count + 1))
    for number in range(1, count + 1):
        assert json.loads((folder / f"{number}.end").read_text()) == [number, None]
        assert {stream: (folder / f"{number}.{stream}").read_bytes() for stream in ("out", "err")} == expected(number)
    # A kill within the removal may leave empty folders, which the daemon sweeps away at its start.
    assert [path for path in home.runs.rglob("*") if not path.is_dir()] == []


@fault("F2", "F3", "F5")
@pytest.mark.parametrize("passage", [1, 4])
@pytest.mark.parametrize("place", PLACES)
def test_a_kill_at_this_place_loses_and_doubles_nothing(home: Home, tmp_path: Path, place: str, passage: int) -> None:
    folder = tmp_path / "stored"
    first = daemon(home, folder, 5, f"local.{place}=kill@{passage}")
    assert first.wait(30) == -signal.SIGKILL
    assert daemon(home, folder, 5).wait(30) == 0
    judge(home, folder, 5)


@fault("F2", "F3")
@pytest.mark.slow
def test_a_kill_with_twenty_attempts_in_flight(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "stored"
    first = daemon(home, folder, 20)
    until_now(lambda: (folder / "witness").exists() and len((folder / "witness").read_text().split()) == 20)
    first.kill()
    first.wait()
    assert daemon(home, folder, 20).wait(30) == 0
    judge(home, folder, 20)


@fault("F4", "F5")
@pytest.mark.slow
def test_kills_at_any_moment(home: Home, tmp_path: Path) -> None:
    chance = random.Random(seed_of("kills_at_any_moment"))
    landed = 0
    for turn in range(12):
        folder = tmp_path / f"stored{turn}"
        for _ in range(4):
            running = daemon(home, folder, 8)
            try:
                running.wait(chance.uniform(0.15, 0.9))
            except subprocess.TimeoutExpired:
                landed += 1
                running.kill()
                running.wait()
        assert daemon(home, folder, 8).wait(30) == 0
        judge(home, folder, 8)
    assert landed > 12
