"""iCalendar files: what is understood, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from polysync.domain.errors import ValueProblem
from polysync.domain.ical import BusySpan, parse_ics


def spans(*lines: str) -> tuple[BusySpan, ...]:
    return parse_ics("\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""]))


def begins(*lines: str, until: str = "2030-01-01") -> list[str]:
    """The days before `until` on which the one event is on at noon."""
    (span,) = spans(*lines)
    days = [
        span.start.date() + timedelta(days=number)
        for number in range((date.fromisoformat(until) - span.start.date()).days)
    ]
    return [f"{day}" for day in days if span.holds(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))]


def refusal(*lines: str) -> str:
    with pytest.raises(ValueProblem) as raised:
        spans(*lines)
    return raised.value.message


def noon(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_event_of_whole_days_lasts_to_its_end() -> None:
    assert spans("DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261227", "SUMMARY:Xmas") == (
        BusySpan(noon("2026-12-24"), timedelta(days=3), None, whole_days=True),
    )
    assert spans("DTSTART;VALUE=DATE:20261224")[0].length == timedelta(days=1)


def test_event_with_times_keeps_its_clock() -> None:
    utc, local, floating = (
        spans("DTSTART:20260501T090000Z", "DTEND:20260501T100000Z")[0],
        spans('DTSTART;TZID="Europe/Paris":20260501T090000', "DURATION:PT1H30M")[0],
        spans("DTSTART:20260501T090000", "DURATION:P1W")[0],
    )

    assert (utc.zone, utc.length) == ("UTC", timedelta(hours=1))
    assert (local.zone, local.length) == ("Europe/Paris", timedelta(minutes=90))
    assert (floating.zone, floating.length) == (None, timedelta(weeks=1))


def test_event_may_end_by_another_clock() -> None:
    assert spans("DTSTART;TZID=Europe/Paris:20260501T090000", "DTEND:20260501T080000Z")[0].length == timedelta(hours=1)


def test_folded_lines_and_other_parts_are_read() -> None:
    text = (
        "\ufeffBEGIN:VCALENDAR\nPRODID:x\nBEGIN:VTIMEZONE\nTZID:Mine\nBEGIN:STANDARD\nDTSTART:19700101T000000\n"
        "END:STANDARD\nEND:VTIMEZONE\n\nBEGIN:VEVENT\nSUMMARY:a very\n  long: one\nDTSTART;VALUE=DA\n\tTE:20260501\n"
        "BEGIN:VALARM\nTRIGGER:-PT5M\nEND:VALARM\nEND:VEVENT\nBEGIN:VEVENT\nDTSTART:20260601\nSTATUS:CANCELLED\n"
        "END:VEVENT\nBEGIN:VEVENT\nDTSTART:20260701\nEND:VEVENT\nEND:VCALENDAR"
    )

    assert [span.start.date() for span in parse_ics(text)] == [date(2026, 5, 1), date(2026, 7, 1)]


def test_file_without_events_is_empty() -> None:
    assert parse_ics("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n") == ()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=YEARLY", "2026-01-08 2027-01-08 2028-01-08 2029-01-08"),
        ("FREQ=YEARLY;INTERVAL=2", "2026-01-08 2028-01-08"),
        ("FREQ=YEARLY;BYMONTH=3,7;UNTIL=20271231", "2026-01-08 2026-03-08 2026-07-08 2027-03-08 2027-07-08"),
        ("FREQ=YEARLY;BYMONTH=5;BYDAY=1MO;COUNT=3", "2026-01-08 2026-05-04 2027-05-03"),
        ("FREQ=YEARLY;BYDAY=-1FR;COUNT=3", "2026-01-08 2026-12-25 2027-12-31"),
        ("FREQ=YEARLY;BYDAY=20MO;COUNT=3", "2026-01-08 2026-05-18 2027-05-17"),
        ("FREQ=YEARLY;BYMONTHDAY=31;COUNT=4", "2026-01-08 2026-01-31 2026-03-31 2026-05-31"),
        ("FREQ=MONTHLY;COUNT=3", "2026-01-08 2026-02-08 2026-03-08"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", "2026-01-08 2026-01-31 2026-02-28"),
        ("FREQ=MONTHLY;BYDAY=2TU,-1FR;COUNT=4", "2026-01-08 2026-01-13 2026-01-30 2026-02-10"),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=3", "2026-01-08 2026-02-13 2026-03-13"),
        ("FREQ=WEEKLY;COUNT=3", "2026-01-08 2026-01-15 2026-01-22"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;COUNT=4", "2026-01-08 2026-01-19 2026-01-22 2026-02-02"),
        ("FREQ=WEEKLY;INTERVAL=2;WKST=FR;BYDAY=MO,TH;COUNT=4", "2026-01-08 2026-01-19 2026-01-22 2026-02-02"),
        ("FREQ=WEEKLY;INTERVAL=2;WKST=TH;BYDAY=WE,TH;COUNT=4", "2026-01-08 2026-01-14 2026-01-22 2026-01-28"),
        ("FREQ=DAILY;INTERVAL=10;UNTIL=20260201", "2026-01-08 2026-01-18 2026-01-28"),
        ("FREQ=DAILY;BYDAY=SA;BYMONTH=1;COUNT=3", "2026-01-08 2026-01-10 2026-01-17"),
        ("FREQ=DAILY;COUNT=9;UNTIL=20260110;", "2026-01-08 2026-01-09 2026-01-10"),
    ],
)
def test_rule_names_its_days(rule: str, expected: str) -> None:
    assert begins("DTSTART;VALUE=DATE:20260108", f"RRULE:{rule}") == expected.split()


def test_days_may_be_left_out_of_a_rule() -> None:
    lines = [
        "DTSTART;VALUE=DATE:20260108",
        "RRULE:FREQ=DAILY;COUNT=5",
        "EXDATE;VALUE=DATE:20260109,20260111",
        "EXDATE:20260112",
    ]

    assert begins(*lines) == ["2026-01-08", "2026-01-10"]


def test_rule_with_times_goes_by_the_clock_of_the_event() -> None:
    (span,) = spans(
        "DTSTART;TZID=Europe/Paris:20260108T230000",
        "DURATION:PT2H",
        "RRULE:FREQ=WEEKLY;UNTIL=20260122T220000Z",
        "EXDATE:20260115T220000Z",
    )
    held = [
        span.holds(noon(f"2026-01-{text}")) for text in ("09T00:59", "09T01:00", "15T23:30", "22T23:30", "29T23:30")
    ]

    assert held == [True, False, False, True, False]


def test_end_of_a_rule_is_read_by_the_clock_of_the_event() -> None:
    ends = [
        spans("DTSTART:20260108T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20260110T090000"),
        spans("DTSTART;TZID=Asia/Tokyo:20260108T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20260110T090000"),
        spans("DTSTART;TZID=Asia/Tokyo:20260108T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20260110T000000Z"),
        spans("DTSTART;VALUE=DATE:20260108", "RRULE:FREQ=DAILY;UNTIL=20260110T090000Z"),
        spans("DTSTART:20260108T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20260110"),
    ]

    for (span,) in ends:
        assert [span.holds(noon(f"2026-01-{day}T09:30")) for day in ("08", "10", "11")] == [True, True, False]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["DTSTART:2026"], 'line 3: "2026" is not a date or a time'),
        (["DTSTART:20260230"], 'line 3: "20260230" does not exist'),
        (["DTSTART:18000101"], 'line 3: "18000101" is not between 1900 and 2999'),
        (["SUMMARY:x"], "an event has no DTSTART"),
        (["DTSTART:20260101T090000"], "line 3: an event has neither DTEND nor DURATION"),
        (["DTSTART:20260101", "DTSTART:20260102"], "line 4: a second DTSTART in one event"),
        (["DTSTART:20260101", "DTEND:20260101"], "line 3: an event ends before it begins, or at once"),
        (["DTSTART:20260101", "DTEND:20260102T090000"], "line 4: DTEND and DTSTART are not both dates or both times"),
        (
            ["DTSTART:20260101T090000", "DTEND:20260101T100000Z"],
            "line 4: DTEND and DTSTART are not both in a time zone",
        ),
        (["DTSTART;TZID=W. Europe:20260101T090000"], 'line 3: no time zone "W. Europe"'),
        (["DTSTART:20260101T090000", "DURATION:1H"], 'line 4: "1H" is not a duration'),
        (["DTSTART:20260101T090000", "DURATION:P"], 'line 4: "P" is not a duration'),
        (["DTSTART:20260101", "RDATE:20260102"], "line 4: RDATE is not supported"),
        (["DTSTART:20260101", "RECURRENCE-ID:20260102"], "line 4: RECURRENCE-ID is not supported"),
        (["DTSTART:20260101", "RRULE:FREQ=HOURLY"], "line 4: RRULE: FREQ=HOURLY is not supported"),
        (["DTSTART:20260101", "RRULE:COUNT=3"], "line 4: RRULE: FREQ= is not supported"),
        (["DTSTART:20260101", "RRULE:FREQ=YEARLY;BYSETPOS=1"], "line 4: RRULE: BYSETPOS is not supported"),
        (
            ["DTSTART:20260101", "RRULE:FREQ=YEARLY;BYMONTH=13"],
            "line 4: RRULE: BYMONTH=13 is not a number from 1 to 12",
        ),
        (
            ["DTSTART:20260101", "RRULE:FREQ=YEARLY;BYMONTHDAY=0"],
            "line 4: RRULE: BYMONTHDAY=0 is not a number from -31 to 31",
        ),
        (["DTSTART:20260101", "RRULE:FREQ=YEARLY;BYDAY=XX"], "line 4: RRULE: BYDAY=XX is not a list of weekdays"),
        (["DTSTART:20260101", "RRULE:FREQ=WEEKLY;WKST=XX"], "line 4: RRULE: WKST=XX is not a weekday"),
        (
            ["DTSTART:20260101", "RRULE:FREQ=WEEKLY;BYDAY=1MO"],
            "line 4: RRULE: BYDAY with a number has no meaning with FREQ=WEEKLY",
        ),
        (
            ["DTSTART:20260101", "RRULE:FREQ=WEEKLY;BYMONTHDAY=1"],
            "line 4: RRULE: BYMONTHDAY has no meaning with FREQ=WEEKLY",
        ),
        (
            ["DTSTART:20260101", "RRULE:FREQ=YEARLY;COUNT=999"],
            "line 4: RRULE: COUNT=999 reaches further than 200 years",
        ),
        (["DTSTART:20260101", "RRULE:FREQ=YEARLY;COUNT=X"], "line 4: RRULE: COUNT=X is not a number from 1 to 100000"),
        (
            ["DTSTART:20260101", "RRULE:FREQ=DAILY", "EXDATE:20260101T000000Z"],
            "line 5: EXDATE and DTSTART are not both dates or both times",
        ),
        (
            ["DTSTART:20260101", "DURATION:P400D", "RRULE:FREQ=DAILY"],
            "line 3: an event that recurs lasts longer than a year",
        ),
        (["no colon"], 'line 3: "no colon" is not NAME:value'),
        (["END:VALARM"], "line 3: END:VALARM without its BEGIN"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(lines: list[str], message: str) -> None:
    assert refusal(*lines) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a whole iCalendar file"),
        ("BEGIN:VCALENDAR\n", "not a whole iCalendar file"),
        ("END:VCALENDAR\n", "line 1: END:VCALENDAR without its BEGIN"),
        ("BEGIN:VEVENT\n", "line 1: BEGIN:VEVENT outside a VCALENDAR"),
        ("BEGIN:VCALENDAR\nBEGIN:VTODO\n", "line 2: VTODO is not supported"),
        ("<html>\n", 'line 1: "<html>" is not NAME:value'),
    ],
)
def test_what_is_no_calendar_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueProblem) as raised:
        parse_ics(text)

    assert raised.value.message == message
