"""The table of schedules and expected instants that the rules were drawn from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from polysync.domain.errors import ValueProblem
from polysync.domain.schedule import compile_timetable, load_zone, unserved_changes
from tests.faults import fault

BRATISLAVA: Final = "Europe/Bratislava"
MICROSECOND: Final = timedelta(microseconds=1)


def local(zone: str, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=load_zone(zone)).astimezone(UTC)


def firings(zone: str, cron: str, start: str, end: str) -> list[str]:
    """The firings from the local time `start` to before the local time `end`."""
    timetable = compile_timetable((cron,), zone=zone)
    found = timetable.instants(local(zone, start) - MICROSECOND, local(zone, end) - MICROSECOND)
    return [f"{at:%m-%dT%H:%M}" for at in found]


VECTORS: Final = [
    (BRATISLAVA, "30 2 * * *", "2026-03-29", "2026-03-30", "03-29T01:00"),
    (BRATISLAVA, "0,30 2 * * *", "2026-03-29", "2026-03-30", "03-29T01:00"),
    (BRATISLAVA, "*/30 2 * * *", "2026-03-29", "2026-03-30", ""),
    (
        BRATISLAVA, "30 * * * *", "2026-03-29", "2026-03-29T06:00",
        ("03-28T23:30 03-29T00:30 03-29T01:30 03-29T02:30 "
        "03-29T03:30"),
    ),
    (
        BRATISLAVA, "30 0-23 * * *", "2026-03-29", "2026-03-29T06:00",
        ("03-28T23:30 03-29T00:30 03-29T01:30 03-29T02:30 "
        "03-29T03:30"),
    ),
    (BRATISLAVA, "30 */2 * * *", "2026-03-29", "2026-03-29T07:00", "03-28T23:30 03-29T02:30 03-29T04:30"),
    (BRATISLAVA, "30 0-23/2 * * *", "2026-03-29", "2026-03-29T07:00", "03-28T23:30 03-29T02:30 03-29T04:30"),
    (BRATISLAVA, "30 2 * * *", "2025-10-26", "2025-10-27", "10-26T00:30"),
    (
        BRATISLAVA, "*/20 * * * *", "2025-10-26T02:00", "2025-10-26T03:00",
        ("10-26T00:00 10-26T00:20 10-26T00:40 10-26T01:00 "
        "10-26T01:20 10-26T01:40"),
    ),
    (BRATISLAVA, "30 */2 * * *", "2025-10-26", "2025-10-26T06:00", "10-25T22:30 10-26T00:30 10-26T01:30 10-26T03:30"),
    (BRATISLAVA, "0 3 * * *", "2026-03-29", "2026-03-30", "03-29T01:00"),
    (BRATISLAVA, "0 3 * * *", "2025-10-26", "2025-10-27", "10-26T02:00"),
    ("America/New_York", "30 1 * * *", "2025-11-02", "2025-11-03", "11-02T05:30"),
    ("Australia/Lord_Howe", "15 2 * * *", "2025-10-05", "2025-10-06", "10-04T15:30"),
    (
        "Australia/Lord_Howe", "30 * * * *", "2025-10-05T00:00", "2025-10-05T04:00",
        ("10-04T14:00 10-04T15:00 10-04T15:30 10-04T16:30 "
        ""),
    ),
    ("Asia/Kathmandu", "@daily", "2026-01-15", "2026-01-16", "01-14T18:15"),
    ("Africa/Casablanca", "30 2 * * *", "2026-02-15", "2026-02-16", "02-15T01:30"),
    ("Asia/Beirut", "0 0 * * *", "2026-03-29T00:00", "2026-03-30", "03-28T22:00"),
    (
        "UTC", "0 0 31 * *", "2026-01-01", "2027-01-01",
        ("01-31T00:00 03-31T00:00 05-31T00:00 07-31T00:00 "
        "08-31T00:00 10-31T00:00 12-31T00:00"),
    ),
    (
        BRATISLAVA, "0 12 13 * 5", "2026-02-01", "2026-03-16",
        ("02-06T11:00 02-13T11:00 02-20T11:00 02-27T11:00 "
        "03-06T11:00 03-13T11:00"),
    ),
    (BRATISLAVA, "0 12 */10 * 1", "2026-01-01", "2026-07-01", "05-11T10:00 06-01T10:00"),
    (
        BRATISLAVA, "0 12 1-31/10 * 1", "2026-06-01", "2026-07-01",
        ("06-01T10:00 06-08T10:00 06-11T10:00 06-15T10:00 "
        "06-21T10:00 06-22T10:00 06-29T10:00"),
    ),
    (BRATISLAVA, "0 6 L * *", "2026-01-01", "2026-05-01", "01-31T05:00 02-28T05:00 03-31T04:00 04-30T04:00"),
    ("UTC", "0 6 15W * *", "2026-01-01", "2026-05-01", "01-15T06:00 02-16T06:00 03-16T06:00 04-15T06:00"),
    ("UTC", "0 6 LW * *", "2026-01-01", "2026-06-30", "01-30T06:00 02-27T06:00 03-31T06:00 04-30T06:00 05-29T06:00"),
    ("UTC", "0 6 L-3 * *", "2026-01-01", "2026-04-01", "01-28T06:00 02-25T06:00 03-28T06:00"),
    ("UTC", "0 6 * * 5L", "2026-01-01", "2026-04-01", "01-30T06:00 02-27T06:00 03-27T06:00"),
    ("UTC", "0 6 * * 1#5", "2026-01-01", "2026-08-01", "03-30T06:00 06-29T06:00"),
    (
        "UTC", "0 6 1W,31W * *", "2026-01-01", "2026-06-01",
        ("01-01T06:00 01-30T06:00 02-02T06:00 03-02T06:00 "
        "03-31T06:00 04-01T06:00 05-01T06:00 05-29T06:00"),
    ),
    ("Pacific/Apia", "0 12 * * *", "2011-12-29", "2012-01-01", "12-29T22:00 12-30T10:00 12-30T22:00"),
]  # fmt: skip


@fault("F28")
@pytest.mark.parametrize(("zone", "cron", "start", "end", "expected"), VECTORS)
def test_schedule_fires_as_the_table_says(zone: str, cron: str, start: str, end: str, expected: str) -> None:
    assert firings(zone, cron, start, end) == expected.split()


def test_schedule_asked_inside_the_second_pass_answers_the_next_day() -> None:
    timetable = compile_timetable(("30 2 * * *",), zone=BRATISLAVA)

    assert timetable.next_at(datetime(2025, 10, 26, 1, 10, tzinfo=UTC)) == datetime(2025, 10, 27, 1, 30, tzinfo=UTC)


def test_schedule_of_29_february_waits_for_leap_years() -> None:
    timetable = compile_timetable(("0 0 29 2 *",), zone=BRATISLAVA)
    first = timetable.next_at(datetime(2025, 1, 1, tzinfo=UTC))

    assert first == datetime(2028, 2, 28, 23, tzinfo=UTC)
    assert timetable.next_at(first) == datetime(2032, 2, 28, 23, tzinfo=UTC)


def test_schedule_of_a_fifth_monday_on_29_february_is_either_unless_told_otherwise() -> None:
    after = datetime(2026, 1, 1, tzinfo=UTC)

    either = compile_timetable(("0 6 29 2 1#5",), zone="UTC")
    assert either.next_at(after) == datetime(2028, 2, 29, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "field"),
    [
        ("0 6 30 2 *", "day-of-month"),
        ("0 0 31 4 *", "day-of-month"),
        ("60 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("5-1 * * * *", "minute"),
        ("0 6 ? * 1", "day-of-month"),
        ("0 6 * * ?", "day-of-week"),
        ("0 24 * * *", "hour"),
        ("0 0 0 * *", "day-of-month"),
        ("0 0 * 13 *", "month"),
        ("0 0 * * 8", "day-of-week"),
        ("60 0 0 * * *", "second"),
    ],
)
def test_schedule_that_cannot_be_names_its_field(cron: str, field: str) -> None:
    with pytest.raises(ValueProblem, match=f"^{field}: "):
        compile_timetable((cron,), zone=BRATISLAVA)


def test_schedule_without_a_slot_on_a_change_day_is_found() -> None:
    after = datetime(2026, 1, 1, tzinfo=UTC)
    days = unserved_changes(compile_timetable(("*/30 2 * * *",), zone=BRATISLAVA), after)

    assert [str(day) for day in days] == ["2026-03-29", "2027-03-28"]
    assert unserved_changes(compile_timetable(("30 2 * * *",), zone=BRATISLAVA), after) == []
