"""The real driver under random troubles: what always holds, what comes to an end, and what sometimes happens."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.driver_simulation.course import live_through
from tests.driver_simulation.troubles import REMOTE
from tests.faults import fault
from tests.seeds import seed_of

FEW = 3  # seeds of the fast suite
BATCH = int(os.environ.get("POLYSYNC_SEEDS", "30"))  # seeds of the slow one
MOST = 150  # seeds after which what has not happened yet is said never to happen
MUST_HAPPEN = {
    *REMOTE,
    *("succeeded failed timeout crashed cancelled skipped expired rejected dead held waiting retrying".split()),
    *("exit_code signal start_failed timeout max_duration stale host_rebooted lost log_full secret_error".split()),
    *("fatal denied approval_expired upstream_failed stopped overlap_terminated shutdown overlap missed".split()),
    *("deadline paused skip_next disabled removed contention retries_exhausted".split()),
    *("busy", "full at a write", "full, and rolled back by itself", "full at the commit"),
    *("broken before the commit", "broken after the commit"),
    *("a commit late", "a commit unanswered", "a commit not stored", "a request that was not promised"),
    *("death between two steps", "death at a statement", "death of one who asked", "death of one who answered"),
    *("a reboot", "a shutdown that stops the work", "a shutdown that leaves the work"),
    *("a daemon that closed", "a daemon that gave up", "a clock that is set right"),
    "unhealthy",
    *("adopted", "found", "found nothing", "started twice with one token"),
    *("suspended", "clock +", "clock -"),
}


def run_seeds(first: int, count: int, folder: Path, seen: Counter[str]) -> None:
    for seed in range(first, first + count):
        place = folder / str(seed)
        place.mkdir()
        try:
            world = live_through(seed, place)
        except BaseException as error:
            error.add_note(f"POLYSYNC_SEED={seed}")
            raise
        seen.update(world.happened)
        seen.update(world.witness.reached)


def test_few_seeds_keep_the_promises(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    run_seeds(seed_of("driver"), FEW, tmp_path, seen)
    assert seen["succeeded"]


@fault("F1", "F26", "F27", "F28")
@pytest.mark.slow
@pytest.mark.timeout(600 + 5 * BATCH)
def test_every_seed_keeps_the_promises_and_everything_happens_somewhere(tmp_path: Path) -> None:
    first, done = seed_of("drivers"), BATCH
    seen: Counter[str] = Counter()
    run_seeds(first, BATCH, tmp_path, seen)
    while MUST_HAPPEN - seen.keys() and done < MOST:
        run_seeds(first + done, 1, tmp_path, seen)
        done += 1
    assert seen.keys() >= MUST_HAPPEN, f"POLYSYNC_SEED={first}: never happened: {MUST_HAPPEN - seen.keys()}"


@pytest.mark.slow
def test_one_seed_gives_the_same_history_again(tmp_path: Path) -> None:
    seed = seed_of("driver replay")
    traces = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        world = live_through(seed, tmp_path / name)
        traces.append((world.trace.hexdigest(), world.happened))
    assert traces[0] == traces[1], f"POLYSYNC_SEED={seed}"
