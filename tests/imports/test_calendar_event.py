"""Calendar events fire at the times that systemd 252 gives for them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from polysync.config.imports.calendar_event import read_event
from polysync.domain.errors import ValueProblem
from tests.imports.accepting import readings

START = datetime(2026, 1, 1, tzinfo=UTC)

# Taken from systemd-analyze calendar --base-time='2026-01-01 00:00:00 UTC'.
VECTORS = [
    ("minutely", "2026-01-01T00:01 2026-01-01T00:02 2026-01-01T00:03"),
    ("hourly", "2026-01-01T01:00 2026-01-01T02:00 2026-01-01T03:00"),
    ("daily", "2026-01-02T00:00 2026-01-03T00:00 2026-01-04T00:00"),
    ("weekly", "2026-01-05T00:00 2026-01-12T00:00 2026-01-19T00:00"),
    ("monthly", "2026-02-01T00:00 2026-03-01T00:00 2026-04-01T00:00"),
    ("quarterly", "2026-04-01T00:00 2026-07-01T00:00 2026-10-01T00:00"),
    ("semiannually", "2026-07-01T00:00 2027-01-01T00:00 2027-07-01T00:00"),
    ("Yearly", "2027-01-01T00:00 2028-01-01T00:00 2029-01-01T00:00"),
    ("Mon..Fri 02:30", "2026-01-01T02:30 2026-01-02T02:30 2026-01-05T02:30"),
    ("Mon-Fri 02:30", "2026-01-01T02:30 2026-01-02T02:30 2026-01-05T02:30"),
    ("Sat,Sun 9:00", "2026-01-03T09:00 2026-01-04T09:00 2026-01-10T09:00"),
    ("Mon *-*-1..7 02:00", "2026-01-05T02:00 2026-02-02T02:00 2026-03-02T02:00"),
    ("*-*~01 04:00", "2026-01-31T04:00 2026-02-28T04:00 2026-03-31T04:00"),
    ("*-*~03", "2026-01-29T00:00 2026-02-26T00:00 2026-03-29T00:00"),
    ("Mon *-*~07/1", "2026-01-26T00:00 2026-02-23T00:00 2026-03-30T00:00"),
    ("*-*~1..3 12:00", "2026-01-29T12:00 2026-01-30T12:00 2026-01-31T12:00 2026-02-26T12:00"),
    ("*:0/15", "2026-01-01T00:15 2026-01-01T00:30 2026-01-01T00:45"),
    ("*:5/20", "2026-01-01T00:05 2026-01-01T00:25 2026-01-01T00:45 2026-01-01T01:05"),
    ("0/6:30", "2026-01-01T00:30 2026-01-01T06:30 2026-01-01T12:30"),
    ("*-*-1/10 05:05", "2026-01-01T05:05 2026-01-11T05:05 2026-01-21T05:05"),
    ("*-02-29 00:00", "2028-02-29T00:00 2032-02-29T00:00 2036-02-29T00:00"),
    ("*-*-* 22..23:59:30", "2026-01-01T22:59:30 2026-01-01T23:59:30 2026-01-02T22:59:30"),
    ("*-*-* *:*:0/20", "2026-01-01T00:00:20 2026-01-01T00:00:40 2026-01-01T00:01"),
    ("*-1,7-15 6:00", "2026-01-15T06:00 2026-07-15T06:00 2027-01-15T06:00"),
    ("Fri *-*-13", "2026-02-13T00:00 2026-03-13T00:00 2026-11-13T00:00"),
    ("*-*-31 08:00", "2026-01-31T08:00 2026-03-31T08:00 2026-05-31T08:00"),
    ("Wed,Sat..Sun 12:00", "2026-01-03T12:00 2026-01-04T12:00 2026-01-07T12:00"),
    ("*-*-* 4:5..7", "2026-01-01T04:05 2026-01-01T04:06 2026-01-01T04:07 2026-01-02T04:05"),
    ("Sunday *-*-*", "2026-01-04T00:00 2026-01-11T00:00 2026-01-18T00:00"),
    ("02-03 12:00", "2026-02-03T12:00 2027-02-03T12:00 2028-02-03T12:00"),
    ("*-*-* 1,13:00:00.000", "2026-01-01T01:00 2026-01-01T13:00 2026-01-02T01:00"),
]


@pytest.mark.parametrize(("text", "times"), VECTORS)
def test_calendar_event_fires_as_systemd_says(text: str, times: str) -> None:
    event = read_event(text)
    wanted = [datetime.fromisoformat(time).replace(tzinfo=UTC) for time in times.split()]

    match = "all" if event.both_days else "auto"
    assert readings(event.cron, "task", START, len(wanted), match) == wanted


def test_calendar_event_keeps_its_zone() -> None:
    assert read_event("Mon..Fri 02:30 Europe/Berlin").zone == "Europe/Berlin"
    assert read_event("daily UTC").zone == "UTC"
    assert read_event("daily").zone is None


def test_calendar_event_says_when_both_days_must_match() -> None:
    assert read_event("Fri *-*-13").both_days
    assert not read_event("Fri *-*-1..31").both_days
    assert not read_event("Mon..Sun *-*-13").both_days


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a calendar event"),
        ("daily daily", "not known"),
        ("2026-12-24", "names a year"),
        ("2026..2028-*-1", "names a year"),
        ("12:34:56.5", "no counterpart"),
        ("25:00", "outside 0 to 23"),
        ("*-13-1", "outside 1 to 12"),
        ("Fri..Mon", "weekday"),
        ("Someday", "weekday"),
        ("@1395716396", "date"),
        ("*-*~29", "no counterpart"),
        ("*-*~x", "no counterpart"),
        ("*-*~3/2", "no counterpart"),
        ("1:2:3:4", "no counterpart"),
        ("5..3:00", "backwards"),
        ("0/0:00", "never ends"),
        ("*:*/15", "not known to systemd"),
        ("*-*-* 04:00 Mars/Base", "not a calendar event"),
        ("*-*-* 04:00 05:00", "not a calendar event"),
    ],
)
def test_calendar_event_says_what_cron_cannot(text: str, words: str) -> None:
    with pytest.raises(ValueProblem) as raised:
        read_event(text)

    assert words in raised.value.message
