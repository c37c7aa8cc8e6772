"""Moments as people type them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.cli.failure import Failure
from polysync.cli.moments import local_text, moment, utc_text

NOW = datetime(2026, 3, 27, 23, 30, tzinfo=UTC)  # half past midnight of the 28th in Bratislava
ZONE = ZoneInfo("Europe/Bratislava")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-03-27T23:30:00Z"),
        ("2026-03-29", "2026-03-28T23:00:00Z"),
        ("2026-03-29 12:00", "2026-03-29T10:00:00Z"),
        ("2026-03-29T12:00:30", "2026-03-29T10:00:30Z"),
        ("2026-03-29 02:30", "2026-03-29T01:30:00Z"),  # left out by the clocks: counted from before the change
        ("2026-10-25 02:30", "2026-10-25T00:30:00Z"),  # comes twice: the first
        ("2026-03-29T12:00:00Z", "2026-03-29T12:00:00Z"),
        ("2026-03-29t12:00:00.123456789z", "2026-03-29T12:00:00Z"),
        ("2026-03-29 12:00:00+02:00", "2026-03-29T10:00:00Z"),
        ("2026-03-29 12:00 -0500", "2026-03-29T17:00:00Z"),
        ("today", "2026-03-27T23:00:00Z"),
        ("tomorrow", "2026-03-28T23:00:00Z"),
        ("yesterday", "2026-03-26T23:00:00Z"),
        ("14:15", "2026-03-28T13:15:00Z"),
        ("14:15:16", "2026-03-28T13:15:16Z"),
        ("+2d", "2026-03-29T23:30:00Z"),
        ("-90m", "2026-03-27T22:00:00Z"),
        (" now ", "2026-03-27T23:30:00Z"),
    ],
)
def test_moment_reads(text: str, expected: str) -> None:
    assert utc_text(moment(text, "--from", NOW, ZONE).at) == expected


@pytest.mark.parametrize("text", ["2026-03-29", "today", "tomorrow"])
def test_moment_knows_that_a_day_was_named(text: str) -> None:
    assert moment(text, "--from", NOW, ZONE).day is True
    assert moment("2026-03-29 00:00", "--from", NOW, ZONE).day is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-02-30",
        "2026-13-01",
        "2026-03-29 25:00",
        "2026-03-29Z",
        "2026-03-29 12",
        "24:00",
        "+2",
        "+2x",
        "0000-01-01",
        "+99999999d",
        "0001-01-01",
        "9999-12-31",
        "\uff11\uff12:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_moment_refuses(text: str) -> None:
    with pytest.raises(Failure, match="--until") as caught:
        moment(text, "--until", NOW, ZONE)
    assert caught.value.status == 2


@given(st.text(max_size=30))
def test_moment_refuses_or_gives_an_instant(text: str) -> None:
    try:
        found = moment(text, "--from", NOW, ZONE)
    except Failure:
        return
    assert found.at.utcoffset() is not None


def test_moment_is_written_back_as_it_would_be_read() -> None:
    at = datetime(99, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert utc_text(at) == "0099-01-02T03:04:05Z"
    assert local_text(NOW, ZONE) == "2026-03-28T00:30:00+01:00"
