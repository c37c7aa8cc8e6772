"""`polysync simulate`: the coming days as text and as data."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from polysync.cli.failure import Failure
from polysync.cli.occurrences import Occurrence
from polysync.cli.simulate import limited
from tests.cli.terminal import NOW, Terminal

TASKS = """
[scheduler]
timezone = "Europe/Bratislava"
[daemon]
max_running = 1
[calendars.holidays]
dates = ["2026-03-29"]
[tasks.backup]
run = "x"
cron = "30 2 * * *"
skip_on = "holidays"
[tasks.upload]
run = "x"
depends_on = ["backup"]
timeout = "2m"
[tasks.on-trouble]
run = "x"
depends_on = [{ task = "backup", on = "failure" }]
[tasks.often]
run = "x"
cron = "*/10 * * * *"
on_overlap = "skip"
[tasks.newest]
run = "x"
cron = "*/10 * * * *"
on_overlap = "terminate"
[tasks.crowded]
run = "x"
cron = "*/10 * * * *"
queue_max = 1
[tasks.off]
run = "x"
cron = "* * * * *"
enabled = false
"""


def items(terminal: Terminal, *words: str) -> dict[str, dict[str, object]]:
    return {item["task"]: item for item in terminal.polysync("simulate", *words, "--json").data["items"]}


def test_simulate_counts_runs_and_what_follows_from_them(terminal: Terminal) -> None:
    terminal.write(TASKS)
    found = items(terminal)
    assert found["backup"]["due"] == 7
    assert found["backup"]["started"] == 6
    assert found["backup"]["skipped"] == {"calendar": 1, "overlap": 0, "queue_full": 0}
    assert found["upload"]["started"] == 6
    assert found["upload"]["assumed"] == "2m"  # no longer than its timeout
    assert found["on-trouble"]["due"] == 0
    assert "off" not in found


def test_simulate_assumes_what_it_is_told(terminal: Terminal) -> None:
    terminal.write(TASKS)
    words = (
        "--for",
        "1d",
        "--duration",
        "1m",
        "--assume",
        "often=15m",
        "--assume",
        "newest=15m",
        "--assume",
        "cro=15m",
    )
    found = items(terminal, *words)
    assert found["backup"]["assumed"] == "1m"
    assert found["often"]["skipped"] == {"calendar": 0, "overlap": 72, "queue_full": 0}
    assert found["newest"]["stopped"] == 143
    assert found["crowded"]["waited"]


def test_simulate_knows_the_peak_the_load_and_clock_changes(terminal: Terminal) -> None:
    terminal.write(TASKS)
    data = terminal.polysync("simulate", "--from", "2026-03-28", "--for", "2d", "--json").data
    assert data["from"] == "2026-03-27T23:00:00Z"
    assert data["peak"]["running"] == 4
    assert len(data["load"]) == 48
    assert data["busiest"][0]["starts"] >= 3
    assert data["clock_changes"] == [{"at": "2026-03-29T01:00:00Z", "change": "Sun 2026-03-29, 02:00 -> 03:00"}]


def test_simulate_for_people(terminal: Terminal) -> None:
    terminal.write(TASKS)
    terminal.columns = 80
    said = terminal.polysync("simulate", "--duration", "25m")
    assert said.status == 0
    assert said.lines[0] == "7d from Fri 2026-03-27 11:00 Europe/Bratislava, a run taking 25m"
    assert all(len(line) <= 80 for line in said.lines)
    assert "1 task not due: nothing in this time starts it" in said.out
    assert "Clocks change: Sun 2026-03-29, 02:00 -> 03:00" in said.out
    assert "backup: 1 left out by its calendars" in said.out
    assert 'still running (on_overlap = "skip")' in said.out
    assert "queue full (queue_max)" in said.out
    assert "stopped for a newer run" in said.out
    assert "[daemon] max_running is 1" in said.out
    assert sum(line.startswith("Sun 2026-03-29") for line in said.lines) == 1


def test_simulate_of_many_days_shows_the_week(terminal: Terminal) -> None:
    terminal.write(TASKS)
    said = terminal.polysync("simulate", "backup", "--for", "60d")
    assert [line[:3] for line in said.lines if "(busiest)" in line] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def test_simulate_groups_minutes_that_repeat(terminal: Terminal) -> None:
    terminal.write(TASKS)
    said = terminal.polysync("simulate", "often", "newest", "--from", "2026-07-01", "--for", "2d", "--duration", "1m")
    assert "  00:00  2 starts on 2 days: newest, often" in said.out


def test_simulate_of_nothing_says_so(terminal: Terminal) -> None:
    terminal.write('[tasks.a]\nrun = "x"\n[tasks.b]\nrun = "x"\n')
    assert terminal.polysync("simulate").lines[-1] == "2 tasks not due: nothing in this time starts them"


def test_simulate_in_plain_ascii(terminal: Terminal) -> None:
    terminal.write(TASKS)
    terminal.charset = "ascii"
    assert terminal.polysync("simulate").out.isascii()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--for", "7"], 2, "--for"),
        (["--for", "0s"], 2, "--for"),
        (["--for", "9999d"], 2, "--for"),
        (["--duration", "long"], 2, "--duration"),
        (["--assume", "backup"], 2, "TASK=DURATION"),
        (["--assume", "nothing=5m"], 3, "nothing"),
        (["--from", "9999-09-01", "--for", "365d"], 2, "calendar of years"),
        (["bakcup"], 3, "backup"),
        (["off"], 3, "off"),
    ],
)
def test_simulate_refuses(terminal: Terminal, words: list[str], status: int, message: str) -> None:
    terminal.write(TASKS)
    said = terminal.polysync("simulate", *words)
    assert said.status == status
    assert message in said.err


def test_simulate_counts_no_more_firings_than_it_can() -> None:
    slots = [Occurrence("t", NOW + timedelta(seconds=second), ZoneInfo("UTC")) for second in range(5)]
    assert list(limited(slots, 5)) == slots
    with pytest.raises(Failure, match="more than 4 firings") as refused:
        list(limited(slots, 4))
    assert "--for" in refused.value.hint


def test_simulate_fits_a_narrow_terminal(terminal: Terminal) -> None:
    terminal.write(TASKS)
    terminal.columns = 60
    said = terminal.polysync("simulate")
    assert max(map(len, said.lines)) <= 60
    assert all(line == line.rstrip() for line in said.lines)
