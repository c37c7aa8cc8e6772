"""`polysync prune` beside a real daemon: what would go, what went, and what is shown of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from polysync.cli.prune import size_words
from polysync.clock import SystemClock
from tests.cli.terminal import Terminal
from tests.service.daemons import READY, daemon

TASKS = """
[tasks.few]
run = "seq 1 2000"
keep_runs = 1
[tasks.all]
run = "true"
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Terminal]:
    with daemon(tmp_path, config=TASKS) as running:
        running.until(READY)
        terminal = Terminal(tmp_path)
        terminal.now = SystemClock().read().wall
        yield terminal


@pytest.mark.slow
def test_it_shows_what_would_go_and_then_removes_it(here: Terminal) -> None:
    assert here.polysync("prune", "--dry-run").out == "nothing would go\n"
    assert here.polysync("prune").out == "nothing had to go\n"
    for task in ("few", "few", "few", "all"):
        assert here.polysync("exec", task).status == 0
    told = here.polysync("prune", "--dry-run", "--json").data
    assert (told["dry_run"], told["runs"], told["why"]) == (True, 2, {"count": 2})
    assert told["tasks"].keys() == {"few"}
    rehearsed = here.polysync("prune", "--dry-run")
    assert "2 too many (keep_runs)" in rehearsed.out
    assert rehearsed.out.splitlines()[-1].startswith("2 runs with ")
    assert rehearsed.out.endswith("of output would go\n")
    assert here.polysync("prune").out == rehearsed.out.replace("would go", "went")
    assert here.polysync("prune", "-q").out == ""
    left = here.polysync("runs", "--json").data["items"]
    assert [(run["id"], run["task"]) for run in left] == [(4, "all"), (3, "few")]
    assert here.polysync("run", "1").status == 3
    status = here.polysync("status", "--json").data["storage"]
    assert status["pruned"]["runs"] == 2
    assert status["last_prune_at"]
    assert status["database_bytes"] > 0


def test_it_needs_a_daemon(tmp_path: Path) -> None:
    assert Terminal(tmp_path).polysync("prune", "--data", str(tmp_path)).status == 5


def test_sizes_are_told_in_the_unit_that_fits() -> None:
    assert [size_words(count) for count in (5, 1024, 3 << 20, 5 << 29)] == ["5 B", "1.0 KB", "3.0 MB", "2.5 GB"]
