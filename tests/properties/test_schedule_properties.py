"""Schedules against a plain minute-by-minute scan of zones, over all zones of the zone database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import available_timezones

import pytest
from cronsim import CronSim
from hypothesis import assume, given, note, seed, settings
from hypothesis import strategies as st

from polysync.domain.errors import ValueProblem
from polysync.domain.schedule import Timetable, change_days, compile_timetable, load_zone
from polysync.domain.values import DayMatch, Fold, Gap
from tests.domain.oracle_schedule import Rules, firings
from tests.seeds import seed_of

SEED: Final = seed_of("schedule properties")
ZONES: Final = sorted(zone for zone in available_timezones() if zone != "localtime")
LIVELY: Final = (
    "Europe/Bratislava", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Casablanca",
    "Asia/Beirut", "America/Scoresbysund", "Africa/Cairo", "Asia/Gaza", "Pacific/Chatham", "America/Havana",
    "Atlantic/Azores", "America/Asuncion", "Asia/Tehran", "Europe/Chisinau", "Asia/Amman",
)  # fmt: skip
MICROSECOND: Final = timedelta(microseconds=1)
MINUTES: Final = st.one_of(
    st.sampled_from(["*", "0", "30", "59", "*/15", "0,30", "*/30", "5-10", "0/20", "0-59", "7,11-13", "*/7"]),
    st.integers(0, 59).map(str),
)
FEW_MINUTES: Final = st.sampled_from(["0", "30", "59", "0,30", "*/30", "5-7", "0/20", "*/20,1", "17"])
HOURS: Final = st.sampled_from(
    ["*", "0", "1", "2", "3", "23", "*/2", "0-23/2", "0-23", "0-5", "1-3", "22-23,0", "1-23/3", "0,1,2", "0/6", "2,14"]
)
DAYS: Final = st.sampled_from(
    ["*", "*/2", "1", "13", "28-31", "1-31", "L", "L-2", "LW", "15W", "1W,31W", "*/10", "L,1-7"]
)
MONTHS: Final = st.sampled_from(["*", "*", "1-12", "3,10,11", "mar-apr", "2", "*/3", "sep,oct"])
WEEKDAYS: Final = st.sampled_from(
    ["*", "*", "0", "7", "mon-fri", "sat-sun", "fri-mon", "1#5", "5L", "sun#1,sunL", "*/2", "0-6", "6,0", "tue-thu"]
)
SECONDS: Final = st.sampled_from(["0", "*/10", "*", "59", "0,30", "7-9", "15/20"])
YEARS: Final = st.integers(2020, 2037)
Expression = st.SearchStrategy[str]


def expressions(minutes: Expression, hours: Expression = HOURS) -> Expression:
    return st.tuples(minutes, hours, DAYS, MONTHS, WEEKDAYS).map(" ".join)


# What cronsim has too: no 15W, L-2, ranges over the end of the week, or names before L.
SHARED: Final = st.tuples(
    MINUTES,
    HOURS,
    st.sampled_from(["*", "*/2", "1", "13", "28", "1-31", "L", "LW", "*/10", "L,1-7"]),
    MONTHS,
    st.sampled_from(["*", "*", "0", "7", "mon-fri", "1#3", "5L", "*/2", "0-6", "6,0", "tue-thu"]),
).map(" ".join)


@st.composite
def ruled(draw: st.DrawFn, texts: Expression) -> Rules:
    return Rules(
        draw(texts),
        draw(st.sampled_from([gap.value for gap in Gap])),
        draw(st.sampled_from([fold.value for fold in Fold])),
        draw(st.sampled_from([match.value for match in DayMatch])),
    )


def compiled(zone: str, rules: Rules) -> Timetable:
    note(f"{zone} {rules} POLYSYNC_SEED={SEED}")
    try:
        return compile_timetable(
            (rules.text,),
            zone=zone,
            dst_gap=Gap(rules.gap),
            dst_fold=Fold(rules.fold),
            day_match=DayMatch(rules.days),
        )
    except ValueProblem:
        assume(condition=False)
        raise


def check(zone: str, rules: Rules, start: datetime, end: datetime, unit: int = 60) -> None:
    timetable = compiled(zone, rules)
    expected = firings(load_zone(zone), rules, start, end, unit)
    found = list(timetable.instants(start - MICROSECOND, end - MICROSECOND))

    assert found == expected
    assert all(a < b for a, b in pairwise(found))
    at = start - MICROSECOND
    for slot in found[:50]:
        assert timetable.next_at(at) == slot
        at = slot


@st.composite
def windows(draw: st.DrawFn, zones: st.SearchStrategy[str], length: timedelta) -> tuple[str, datetime, datetime]:
    """A short time in a zone, around a clock change where the year has one."""
    zone = draw(zones)
    year = draw(YEARS)
    start = datetime(year, 1, 1, tzinfo=UTC)
    instants: list[datetime] = [
        change.at for change in change_days(load_zone(zone), start, start + timedelta(days=365))
    ]
    middle = start + timedelta(hours=draw(st.integers(0, 8759)))
    near = draw(st.integers(0, 4)) > 0
    if instants and near:
        middle = draw(st.sampled_from(instants))
    return zone, middle - length, middle + length


@seed(SEED)
@settings(max_examples=60, database=None)
@given(st.sampled_from(ZONES), YEARS, ruled(expressions(FEW_MINUTES)))
@pytest.mark.slow
def test_schedule_agrees_with_scan_over_whole_years(zone: str, year: int, rules: Rules) -> None:
    check(zone, rules, datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))


@seed(SEED)
@settings(max_examples=150, database=None)
@given(windows(st.sampled_from(LIVELY) | st.sampled_from(ZONES), timedelta(days=2)), ruled(expressions(MINUTES)))
@pytest.mark.slow
def test_schedule_agrees_with_scan_around_changes(window: tuple[str, datetime, datetime], rules: Rules) -> None:
    zone, start, end = window
    check(zone, rules, start, end)


@seed(SEED)
@settings(max_examples=25, database=None)
@given(
    windows(st.sampled_from(LIVELY) | st.sampled_from(ZONES), timedelta(minutes=100)),
    ruled(st.tuples(SECONDS, expressions(MINUTES, st.sampled_from(["*", "0-3", "1,2", "23,0", "*/2"]))).map(" ".join)),
)
@pytest.mark.slow
def test_schedule_agrees_with_scan_by_the_second(window: tuple[str, datetime, datetime], rules: Rules) -> None:
    zone, start, end = window
    check(zone, rules, start, end, unit=1)


@seed(SEED)
@settings(max_examples=60, database=None)
@given(
    windows(st.sampled_from(ZONES), timedelta(days=40)),
    ruled(expressions(FEW_MINUTES)),
    st.floats(0, 1),
)
def test_schedule_may_be_split_anywhere(window: tuple[str, datetime, datetime], rules: Rules, part: float) -> None:
    zone, start, end = window
    timetable = compiled(zone, rules)
    middle = start + (end - start) * part

    whole = list(timetable.instants(start, end))
    assert whole == [*timetable.instants(start, middle), *timetable.instants(middle, end)]
    for before, slot in pairwise(whole[:40]):
        assert timetable.previous_at(slot) == before


@seed(SEED)
@settings(max_examples=40, database=None)
@given(SHARED, st.datetimes(datetime(2020, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - Hypothesis wants naive bounds
def test_schedule_agrees_with_cronsim_in_utc(text: str, after: datetime) -> None:
    theirs = CronSim(text.upper(), after)
    timetable = compile_timetable((text,), zone="UTC")

    at: datetime | None = after
    for _ in range(20):
        assert at is not None
        at = timetable.next_at(at)
        assert at == next(theirs)


@pytest.mark.parametrize(
    ("zone", "year", "text"),
    [
        ("Pacific/Apia", 2011, "0 12 * * *"),
        ("Pacific/Apia", 2011, "*/20 * * * *"),
        ("Pacific/Kwajalein", 1993, "30 0,12 * * *"),
        ("America/Goose_Bay", 2010, "15 0,23 * * *"),
        ("America/Goose_Bay", 2010, "*/5 0,23 * * *"),
        ("Africa/Monrovia", 1972, "0 0 * * *"),
        ("Antarctica/Troll", 2026, "30 1-2 * * *"),
        ("Asia/Pyongyang", 2015, "45 23 * * *"),
        ("America/Caracas", 2016, "0 2-3 * * *"),
    ],
)
@pytest.mark.parametrize("gap", list(Gap))
@pytest.mark.parametrize("fold", list(Fold))
def test_schedule_agrees_with_scan_over_strange_changes(zone: str, year: int, text: str, gap: Gap, fold: Fold) -> None:
    rules = Rules(text, gap.value, fold.value)
    start = datetime(year, 1, 1, tzinfo=UTC)
    changes = change_days(load_zone(zone), start, start + timedelta(days=366))
    assert changes
    timetable = compile_timetable((text,), zone=zone, dst_gap=gap, dst_fold=fold)
    for change in changes:
        window = change.at - timedelta(days=2), change.at + timedelta(days=2)
        unit = 1 if change.before.total_seconds() % 60 or change.after.total_seconds() % 60 else 60
        expected = firings(load_zone(zone), rules, *window, unit)
        assert list(timetable.instants(window[0] - MICROSECOND, window[1] - MICROSECOND)) == expected
