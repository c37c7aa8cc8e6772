"""What an expression may say, and what it is told where it may not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest

from polysync.domain.cron import Cron, Every, parse, parse_weekday
from polysync.domain.cronfield import (
    DAY,
    HOUR,
    MINUTE,
    MONTH,
    SECOND,
    WEEKDAY,
    Kind,
    is_spread,
    members,
    parse_field,
)
from polysync.domain.errors import ValueProblem
from polysync.domain.values import DayMatch


def cron(text: str, name: str | None = None, day_match: DayMatch = DayMatch.AUTO) -> Cron:
    parsed = parse(text, name, day_match)
    assert isinstance(parsed, Cron)
    return parsed


def problem(text: str, name: str | None = None) -> ValueProblem:
    with pytest.raises(ValueProblem) as raised:
        parse(text, name)
    return raised.value


FIELDS: Final = [
    (MINUTE, "5", {5}),
    (MINUTE, "5,7", {5, 7}),
    (MINUTE, "5-8", {5, 6, 7, 8}),
    (MINUTE, "50/3", {50, 53, 56, 59}),
    (MINUTE, "1-10/4", {1, 5, 9}),
    (MINUTE, "*/25", {0, 25, 50}),
    (MINUTE, "*/99", {0}),
    (MINUTE, "007", {7}),
    (SECOND, "*", set(range(60))),
    (HOUR, "22-23,0", {0, 22, 23}),
    (DAY, "*/10", {1, 11, 21, 31}),
    (MONTH, "jan,MAR-May", {1, 3, 4, 5}),
    (WEEKDAY, "7", {0}),
    (WEEKDAY, "5-7", {0, 5, 6}),
    (WEEKDAY, "0-7", set(range(7))),
    (WEEKDAY, "sat-sun", {0, 6}),
    (WEEKDAY, "fri-mon", {0, 1, 5, 6}),
    (WEEKDAY, "fri-mon/2", {0, 5}),
    (WEEKDAY, "Mon-fri", {1, 2, 3, 4, 5}),
    (WEEKDAY, "*/2", {0, 2, 4, 6}),
]


@pytest.mark.parametrize(("kind", "text", "values"), FIELDS)
def test_field_stands_for_its_values(kind: Kind, text: str, values: set[int]) -> None:
    assert set(members(parse_field(kind, text).mask)) == values


MISTAKES: Final = [
    ("60 * * * *", "minute: 60 is not between 0 and 59", 0),
    ("0 24 * * *", "hour: 24 is not between 0 and 23", 2),
    ("0 0 0 * *", "day-of-month: 0 is not between 1 and 31", 4),
    ("0 0 1 jna *", 'month: "jna" is not a value', 6),
    ("0 0 1 january *", 'month: "january" is not a name', 6),
    ("0 0 * * 8", "day-of-week: 8 is not between 0 and 7", 8),
    ("0 0 * * 1-9", "day-of-week: 9 is not between 0 and 7", 10),
    ("  0 0 * *  1,x", 'day-of-week: "x" is not a value', 13),
    ("*/0 * * * *", "minute: a step of 0 never moves", 2),
    ("1-9/0 * * * *", "minute: a step of 0 never moves", 4),
    ("5-1 * * * *", 'minute: "5-1" runs backwards', 0),
    ("0 0 * nov-feb *", 'month: "nov-feb" runs backwards', 6),
    ("0 0 * * 5-1", 'day-of-week: "5-1" runs backwards', 8),
    ("0 0 * * fri-1", 'day-of-week: "fri-1" runs backwards', 8),
    ("0 6 ? * 1", 'day-of-month: "?" is not used here', 4),
    ("1,,2 * * * *", "minute: a value is missing", 2),
    ("0~30 * * * *", 'minute: "0~30" is not used here', 0),
    ("-1 * * * *", 'minute: "-1" is below zero', 0),
    ("*-5 * * * *", 'minute: "*-5" is not a value, a range or a step', 0),
    ("*5 * * * *", 'minute: "*5" is not a value, a range or a step', 0),
    ("٣ * * * *", 'minute: "٣" is not a value, a range or a step', 0),
    ("\0 * * * *", "minute: '\\x00' is not a value, a range or a step", 0),
    ("L * * * *", 'minute: "L" is not a value', 0),
    ("0 0 L-31 * *", "day-of-month: no month has 31 days before its last", 6),
    ("0 0 0W * *", "day-of-month: 0 is not between 1 and 31", 4),
    ("0 0 * * L", 'day-of-week: "L" needs a weekday before it', 8),
    ("0 0 * * 1#6", 'day-of-week: "1#6" is not the first to fifth of a month', 10),
    ("0 0 * * 1#0", 'day-of-week: "1#0" is not the first to fifth of a month', 10),
    ("0 0 * * 9L", "day-of-week: 9 is not between 0 and 7", 8),
    ("61 0 0 * * *", "second: 61 is not between 0 and 59", 0),
    ("0 0 30 2 *", "day-of-month: no year has such a day, so this never fires", 4),
    ("0 0 0 31 4,6 *", "day-of-month: no year has such a day, so this never fires", 6),
    ("0 0 L-29 2 *", "day-of-month: no year has such a day, so this never fires", 4),
    ("0 0 31W 4 *", "day-of-month: no year has such a day, so this never fires", 4),
    ("0 0 1 1 * 2027 x", "7 fields, at most 6", 15),
    ("0 0 1 1", "4 of 5 fields", 0),
    (" ", "empty", 0),
    ("", "empty", 0),
    ("@nightly", '"@nightly" is unknown', 0),
    (" @daily @daily", "nothing may follow @daily", 8),
    ("@reboot", "@reboot is not a time", 0),
    ("@every", "@every takes one duration", 6),
    ("@every 1h 2h", "@every takes one duration", 6),
    ("@every 1x", "@every: not a duration", 7),
    ("@every 999ms", "@every: shorter than a second", 7),
    ("H * * * *", 'minute: "H" needs a task: it spreads tasks by their names', 0),
]


@pytest.mark.parametrize(("text", "message", "offset"), MISTAKES)
def test_mistake_is_named_with_its_place(text: str, message: str, offset: int) -> None:
    found = problem(text)

    assert (found.message, found.offset) == (message, offset)


@pytest.mark.parametrize(
    "text", ["x" * 10_000, "1," * 5_000, "9" * 900 + " * * * *", "a" * 900 + " * * * *", "@" * 900]
)
def test_mistake_of_absurd_length_is_told_shortly(text: str) -> None:
    found = problem(text)

    assert len(found.message) + len(found.hint) < 200


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("*/5 2 * * *", True),
        ("0 * * * *", True),
        ("30 0-23 * * *", True),
        ("30 0-23/2 * * *", True),
        ("30 0-11,12-23 * * *", True),
        ("0-59 2 * * *", True),
        ("0/30 2 * * *", True),
        ("0,30 2 * * *", False),
        ("5,*/30 2 * * *", False),
        ("30 1-23/2 * * *", False),
        ("30 2 * * *", False),
        ("* 30 2 * * *", False),
        ("0 * 2 * * *", True),
        ("@hourly", True),
        ("@daily", False),
    ],
)
def test_class_follows_minutes_and_hours(text: str, interval: bool) -> None:
    assert cron(text).interval is interval


def test_hash_is_stable_and_differs_by_task_and_field() -> None:
    assert cron("H H * * *", "backup").first_time == (8, 34, 0)
    assert len({cron("H H * * *", f"task-{number}").first_time for number in range(100)}) > 80
    assert cron("H * * * *", "backup") is cron("H * * * *", "backup")


def test_hash_stays_inside_its_field() -> None:
    for number in range(200):
        name = f"task-{number}"
        assert set(members(cron("0 0 H * *", name).days.days.mask)) <= set(range(1, 29))
        assert set(members(cron("H(10-20) * * * *", name).minutes)) <= set(range(10, 21))
        steps = members(cron("H/15 * * * *", name).minutes)
        assert len(steps) == 4
        assert steps[0] < 15
        assert steps[-1] - steps[0] == 45
        assert len(members(cron("H(0-29)/10 * * * *", name).minutes)) == 3
        assert len(members(cron("0 H/99 * * *", name).hours)) == 1
        assert set(members(cron("0 0 * * H(6-7)", name).days.weekdays.mask)) <= {0, 6}


def test_hash_over_a_whole_field_is_an_interval_whatever_its_offset() -> None:
    assert {cron("15 H/2 * * *", f"task-{number}").interval for number in range(20)} == {True}
    assert {cron("15 H(0-23)/2 * * *", f"task-{number}").interval for number in range(20)} == {False}
    assert {cron("H H * * *", f"task-{number}").interval for number in range(20)} == {False}


def test_hash_of_a_backward_range_is_refused() -> None:
    assert problem("H(9-3) * * * *", "backup").message == 'minute: "H(9-3)" runs backwards'


@pytest.mark.parametrize(
    ("text", "spread"), [("H * * * *", True), ("0 0 * * thu", False), ("@hourly", False), ("5,h/3 * * * *", True)]
)
def test_spread_is_seen(text: str, spread: bool) -> None:
    assert is_spread(text) is spread


def test_equal_expressions_share_one_object() -> None:
    assert parse("5 4 * * *", "one") is parse("5 4 * * *", "two")


def test_every_is_a_length() -> None:
    assert parse(" @Every 1h30m") == Every(" @Every 1h30m", timedelta(minutes=90))


@pytest.mark.parametrize(
    ("macro", "text"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@ANNUALLY", "0 0 1 1 *"),
    ],
)
def test_macro_means_its_fields(macro: str, text: str) -> None:
    short, long = cron(macro), cron(text)

    assert (short.minutes, short.hours, short.days) == (long.minutes, long.hours, long.days)


def test_days_combine_as_debian_says_unless_told() -> None:
    thirteenth, friday, both = date(2026, 1, 13), date(2026, 1, 16), date(2026, 2, 13)

    def on(text: str, match: DayMatch) -> list[bool]:
        return [cron(text, day_match=match).days.matches(day) for day in (thirteenth, friday, both)]

    assert on("0 0 13 * 5", DayMatch.AUTO) == [True, True, True]
    assert on("0 0 13 * 5", DayMatch.ALL) == [False, False, True]
    assert on("0 0 */12 * 5", DayMatch.AUTO) == [False, False, True]
    assert on("0 0 */12 * 5", DayMatch.ANY) == [True, True, True]
    assert on("0 0 * * 5", DayMatch.ANY) == [False, True, True]
    assert on("0 0 1-31 * 5", DayMatch.AUTO) == [True, True, True]


def test_never_depends_on_how_days_combine() -> None:
    assert cron("0 0 30 2 1").days.matches(date(2026, 2, 2))
    with pytest.raises(ValueProblem, match="never fires"):
        parse("0 0 30 2 1", None, DayMatch.ALL)


def test_never_is_judged_exactly() -> None:
    assert cron("0 0 29 2 1#5", day_match=DayMatch.ALL).days.matches(date(2044, 2, 29))
    with pytest.raises(ValueProblem, match="never fires"):
        parse("0 0 28 2 1#5", None, DayMatch.ALL)


def test_months_remembered_stay_right_over_centuries() -> None:
    rule = cron("0 0 29 2 *").days
    leaps = [year for year in range(1890, 2110) if rule.mask(year, 2)]

    assert leaps == [year for year in range(1890, 2110) if year % 4 == 0 and year not in (1900, 2100)]
    assert all(rule.mask(year, 3) == 0 for year in range(1890, 2110))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("*/5 * * * *", 300),
        ("0 * * * *", 3600),
        ("0 3,5 * * *", 7200),
        ("50,10 * * * *", 1200),
        ("30 2 * * *", 86400),
        ("*/10 * * * * *", 10),
        ("59,0 30 2 * * *", 1),
    ],
)
def test_step_is_the_shortest_time_between_two(text: str, seconds: int) -> None:
    assert cron(text).step == timedelta(seconds=seconds)


def test_reading_of_a_day_is_found_to_the_second() -> None:
    text = cron("10,20 15 8,20 1 * *")

    def following(reading: str) -> str:
        found = text.from_reading(datetime.fromisoformat(reading).replace(tzinfo=UTC))
        return f"{found:%Y-%m-%d %H:%M:%S}" if found else "never"

    assert following("2026-01-01 08:15:11") == "2026-01-01 08:15:20"
    assert following("2026-01-01 08:15:21") == "2026-01-01 20:15:10"
    assert following("2026-01-01 08:14:21") == "2026-01-01 08:15:10"
    assert following("2026-01-01 20:16:00") == "2026-02-01 08:15:10"
    assert following("9999-12-31 00:00:00") == "never"


@pytest.mark.parametrize(("text", "number"), [("mon", 0), ("Sun", 6), ("saturday", 5)])
def test_weekday_has_a_number(text: str, number: int) -> None:
    assert parse_weekday(text) == number


def test_weekday_that_is_none_is_refused() -> None:
    with pytest.raises(ValueProblem, match='"sonntag" is not a weekday'):
        parse_weekday("sonntag")
