"""A second reading of an expression is set beside ours, and differences are named."""

from __future__ import annotations

from datetime import datetime

from polysync.config.imports.agreement import START, disagreement
from polysync.config.imports.second_opinion import croniter_times

FIRST = START.replace(tzinfo=None)


def refusing(_expression: str) -> list[datetime]:
    raise ValueError


def test_agreement_is_silent_where_both_read_the_same() -> None:
    assert disagreement("*/7 3-5 * * mon", "task", croniter_times) == ""


def test_agreement_says_that_the_other_refuses() -> None:
    assert "does not accept it" in disagreement("0 3 * * *", "task", refusing)


def test_agreement_is_not_asked_about_what_only_we_know() -> None:
    assert disagreement("H 3 * * *", "task", refusing) == ""
    assert disagreement("@every 5m", "task", refusing) == ""


def test_agreement_names_the_first_difference() -> None:
    said = disagreement("0 0 1 1 *", "task", lambda _expression: [FIRST, FIRST.replace(month=7)])

    assert "2026-07-01 00:00 where this is 2027-01-01 00:00" in said


def test_agreement_stops_where_the_calendar_does() -> None:
    times = [FIRST.replace(year=year) for year in range(2028, 9999, 4)]

    assert disagreement("0 0 29 2 *", "task", lambda _expression: times) != ""
    assert (
        disagreement("0 0 1 1 *", "task", lambda _expression: [FIRST.replace(year=y) for y in range(2026, 10000)]) == ""
    )
    assert (
        disagreement("0 0 1 1 *", "task", lambda _expression: [FIRST.replace(year=y) for y in range(2026, 10000)] * 2)
        == ""
    )
