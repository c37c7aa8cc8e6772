"""Schedules in words."""

from __future__ import annotations

import pytest

from polysync.domain.cron import parse
from polysync.domain.values import DayMatch
from polysync.domain.words import BOTH_ASKED, BOTH_DAYS, EITHER_DAY, FIXED, INTERVAL_LIKE, explain


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("* * * * *", "Every minute, every day."),
        ("*/15 * * * *", "Every 15th minute, every day."),
        ("5/15 * * * *", "Every 15th minute from minute 5 on, every day."),
        ("*/21 * * * *", "Every 21st minute, every day."),
        ("*/22 * * * *", "Every 22nd minute, every day."),
        ("*/13 * * * *", "Every 13th minute, every day."),
        ("*/40 * * * *", "Minutes 0 and 40 of every hour, every day."),
        ("0 */2 * * *", "Minute 0 of every 2nd hour, every day."),
        ("30 * * * *", "Minute 30 of every hour, every day."),
        ("0 9-17 * * mon-fri", "Minute 0 of the hours 9 to 17, on Monday to Friday."),
        ("30 2 * * *", "At 02:30, every day."),
        ("5 4,16 1 * *", "At 04:05 and 16:05, on day 1 of the month."),
        ("30 0 2 * * *", "At 02:00:30, every day."),
        ("*/10 * * * * *", "Every 10th second, every day."),
        ("*/5 30 2 * * *", "Every 5th second of minute 30 of the hour 2, every day."),
        ("30 2 * 1,6-9 *", "At 02:30, every day in January and June to September."),
        ("30 2 L * *", "At 02:30, on the last day of the month."),
        (
            "30 2 LW,15W,L-3 * *",
            ("At 02:30, on the last workday, the workday nearest to day 15 "
            "and the 3rd day before the last of the month."),
        ),
        ("30 2 1-3,7 * *", "At 02:30, on days 1 to 3 and 7 of the month."),
        ("30 2 * * 5L,1#2", "At 02:30, on the last Friday of the month and the second Monday of the month."),
        ("30 2 * * sat-mon", "At 02:30, on Monday, Saturday and Sunday."),
        ("@weekly", "At 00:00, on Sunday."),
    ],
)  # fmt: skip
def test_schedule_is_told_in_words(cron: str, words: str) -> None:
    parsed = parse(cron)

    assert explain(parsed) in {f"{words} {FIXED}", f"{words} {INTERVAL_LIKE}"}


def test_days_are_told_with_their_rule() -> None:
    either = "At 12:00, on day 13 of the month or on Friday."
    both = "At 12:00, on day 13 of the month if it is Friday."

    assert explain(parse("0 12 13 * 5")) == f"{either} {EITHER_DAY} {FIXED}"
    assert explain(parse("0 12 13 * 5"), DayMatch.ANY) == f"{either} {EITHER_DAY} {FIXED}"
    assert explain(parse("0 12 13 * 5"), DayMatch.ALL) == f"{both} {BOTH_ASKED} {FIXED}"
    assert explain(parse("0 12 */10 * 1")) == (
        f"At 12:00, on every 10th day of the month from day 1 if it is Monday. {BOTH_DAYS} {FIXED}"
    )


def test_weekdays_that_only_narrow_the_days_are_told_as_a_choice() -> None:
    assert explain(parse("0 12 */10 * 1,3")).startswith(
        "At 12:00, on every 10th day of the month from day 1 if it is Monday or Wednesday."
    )
    assert explain(parse("0 12 * * 1,3")).startswith("At 12:00, on Monday and Wednesday.")


def test_schedule_that_its_day_rule_silences_is_told() -> None:
    assert explain(parse("0 12 30 2 5"), DayMatch.ALL) == 'Never: with day_match = "all" no year has such a day.'


def test_class_is_told() -> None:
    assert explain(parse("30 * * * *")).endswith(INTERVAL_LIKE)
    assert explain(parse("30 2 * * *")).endswith(FIXED)


def test_every_is_told() -> None:
    assert explain(parse("@every 90m")) == "Every 1h30m of elapsed time, whatever the clocks do."
