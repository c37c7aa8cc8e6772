"""Timetables: unions, options of clock changes, what people are told of a slot, and the ends of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import pytest

from polysync.domain.errors import ValueProblem
from polysync.domain.schedule import Slot, Timetable, compile_timetable, timetable_of, unserved_changes
from polysync.domain.settings import Calendar, Configuration
from polysync.domain.task import Task
from polysync.domain.values import DayMatch, Fold, Gap

BRATISLAVA: Final = "Europe/Bratislava"
GAP: Final = datetime(2026, 3, 29, 1, tzinfo=UTC)
FOLD: Final = datetime(2025, 10, 26, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)


def table(*crons: str, zone: str = BRATISLAVA, gap: Gap = Gap.AUTO, fold: Fold = Fold.AUTO) -> Timetable:
    return compile_timetable(crons, zone=zone, dst_gap=gap, dst_fold=fold)


def times(timetable: Timetable, start: datetime, hours: int) -> list[str]:
    return [f"{at:%H:%M}" for at in timetable.instants(start - timedelta(microseconds=1), start + hours * HOUR)]


@pytest.mark.parametrize(
    ("cron", "gap", "expected"),
    [
        ("30 2 * * *", Gap.AFTER, ["01:00"]),
        ("30 2 * * *", Gap.SKIP, []),
        ("*/30 2 * * *", Gap.AFTER, ["01:00"]),
        ("0 * * * *", Gap.AFTER, ["00:00", "01:00", "02:00"]),
        ("30 2,3 * * *", Gap.AUTO, ["01:00", "01:30"]),
        ("0 2,3 * * *", Gap.AUTO, ["01:00"]),
        ("0 2,3 * * *", Gap.SKIP, ["01:00"]),
    ],
)
def test_gap_is_met_as_asked(cron: str, gap: Gap, expected: list[str]) -> None:
    assert times(table(cron, gap=gap), GAP - HOUR, 2) == expected


@pytest.mark.parametrize(
    ("cron", "fold", "expected"),
    [
        ("30 2 * * *", Fold.FIRST, ["00:30"]),
        ("30 2 * * *", Fold.SECOND, ["01:30"]),
        ("30 2 * * *", Fold.BOTH, ["00:30", "01:30"]),
        ("*/30 2 * * *", Fold.FIRST, ["00:00", "00:30"]),
        ("*/30 2 * * *", Fold.SECOND, ["01:00", "01:30"]),
        ("30 1-3 * * *", Fold.AUTO, ["00:30", "02:30"]),
    ],
)
def test_fold_is_met_as_asked(cron: str, fold: Fold, expected: list[str]) -> None:
    assert times(table(cron, fold=fold), FOLD, 3) == expected


def test_union_is_one_strictly_increasing_row() -> None:
    timetable = table("0 * * * *", "*/30 * * * *", "0 * * * *", zone="UTC")

    assert times(timetable, FOLD, 1) == ["00:00", "00:30", "01:00"]
    assert timetable.next_at(FOLD) == FOLD + HOUR / 2
    assert timetable.smallest_step == HOUR / 2


def test_timetable_takes_instants_of_any_zone() -> None:
    local = datetime.fromisoformat("2026-05-05T10:00:00+02:00")

    assert table("0 11 * * *").next_at(local) == datetime(2026, 5, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("crons", "seconds"),
    [
        (("0 * * * *", "5 * * * *"), 300),
        (("30 2 * * *", "31 2 1 * *"), 60),
        (("* * * * * *", "0 0 * * *"), 1),
        (("*/2 * * * * *", "*/30 * * * * *"), 1),
        (("@every 90m", "0 0 * * *"), 1),
        (("@every 90m",), 5400),
        (("0 0 * * *",), 86400),
    ],
)
def test_smallest_step_is_never_more_than_the_truth(crons: tuple[str, ...], seconds: int) -> None:
    assert table(*crons).smallest_step == timedelta(seconds=seconds)


def test_every_counts_from_its_anchor() -> None:
    anchor = datetime(2026, 3, 29, 0, 10, tzinfo=UTC)
    timetable = compile_timetable(("@every 90m",), zone=BRATISLAVA, anchors={"@every 90m": anchor})

    assert timetable.next_at(anchor - 9 * HOUR) == anchor + 1.5 * HOUR
    assert timetable.next_at(anchor + 1.5 * HOUR) == anchor + 3 * HOUR
    assert list(timetable.instants(anchor, anchor + 3 * HOUR)) == [anchor + 1.5 * HOUR, anchor + 3 * HOUR]
    assert timetable.previous_at(anchor + 3 * HOUR) == anchor + 1.5 * HOUR
    assert timetable.previous_at(anchor + 1.5 * HOUR) is None
    assert timetable.slot(anchor + 1.5 * HOUR).labels == ("2026-03-29 03:40",)
    assert timetable.slot(anchor).labels == ("2026-03-29 01:10",)


def test_every_without_an_anchor_counts_from_1970() -> None:
    assert table("@every 7h").next_at(datetime(1970, 1, 1, 8, tzinfo=UTC)) == datetime(1970, 1, 1, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    "cron", ["* * * * *", "*/10 * * * * *", "30 2 * * *", "0 0 29 2 *", "0 12 * * 1-5", "@every 45m"]
)
def test_previous_is_the_slot_before_the_next(cron: str) -> None:
    timetable = table(cron)
    at = datetime(2026, 3, 28, 20, tzinfo=UTC)
    slots = []
    for _ in range(30):
        following = timetable.next_at(at)
        assert following is not None
        slots.append(at := following)

    assert all(timetable.previous_at(b) == a for a, b in pairwise(slots))
    assert timetable.previous_at(slots[-1] + timedelta(microseconds=1)) == slots[-1]


def test_slot_in_a_gap_names_what_it_stands_for() -> None:
    slot = table("0,30 2,3 * * *").slot(GAP)

    assert slot.labels == ("2026-03-29 02:00", "2026-03-29 02:30", "2026-03-29 03:00")
    assert slot.note == "gap 02:00 -> 03:00; gap 02:30 -> 03:00"
    assert not slot.excluded
    assert slot.rolled_from is None


def test_slot_that_gathers_many_names_the_first_and_the_last() -> None:
    slot = table("0-40,42 2 * * *").slot(GAP)

    assert slot.labels == ("2026-03-29 02:00", "2026-03-29 02:42")
    assert "(one firing for 42 local times)" in slot.note


def test_slot_in_a_fold_names_its_pass() -> None:
    timetable = table("30 * * * *")

    assert [timetable.slot(FOLD + number * HOUR / 2).note for number in (1, 3, 5)] == ["first pass", "second pass", ""]


def test_slot_by_the_second_shows_seconds() -> None:
    assert table("15 30 2 * * *").slot(GAP - 24 * HOUR + HOUR / 2 + timedelta(seconds=15)).labels == (
        "2026-03-28 02:30:15",
    )


def test_slot_in_a_gap_by_the_second_shows_seconds() -> None:
    assert table("15 30 2 * * *").slot(GAP).note == "gap 02:30:15 -> 03:00"


def test_instant_that_is_no_slot_has_its_local_time_alone() -> None:
    odd = GAP + timedelta(seconds=90)

    assert table("0 5 * * *").slot(odd) == Slot(odd, ("2026-03-29 03:01:30",))
    assert table("0 5 * * *").slot(odd + timedelta(microseconds=1)).note == ""
    assert table("0 5 * * *", gap=Gap.SKIP).labels(GAP) == ("2026-03-29 03:00",)


@pytest.mark.parametrize("cron", ["* * * * *", "0 0 29 2 *", "@every 1h", "30 2 * * 1#5"])
@pytest.mark.parametrize("zone", ["UTC", BRATISLAVA, "Pacific/Kiritimati", "America/New_York"])
def test_ends_of_time_are_met_without_fault(cron: str, zone: str) -> None:
    timetable = table(cron, zone=zone)
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

    assert timetable.next_at(last) is None
    assert timetable.previous_at(first) is None
    assert timetable.next_at(first) is not None
    assert timetable.previous_at(last) is not None
    assert list(timetable.instants(last - HOUR, last)) == []
    assert list(timetable.instants(first, first + HOUR)) == []
    assert timetable.slot(first).labels
    assert timetable.slot(last).labels
    assert timetable.next_at(datetime(9999, 9, 25, 23, 30, tzinfo=UTC)) in {
        None,
        datetime(9999, 9, 25, 23, 31, tzinfo=UTC),
        datetime(9999, 9, 26, tzinfo=UTC),
    }
    assert unserved_changes(timetable, last) == []


def test_union_at_the_end_of_time_is_over() -> None:
    assert table("0 0 29 2 *", "5 5 * * *").next_at(datetime.max.replace(tzinfo=UTC)) is None


def test_unserved_change_needs_a_day_that_was_meant_and_no_other_slot() -> None:
    after = datetime(2026, 1, 1, tzinfo=UTC)

    assert unserved_changes(table("*/30 2 * * 1"), after) == []
    assert unserved_changes(table("*/30 2 * * *", "0 5 * * *"), after) == []
    assert unserved_changes(table("*/30 2 * * *", "@every 1h"), after) == []
    assert unserved_changes(table("*/30 1-2 * * *"), after) == []
    assert len(unserved_changes(table("30 2 * * *", gap=Gap.SKIP), after, years=5)) == 5
    assert unserved_changes(table("*/30 2 * * *", zone="UTC"), after) == []


def test_timetable_of_a_task_takes_its_keys() -> None:
    task = Task(name="backup", cron=("H 2 13 * 5", "@reboot"), day_match=DayMatch.ALL, skip_on=("xmas",))
    calendar = Calendar(name="xmas", dates=("12-25",))
    configuration = Configuration(zone=BRATISLAVA, calendars={"xmas": calendar}, tasks={"backup": task})
    timetable = timetable_of(task, configuration)

    assert timetable is not None
    assert timetable.zone.key == BRATISLAVA
    assert timetable.next_at(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2026, 2, 13, 1, 34, tzinfo=UTC)
    assert timetable.excludes(datetime(2026, 12, 25, 1, 53, tzinfo=UTC))
    assert timetable_of(Task(name="idle", cron=("@reboot",)), configuration) is None


def test_timetable_of_a_task_uses_its_own_zone() -> None:
    task = Task(name="backup", cron=("0 2 * * *",), timezone="Asia/Tokyo")
    timetable = timetable_of(task, Configuration(zone=BRATISLAVA))

    assert timetable is not None
    assert timetable.zone.key == "Asia/Tokyo"
    assert not timetable.excludes(datetime(2026, 12, 25, 1, 53, tzinfo=UTC))


def test_schedule_that_never_fires_by_its_day_rule_is_refused() -> None:
    with pytest.raises(ValueProblem, match="never fires"):
        compile_timetable(("0 0 30 2 1",), zone="UTC", day_match=DayMatch.ALL)
