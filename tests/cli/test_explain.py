"""`polysync explain`: words, class, day rule, and what clock changes do."""

from __future__ import annotations

import pytest

from tests.cli.terminal import Terminal


def test_explain_tells_of_a_fixed_time_and_its_clock_changes(terminal: Terminal) -> None:
    said = terminal.polysync("explain", "30 2 * * *")
    assert said.status == 0
    assert said.lines[0] == "30 2 * * *"
    assert "At 02:30, every day." in said.out
    assert "Next, in Europe/Bratislava" in said.out
    assert "Sun 2026-03-29, 02:00 -> 03:00: fires at 03:00 (gap 02:30 -> 03:00)" in said.out
    assert "Sun 2026-10-25, 03:00 -> 02:00: fires at 02:30 (first pass)" in said.out


@pytest.mark.parametrize(
    ("cron", "kind", "rule"),
    [
        ("30 2 * * *", "fixed", None),
        ("*/5 2 * * *", "interval", None),
        ("0 12 13 * 5", "fixed", "any"),
        ("0 12 */10 * 1", "fixed", "all"),
        ("@every 90m", "elapsed", None),
        ("@daily", "fixed", None),
    ],
)
def test_explain_as_data(terminal: Terminal, cron: str, kind: str, rule: str | None) -> None:
    data = terminal.polysync("explain", cron, "--json").data
    assert (data["class"], data["day_rule"], data["timezone"]) == (kind, rule, "Europe/Bratislava")
    assert len(data["items"]) == 5
    assert data["explanation"]


def test_explain_tells_of_a_day_without_a_firing(terminal: Terminal) -> None:
    assert "2026-03-29, 02:00 -> 03:00: no firing that day" in terminal.polysync("explain", "*/30 2 * * *").out
    changes = terminal.polysync("explain", "*/30 2 * * *", "--json").data["clock_changes"]
    assert changes[0] == {
        "at": "2026-03-29T01:00:00Z",
        "change": "Sun 2026-03-29, 02:00 -> 03:00",
        "effect": "no firing that day",
    }
    assert "first pass), 02:30 (first pass), 02:00 (second pass) and 1 more" in changes[1]["effect"]


def test_explain_tells_when_nothing_changes(terminal: Terminal) -> None:
    assert ": as usual" in terminal.polysync("explain", "0 12 * * *").out
    assert "clocks change" not in terminal.polysync("explain", "0 12 * * *", "--tz", "Asia/Tokyo").out
    assert terminal.polysync("explain", "@every 90m", "--json").data["clock_changes"] == []


def test_explain_starts_where_it_is_told(terminal: Terminal) -> None:
    data = terminal.polysync("explain", "0 0 * * *", "--from", "2026-07-01", "--json").data
    assert data["items"][0]["local"] == "2026-07-01T00:00:00+02:00"


def test_explain_follows_day_match(terminal: Terminal) -> None:
    data = terminal.polysync("explain", "0 12 13 * 5", "--day-match", "all", "--json").data
    assert data["day_rule"] == "all"


def test_explain_refuses_with_a_caret(terminal: Terminal) -> None:
    said = terminal.polysync("explain", "0 25 * * *")
    assert (said.status, said.out) == (2, "")
    lines = said.err.splitlines()
    assert lines[1].index("25") == lines[2].index("^")
    error = terminal.polysync("explain", "0 25 * * *", "--json").data["error"]
    assert (error["code"], error["problems"][0]["column"]) == ("invalid_cron", 3)


def test_explain_fits_eighty_columns(terminal: Terminal) -> None:
    terminal.columns = 80
    assert all(len(line) <= 80 for line in terminal.polysync("explain", "*/20 * */10 * mon").lines)


def test_explain_compares_with_other_schedulers(terminal: Terminal) -> None:
    said = terminal.polysync("explain", "30 2 * * *", "--compare")
    assert said.status == 0
    assert "  croniter ✗ differs" in said.lines
    assert "    fires besides  2026-10-25 02:30, 2027-10-31 02:30" in said.lines
    assert any(line.startswith("    does not fire  2026-03-29 03:00") for line in said.lines)
    data = terminal.polysync("explain", "30 2 * * *", "--compare", "--json").data
    assert data["compare"][0]["only_theirs"] == ["2026-10-25T01:30:00Z", "2027-10-31T01:30:00Z"]


def test_explain_tells_where_others_agree_refuse_or_cannot_be_asked(terminal: Terminal) -> None:
    assert "croniter ✓ the same" in terminal.polysync("explain", "0 12 1 1 *", "--compare").out
    assert "has no L, W or #" in terminal.polysync("explain", "0 12 L * *", "--compare").out
    assert "no other scheduler can be asked" in terminal.polysync("explain", "@every 90m", "--compare").out


def test_explain_counts_many_differences(terminal: Terminal) -> None:
    assert " more" in terminal.polysync("explain", "0 12 13 * 5", "--compare").out
