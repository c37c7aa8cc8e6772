"""`polysync next`: the vectors of the design through the command line, windows, notes and streams."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.cli.terminal import Terminal

BRATISLAVA, NEW_YORK = "Europe/Bratislava", "America/New_York"
# zone, expression, from, until, the firings in UTC
VECTORS = [
    (BRATISLAVA, "30 2 * * *", "2026-03-29", "2026-03-30", ["2026-03-29T01:00"]),
    (BRATISLAVA, "0,30 2 * * *", "2026-03-29", "2026-03-30", ["2026-03-29T01:00"]),
    (BRATISLAVA, "*/30 2 * * *", "2026-03-29", "2026-03-30", []),
    (
        BRATISLAVA,
        "30 * * * *",
        "2026-03-29",
        "2026-03-29 06:00",
        ["2026-03-28T23:30", "2026-03-29T00:30", "2026-03-29T01:30", "2026-03-29T02:30", "2026-03-29T03:30"],
    ),
    (
        BRATISLAVA,
        "30 0-23 * * *",
        "2026-03-29",
        "2026-03-29 06:00",
        ["2026-03-28T23:30", "2026-03-29T00:30", "2026-03-29T01:30", "2026-03-29T02:30", "2026-03-29T03:30"],
    ),
    (
        BRATISLAVA,
        "30 */2 * * *",
        "2026-03-29",
        "2026-03-29 07:00",
        ["2026-03-28T23:30", "2026-03-29T02:30", "2026-03-29T04:30"],
    ),
    (BRATISLAVA, "30 2 * * *", "2025-10-26", "2025-10-27", ["2025-10-26T00:30"]),
    (
        BRATISLAVA,
        "*/20 * * * *",
        "2025-10-26T00:00:00Z",
        "2025-10-26T02:00:00Z",
        [f"2025-10-26T{hour}:{minute}" for hour in ("00", "01") for minute in ("00", "20", "40")],
    ),
    (BRATISLAVA, "0 3 * * *", "2026-03-29", "2026-03-30", ["2026-03-29T01:00"]),
    (BRATISLAVA, "0 3 * * *", "2025-10-26", "2025-10-27", ["2025-10-26T02:00"]),
    (NEW_YORK, "30 1 * * *", "2025-11-02", "2025-11-03", ["2025-11-02T05:30"]),
    ("Australia/Lord_Howe", "15 2 * * *", "2025-10-05", "2025-10-06", ["2025-10-04T15:30"]),
    ("Asia/Kathmandu", "@daily", "2026-01-15", "2026-01-16", ["2026-01-14T18:15"]),
    ("Africa/Casablanca", "30 2 * * *", "2026-02-15", "2026-02-16", ["2026-02-15T01:30"]),
    ("Asia/Beirut", "0 0 * * *", "2026-03-29", "2026-03-30", ["2026-03-28T22:00"]),
    (
        "UTC",
        "0 0 31 * *",
        "2026-01-01",
        "2027-01-01",
        [f"2026-{month:02}-31T00:00" for month in (1, 3, 5, 7, 8, 10, 12)],
    ),
    (
        BRATISLAVA,
        "0 12 13 * 5",
        "2026-02-01",
        "2026-03-16",
        [f"2026-{day}T11:00" for day in ("02-06", "02-13", "02-20", "02-27", "03-06", "03-13")],
    ),
    (BRATISLAVA, "0 12 */10 * 1", "2026-01-01", "2026-07-01", ["2026-05-11T10:00", "2026-06-01T10:00"]),
    (
        BRATISLAVA,
        "0 6 L * *",
        "2026-01-01",
        "2026-05-01",
        ["2026-01-31T05:00", "2026-02-28T05:00", "2026-03-31T04:00", "2026-04-30T04:00"],
    ),
    (
        "UTC",
        "0 6 15W * *",
        "2026-01-01",
        "2026-05-01",
        [f"2026-{d}T06:00" for d in ("01-15", "02-16", "03-16", "04-15")],
    ),
]
TASKS = """
[scheduler]
timezone = "Europe/Bratislava"
[calendars.holidays]
dates = ["2026-03-29"]
[tasks.backup]
run = "x"
cron = "30 2 * * *"
skip_on = "holidays"
[tasks.etl-one]
run = "x"
cron = "0 * * * *"
[tasks.etl-two]
run = "x"
cron = "@every 90m"
[tasks.far]
run = "x"
cron = "0 9 * * *"
timezone = "America/New_York"
enabled = false
[tasks.hidden]
run = "x"
cron = "* * * * *"
unlisted = true
[tasks.manual]
run = "x"
"""


@pytest.mark.parametrize(("zone", "cron", "start", "end", "expected"), VECTORS)
def test_next_gives_the_vector(
    terminal: Terminal, zone: str, cron: str, start: str, end: str, expected: list[str]
) -> None:
    said = terminal.polysync("next", "--cron", cron, "--tz", zone, "--from", start, "--until", end, "--json")
    assert said.status == 0
    assert [item["at"] for item in said.data["items"]] == [f"{at}:00Z" for at in expected]
    assert said.data["next"] is None


@pytest.mark.parametrize(
    ("cron", "start", "expected"),
    [
        ("30 2 * * *", "2025-10-26T01:10:00Z", ["2025-10-27T01:30:00Z"]),
        ("0 0 29 2 *", "2025-01-01", ["2028-02-28T23:00:00Z", "2032-02-28T23:00:00Z"]),
        ("0 0 * * *", "2026-03-01", ["2026-02-28T23:00:00Z"]),  # a day that is named begins with its first instant
        ("0 0 * * *", "2026-03-01 00:00", ["2026-03-01T23:00:00Z"]),  # an instant that is named is passed
        ("0 0 * * *", "2026-02-28T23:00:00Z", ["2026-03-01T23:00:00Z"]),
    ],
)
def test_next_counts_from_its_start(terminal: Terminal, cron: str, start: str, expected: list[str]) -> None:
    words = ("next", "--cron", cron, "--tz", BRATISLAVA, "--from", start, "-n", str(len(expected)), "--json")
    assert [item["at"] for item in terminal.polysync(*words).data["items"]] == expected


def test_next_shows_local_times_and_why_they_moved(terminal: Terminal) -> None:
    said = terminal.polysync("next", "--cron", "30 2 * * *", "--from", "2026-03-28", "-n2", "--json")
    assert [(item["task"], item["local"]) for item in said.data["items"]] == [
        (None, "2026-03-28T02:30:00+01:00"),
        (None, "2026-03-29T03:00:00+02:00"),
    ]
    assert "02:30" in said.data["items"][1]["note"]


def test_next_lists_a_window_from_its_first_instant_to_before_its_last(terminal: Terminal) -> None:
    said = terminal.polysync(
        "next", "--cron", "* * * * *", "--tz", "UTC", "--from", "2026-01-01T00:00:00Z", "--until", "+3m", "--json"
    )
    assert [item["at"][11:16] for item in said.data["items"]] == ["00:00", "00:01", "00:02"]


def test_next_of_all_tasks_together_is_in_the_order_of_time(terminal: Terminal) -> None:
    terminal.write(TASKS)
    said = terminal.polysync("next", "-n", "4", "--json")
    assert [(item["task"], item["at"]) for item in said.data["items"]] == [
        ("etl-one", "2026-03-27T11:00:00Z"),
        ("etl-two", "2026-03-27T11:30:00Z"),
        ("etl-one", "2026-03-27T12:00:00Z"),
        ("etl-one", "2026-03-27T13:00:00Z"),
    ]


def test_next_counts_for_each_task_that_is_named(terminal: Terminal) -> None:
    terminal.write(TASKS)
    found = [item["task"] for item in terminal.polysync("next", "etl-*", "-n", "2", "--json").data["items"]]
    assert sorted(found) == ["etl-one", "etl-one", "etl-two", "etl-two"]


def test_next_lists_unlisted_tasks_only_when_asked(terminal: Terminal) -> None:
    terminal.write(TASKS)
    found = terminal.polysync("next", "--all", "-n", "1", "--json").data["items"]
    assert [item["task"] for item in found] == ["hidden"]
    assert [item["task"] for item in terminal.polysync("next", "hidden", "-n1", "--json").data["items"]] == ["hidden"]


def test_next_shows_a_slot_that_a_calendar_leaves_out(terminal: Terminal) -> None:
    terminal.write(TASKS)
    items = terminal.polysync("next", "backup", "-n", "3", "--json").data["items"]
    assert [item["fires"] for item in items] == [True, False, True]
    assert "holidays" in items[1]["note"]
    assert "does not run" in terminal.polysync("next", "backup", "-n", "3").out


def test_next_shows_that_a_disabled_task_does_not_fire(terminal: Terminal) -> None:
    terminal.write(TASKS)
    (item,) = terminal.polysync("next", "far", "-n", "1", "--json").data["items"]
    assert (item["fires"], item["note"], item["zone"]) == (False, "disabled", NEW_YORK)


def test_next_of_a_task_without_a_schedule_says_so(terminal: Terminal) -> None:
    terminal.write(TASKS)
    said = terminal.polysync("next", "manual")
    assert (said.status, said.out) == (0, "")
    assert "manual has no schedule" in said.err
    assert terminal.polysync("next", "manual", "--json").data == {"items": [], "next": None}


def test_next_shows_other_zones_on_the_clocks_that_are_asked_for(terminal: Terminal) -> None:
    terminal.write(TASKS)
    (item,) = terminal.polysync("next", "far", "-n", "1", "--tz", "Asia/Tokyo", "--json").data["items"]
    assert item["local"] == "2026-03-27T22:00:00+09:00"


def test_next_for_people_fits_eighty_columns(terminal: Terminal) -> None:
    terminal.write(TASKS)
    terminal.columns = 80
    said = terminal.polysync("next", "--until", "+3d")
    assert all(len(line) <= 80 for line in said.lines)
    assert re.search(r"Sun 2026-03-29 03:00:00 \+02:00 .* etl-one", said.out)


def test_next_for_people_names_the_zone(terminal: Terminal) -> None:
    said = terminal.polysync("next", "--cron", "0 3 * * *", "--tz", "Asia/Tokyo")
    assert said.lines[0].startswith("Local time (Asia/Tokyo)")
    terminal.write(TASKS)
    assert "(America/New_York)" in terminal.polysync("next", "far").lines[0]
    assert "(Asia/Tokyo)" in terminal.polysync("next", "far", "backup", "--tz", "Asia/Tokyo").lines[0]
    several = terminal.polysync("next", "far", "backup", "-n1")
    assert several.lines[0].startswith("Local time  ")
    assert [line.rpartition("  ")[2] for line in several.lines[1:]] == [
        "does not run; disabled; America/New_York",
        "Europe/Bratislava",
    ]


def test_next_says_when_nothing_is_due(terminal: Terminal) -> None:
    said = terminal.polysync("next", "--cron", "0 3 * * *", "--until", "+1m")
    assert (said.status, said.out, said.err) == (0, "", "nothing is due in that time\n")
    terminal.write('[tasks.manual]\nrun = "x"\n')
    assert terminal.polysync("next").err == "nothing has a schedule\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cron", "0 0 30 2 *"], "day-of-month"),
        (["--cron", "61 * * * *"], "minute"),
        (["--cron", "* * * *"], "4 of 5 fields"),
        (["--cron", "H * * * *"], "H"),
        (["--cron", "x" * 10_000], "longer"),
        (["--cron", "* * * * *", "--tz", "Europe/Bratislav"], "time zone"),
        (["--cron", "* * * * *", "--from", "yesterday-ish"], "not a time"),
        (["--cron", "* * * * *", "--until", "2020-01-01"], "not after"),
        (["--cron", "* * * * *", "-n", "0"], "0"),
        (["--cron", "* * * * *", "backup"], "not both"),
        (["backup", "--dst-gap", "after"], "--cron"),
        (["--cron", "* * * * *", "--from", "9999-12-31", "--until", "+9d"], "too near to an end of the calendar"),
        (["--cron", "* * * * *", "--from", ""], "--from: the value is empty"),
        (["--cron", "* * * * *", "--tz", ""], "--tz: the value is empty"),
    ],
)
def test_next_refuses_with_one_clear_sentence(terminal: Terminal, words: list[str], message: str) -> None:
    terminal.write(TASKS)
    said = terminal.polysync("next", *words)
    assert (said.status, said.out) == (2, "")
    assert message in said.err
    assert len(said.err) < 400
    error = terminal.polysync("next", *words, "--json")
    assert error.status == 2
    assert message in error.data["error"]["message"]


def test_next_points_at_the_fault_in_an_expression(terminal: Terminal) -> None:
    said = terminal.polysync("next", "--cron", "0 0 30 2 *").err.splitlines()
    assert said[1].index("30") == said[2].index("^")


def test_next_takes_the_rules_for_clock_changes(terminal: Terminal) -> None:
    day = ("--from", "2026-03-29", "--until", "2026-03-30", "--json")
    assert len(terminal.polysync("next", "--cron", "*/30 2 * * *", "--dst-gap", "after", *day).data["items"]) == 1
    assert terminal.polysync("next", "--cron", "30 2 * * *", "--dst-gap", "skip", *day).data["items"] == []
    fold = ("--from", "2025-10-26", "--until", "2025-10-27", "--json")
    assert len(terminal.polysync("next", "--cron", "30 2 * * *", "--dst-fold", "both", *fold).data["items"]) == 2
    every = ("next", "--cron", "0 12 */10 * 1", "--day-match", "any", "-n9", "--json")
    assert len({item["at"][:10] for item in terminal.polysync(*every).data["items"]}) == 9


def test_next_spreads_by_name(terminal: Terminal) -> None:
    one, two = (
        terminal.polysync("next", "--cron", "H H * * *", "--name", name, "-n1", "--json").data["items"][0]["at"]
        for name in ("one", "two")
    )
    assert one != two


def test_next_writes_a_long_window_as_it_goes(terminal: Terminal) -> None:
    said = terminal.polysync("next", "--cron", "* * * * * *", "--until", "+1h", "--json")
    assert len(said.data["items"]) == timedelta(hours=1).total_seconds()


def test_next_ends_with_the_calendar_of_years(terminal: Terminal) -> None:
    said = terminal.polysync("next", "--cron", "0 0 1 1 *", "--from", "9998-06-01", "-n", "100", "--json")
    assert said.status == 0
    assert [item["at"][:4] for item in said.data["items"]] == ["9998"]


def test_next_remarks_are_kept_back_when_quiet(terminal: Terminal) -> None:
    terminal.write(TASKS)
    assert terminal.polysync("next", "manual", "-q").err == ""
