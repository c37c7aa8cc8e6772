"""Calendars: days, windows, and slots that they leave out or move."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final

import pytest

from polysync.domain.calendar import almanac, parse_date, parse_window
from polysync.domain.errors import ValueProblem
from polysync.domain.ical import BusySpan, parse_ics
from polysync.domain.schedule import Timetable, compile_timetable
from polysync.domain.settings import Calendar
from polysync.domain.values import Fold, Gap, Roll

BRATISLAVA: Final = "Europe/Bratislava"
MICROSECOND: Final = timedelta(microseconds=1)
WEEKEND: Final = Calendar(name="weekend", weekdays=(5, 6))
XMAS: Final = Calendar(name="xmas", dates=("12-24", "12-25", "12-26"))


def at(text: str, zone: str = "UTC") -> datetime:
    timetable = compile_timetable(("* * * * *",), zone=zone)
    return datetime.fromisoformat(text).replace(tzinfo=timetable.zone).astimezone(UTC)


def table(
    *crons: str,
    only: tuple[Calendar, ...] = (),
    skip: tuple[Calendar, ...] = (),
    roll: Roll = Roll.SKIP,
    zone: str = "UTC",
) -> Timetable:
    return compile_timetable(crons, zone=zone, only_on=only, skip_on=skip, roll=roll)


def days(timetable: Timetable, start: str, end: str) -> list[str]:
    """What fires from `start` to before `end`; what is left out in brackets."""
    found = timetable.instants(at(start) - MICROSECOND, at(end) - MICROSECOND)
    return [f"({slot:%m-%d})" if timetable.slot(slot).excluded else f"{slot:%m-%d}" for slot in found]


@pytest.mark.parametrize(
    ("calendar", "instant", "inside"),
    [
        (Calendar(name="c", dates=("2026-12-24",)), "2026-12-24T10:00", True),
        (Calendar(name="c", dates=("2026-12-24",)), "2027-12-24T10:00", False),
        (Calendar(name="c", dates=("12-25",)), "2031-12-25T23:59", True),
        (Calendar(name="c", dates=("02-29",)), "2028-02-29T00:00", True),
        (Calendar(name="c", dates=("02-29",)), "2027-03-01T00:00", False),
        (Calendar(name="c", weekdays=(5, 6)), "2026-01-03T10:00", True),
        (Calendar(name="c", weekdays=(5, 6)), "2026-01-05T10:00", False),
        (Calendar(name="c", windows=("09:00-17:00",)), "2026-01-05T09:00", True),
        (Calendar(name="c", windows=("09:00-17:00",)), "2026-01-05T17:00", False),
        (Calendar(name="c", windows=("22:00-06:00",)), "2026-01-05T23:00", True),
        (Calendar(name="c", windows=("22:00-06:00",)), "2026-01-05T05:59", True),
        (Calendar(name="c", windows=("22:00-06:00",)), "2026-01-05T06:00", False),
        (Calendar(name="c", windows=("22:00-06:00",), weekdays=(4,)), "2026-01-02T23:00", True),
        (Calendar(name="c", windows=("22:00-06:00",), weekdays=(4,)), "2026-01-03T05:00", True),
        (Calendar(name="c", windows=("22:00-06:00",), weekdays=(4,)), "2026-01-02T05:00", False),
        (Calendar(name="c", windows=("22:00-06:00", "12:00-24:00"), dates=("01-01",)), "2026-01-01T23:59", True),
        (Calendar(name="c"), "2026-01-01T23:59", False),
    ],
)
def test_calendar_holds_its_days_and_windows(calendar: Calendar, instant: str, inside: bool) -> None:
    assert almanac(calendar, "UTC").holds(at(instant)) is inside


def test_calendar_goes_by_its_own_zone() -> None:
    tokyo = Calendar(name="c", dates=("2026-01-02",), timezone="Asia/Tokyo")
    local = Calendar(name="c", dates=("2026-01-02",))

    assert almanac(tokyo, BRATISLAVA).holds(at("2026-01-01T16:00"))
    assert not almanac(local, BRATISLAVA).holds(at("2026-01-01T16:00"))
    assert almanac(local, BRATISLAVA).holds(at("2026-01-01T23:00"))


def test_calendar_holds_events() -> None:
    whole = BusySpan(at("2026-05-01"), timedelta(days=2), whole_days=True)
    timed = BusySpan(at("2026-05-10T09:00"), timedelta(hours=3), "America/New_York")
    floating = BusySpan(at("2026-05-12T09:00"), timedelta(hours=3))
    calendar = almanac(Calendar(name="c", events=(whole, timed, floating)), BRATISLAVA)
    held = [
        calendar.holds(at(f"2026-05-{text}")) for text in ("01T10:00", "02T21:59", "02T22:00", "10T13:00", "10T16:00")
    ]

    assert held == [True, True, False, True, False]
    assert [calendar.holds(at(f"2026-05-12T{text}")) for text in ("06:59", "07:00", "09:59", "10:00")] == [
        False,
        True,
        True,
        False,
    ]


def test_calendar_forgets_what_it_need_not_remember() -> None:
    calendar = almanac(Calendar(name="c", weekdays=(0,)), "UTC")
    start = at("2026-01-05")

    assert all(calendar.holds(start + timedelta(days=day)) is (day % 7 == 0) for day in range(5000))


def test_calendar_answers_at_the_ends_of_time() -> None:
    calendar = almanac(Calendar(name="c", dates=("01-01",)), BRATISLAVA)

    assert not calendar.holds(datetime.max.replace(tzinfo=UTC))
    assert not calendar.holds(datetime.min.replace(tzinfo=UTC))


def test_equal_calendars_are_made_ready_apart_and_the_same_one_once() -> None:
    calendar = Calendar(name="c", dates=("01-01",))

    assert almanac(calendar, "UTC") is almanac(calendar, "UTC")
    assert almanac(Calendar(name="c", dates=("01-01",)), "UTC") is not almanac(calendar, "UTC")


def test_slots_that_a_calendar_leaves_out_are_still_accounted_for() -> None:
    workdays = table("0 6 * * *", skip=(WEEKEND, XMAS))

    assert days(workdays, "2026-12-23", "2026-12-30") == [
        "12-23", "(12-24)", "(12-25)", "(12-26)", "(12-27)", "12-28", "12-29",
    ]  # fmt: skip
    assert workdays.slot(at("2026-12-25T06:00")).note == "in calendar xmas"
    assert workdays.excludes(at("2026-12-25T06:00"))
    assert not workdays.excludes(at("2026-12-28T06:00"))


def test_slots_count_only_inside_one_of_the_calendars() -> None:
    inside = table("0 6 * * *", only=(WEEKEND, XMAS))

    assert days(inside, "2026-12-23", "2026-12-29") == ["(12-23)", "12-24", "12-25", "12-26", "12-27", "(12-28)"]
    assert inside.slot(at("2026-12-23T06:00")).note == "not in calendar weekend, xmas"


@pytest.mark.parametrize(
    ("roll", "expected"),
    [
        (Roll.NEXT, ["01-05", "02-02", "03-02", "04-01", "05-01"]),
        (Roll.PREVIOUS, ["01-30", "02-27", "04-01", "05-01", "06-01"]),
    ],
)
def test_slot_moves_to_the_nearest_day(roll: Roll, expected: list[str]) -> None:
    firsts = table("0 6 1 * *", skip=(WEEKEND, Calendar(name="new year", dates=("01-01", "01-02"))), roll=roll)

    assert days(firsts, "2026-01-01", "2026-06-02")[:5] == expected


def test_slot_that_moved_says_from_where() -> None:
    firsts = table("0 6 1 * *", skip=(WEEKEND,), roll=Roll.NEXT)
    slot = firsts.slot(at("2026-02-02T06:00"))

    assert slot.rolled_from == at("2026-02-01T06:00")
    assert slot.labels == ("2026-02-01 06:00",)
    assert slot.note == "moved from 2026-02-01 06:00, in calendar weekend"
    assert not slot.excluded
    assert firsts.slot(at("2026-01-01T06:00")).rolled_from is None
    assert firsts.slot(at("2026-02-01T06:00")).excluded
    assert firsts.previous_at(at("2026-02-02T06:00")) == at("2026-01-01T06:00")


def test_slots_that_move_to_one_instant_are_one() -> None:
    daily = table("0 6 * * *", skip=(WEEKEND,), roll=Roll.NEXT)

    assert days(daily, "2026-01-02", "2026-01-07") == ["01-02", "01-05", "01-06"]
    assert daily.slot(at("2026-01-05T06:00")).rolled_from is None


def test_slot_with_nowhere_to_go_stays_and_is_left_out() -> None:
    nights = Calendar(name="nights", windows=("22:00-06:00",))
    hourly = table("0 */3 * * *", skip=(nights,), roll=Roll.NEXT)

    assert [hourly.slot(slot).excluded for slot in hourly.instants(at("2026-01-01T01:00"), at("2026-01-02T00:00"))] == [
        True, False, False, False, False, False, False, True,
    ]  # fmt: skip


def test_slot_moves_only_where_its_own_time_is_allowed() -> None:
    noon_off = Calendar(name="noon", windows=("11:00-13:00",), weekdays=(0, 1))
    mondays = table("0 6,12 * * 1", skip=(noon_off,), roll=Roll.NEXT)

    assert [f"{slot:%d %H}" for slot in mondays.instants(at("2026-01-05"), at("2026-01-11"))] == ["05 06", "07 12"]


def test_slot_moves_into_a_gap_or_a_fold_by_the_rules_of_clock_changes() -> None:
    skip = Calendar(name="c", dates=("2026-03-28", "2026-10-24"))
    moved = table("30 2 28 3 *", "30 2 24 10 *", skip=(skip,), roll=Roll.NEXT, zone=BRATISLAVA)

    assert list(moved.instants(at("2026-01-01"), at("2027-01-01"))) == [at("2026-03-29T01:00"), at("2026-10-25T00:30")]
    assert moved.slot(at("2026-10-25T00:30")).note.endswith("in calendar c")


def test_slot_does_not_move_into_a_gap_that_is_skipped() -> None:
    skip = Calendar(name="c", dates=("2026-03-28",))
    moved = compile_timetable(("30 2 28 3 *",), zone=BRATISLAVA, skip_on=(skip,), roll=Roll.NEXT, dst_gap=Gap.SKIP)
    both = compile_timetable(
        ("30 2 24 10 *",),
        zone=BRATISLAVA,
        skip_on=(Calendar(name="d", dates=("10-24",)),),
        roll=Roll.NEXT,
        dst_fold=Fold.BOTH,
    )

    assert moved.next_at(at("2026-01-01")) == at("2026-03-30T00:30")
    assert list(both.instants(at("2026-10-20"), at("2026-10-30"))) == [at("2026-10-25T00:30"), at("2026-10-25T01:30")]


def test_slot_in_a_skipped_gap_does_not_move() -> None:
    skip = Calendar(name="c", dates=("2026-03-29",))
    moved = compile_timetable(("30 2 29 3 *",), zone=BRATISLAVA, skip_on=(skip,), roll=Roll.NEXT, dst_gap=Gap.SKIP)

    assert moved.next_at(at("2026-01-01")) == at("2027-03-29T00:30")


@pytest.mark.parametrize("roll", [Roll.NEXT, Roll.PREVIOUS])
def test_moved_slots_are_the_same_however_they_are_asked_for(roll: Roll) -> None:
    timetable = table("20 4 */3 * *", "0 0 L * *", skip=(WEEKEND, XMAS), roll=roll, zone=BRATISLAVA)
    start, middle, end = at("2026-01-01"), at("2026-05-02T02:20"), at("2027-01-01")
    whole = list(timetable.instants(start, end))
    asked, slot = [], timetable.next_at(start)
    while slot is not None and slot <= end:
        asked.append(slot)
        slot = timetable.next_at(slot)

    assert whole == asked == [*timetable.instants(start, middle), *timetable.instants(middle, end)]
    assert whole == sorted(set(whole))
    assert all(timetable.previous_at(b) == a for a, b in pairwise(whole[:40]))


@pytest.mark.parametrize("roll", [Roll.NEXT, Roll.PREVIOUS])
def test_moved_slots_agree_with_moving_them_one_by_one(roll: Roll) -> None:
    def allowed(day: date) -> bool:
        return day.weekday() < 5 and (day.month, day.day) not in {(12, 24), (12, 25), (12, 26)}

    step = timedelta(days=1 if roll is Roll.NEXT else -1)
    expected = set()
    for number in range(-40, 800):
        day = date(2026, 1, 1) + timedelta(days=number)
        if day.day in {1, 10, 24, 25}:
            while not allowed(day):
                day += step
            expected.add(day)
    timetable = table("0 6 1,10,24,25 * *", skip=(WEEKEND, XMAS), roll=roll)
    found = [slot.date() for slot in timetable.instants(at("2026-01-01"), at("2028-01-01"))]

    assert found == sorted(day for day in expected if date(2026, 1, 1) <= day < date(2028, 1, 1))


def test_moved_slots_end_with_time() -> None:
    timetable = table("0 6 1 * *", skip=(WEEKEND,), roll=Roll.NEXT)

    assert timetable.next_at(datetime.max.replace(tzinfo=UTC)) is None
    assert timetable.next_at(datetime.min.replace(tzinfo=UTC)) is not None
    assert table("0 0 29 2 *", skip=(WEEKEND,), roll=Roll.NEXT).next_at(at("9998-05-01")) is None


def test_dense_slots_that_move_are_remembered_within_bounds() -> None:
    timetable = table("*/30 * * * *", skip=(WEEKEND,), roll=Roll.NEXT)
    found = list(timetable.instants(at("2025-12-31T23:59"), at("2026-10-27T23:59")))

    assert len(found) == sum(48 for number in range(300) if (date(2026, 1, 1) + timedelta(days=number)).weekday() < 5)
    assert found == sorted(set(found))


def test_every_cannot_move() -> None:
    with pytest.raises(ValueProblem, match='"@every 5h" has no day that could move'):
        table("@every 5h", skip=(WEEKEND,), roll=Roll.NEXT)

    assert table("@every 5h", roll=Roll.NEXT).next_at(at("2026-01-01")) is not None
    assert days(table("@every 5h", skip=(WEEKEND,)), "2026-01-02T20:00", "2026-01-03T08:00") == [
        "01-02",
        "(01-03)",
        "(01-03)",
    ]


def test_date_is_of_one_year_or_of_all() -> None:
    assert parse_date("2028-02-29") == date(2028, 2, 29)
    assert parse_date("02-29") == (2, 29)


@pytest.mark.parametrize("text", ["2027-02-29", "02-30", "13-01", "2026-1-1", "tomorrow", ""])
def test_date_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueProblem):
        parse_date(text)


def test_window_is_a_start_and_an_end() -> None:
    assert parse_window("22:00-06:30") == (timedelta(hours=22), timedelta(hours=6, minutes=30))
    assert parse_window("00:00-24:00") == (timedelta(0), timedelta(hours=24))


@pytest.mark.parametrize(
    "text", ["24:00-06:00", "10:00-10:00", "10:60-11:00", "10:00-25:00", "10-11", "", "9:00-10:00"]
)
def test_window_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueProblem):
        parse_window(text)


def test_events_of_a_file_leave_slots_out() -> None:
    holidays = parse_ics(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20200501\nRRULE:FREQ=YEARLY\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    timetable = table("0 6 * * *", skip=(Calendar(name="h", events=holidays),))

    assert days(timetable, "2026-04-30", "2026-05-03") == ["04-30", "(05-01)", "05-02"]
