"""Zones: their names, their changes and their stretches of one offset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from polysync.domain.errors import ValueProblem
from polysync.domain.schedule import compile_timetable
from polysync.domain.values import Fold
from polysync.domain.zone import EARLIEST, LATEST, change_days, load_zone, stretch_at
from tests.faults import fault


@pytest.mark.parametrize("name", ["Europe/Bratislava", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "EST5EDT"])
def test_zone_of_the_database_is_loaded(name: str) -> None:
    assert load_zone(name).key == name


@fault("F38")
@pytest.mark.parametrize(
    "name",
    [
        "", "/etc/passwd", "../../etc/passwd", "Europe/../UTC", "Europe", "Europe/", "zone.tab", "tzdata.zi",
        "posix/UTC", "right/Europe/Paris", "localtime", "a/b/c/d", "Europe/Paris\0", "x" * 5000, "Europe/Nowhere",
        "\x1b[31m",
    ],
)  # fmt: skip
def test_zone_name_is_never_a_path(name: str) -> None:
    with pytest.raises(ValueProblem, match=r"^no time zone") as raised:
        load_zone(name)

    assert len(str(raised.value)) < 400
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("Europe/Bratislva", "Europe/Bratislava"),
        ("America/New York", "America/New_York"),
    ],
)
def test_zone_name_with_a_slip_is_guessed(name: str, meant: str) -> None:
    with pytest.raises(ValueProblem) as raised:
        load_zone(name)

    assert raised.value.hint == f"did you mean {meant}?"


def test_zone_name_beyond_guessing_gets_an_example() -> None:
    with pytest.raises(ValueProblem) as raised:
        load_zone("qqqq")

    assert raised.value.hint.startswith("write a name such as")


def test_changes_of_a_zone_are_found_to_the_second() -> None:
    after, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    found = change_days(load_zone("Europe/Bratislava"), after, until)

    assert [change.at for change in found] == [
        datetime(2026, 3, 29, 1, tzinfo=UTC),
        datetime(2026, 10, 25, 1, tzinfo=UTC),
    ]
    assert found[0].after - found[0].before == timedelta(hours=1)


def test_changes_close_together_are_all_found() -> None:
    """Recife had summer time for a week; Freetown in 1939 for four days, the shortest of all."""
    week = change_days(load_zone("America/Recife"), datetime(2000, 9, 1, tzinfo=UTC), datetime(2000, 12, 1, tzinfo=UTC))
    days = change_days(load_zone("Africa/Freetown"), datetime(1939, 8, 1, tzinfo=UTC), datetime(1940, 1, 1, tzinfo=UTC))

    assert len(week) == 2
    assert len(days) in {0, 2}  # zone data without the years before 1970 has none


def test_stretches_follow_each_other_without_a_hole() -> None:
    zone = load_zone("Europe/Bratislava")
    at = datetime(2024, 1, 1, tzinfo=UTC)
    while at.year < 2028:
        stretch = stretch_at(zone, at)
        assert stretch.start <= at < stretch.end
        assert (stretch.end - timedelta(seconds=1)).astimezone(zone).utcoffset() == stretch.offset
        at = stretch.end
        assert stretch_at(zone, at).start == at


def test_stretches_reach_the_ends_of_time() -> None:
    zone = load_zone("Europe/Bratislava")

    assert stretch_at(zone, EARLIEST).start == EARLIEST
    assert stretch_at(zone, LATEST - timedelta(seconds=1)).end == LATEST


def test_hours_that_come_again_are_found_by_who_looks_from_the_middle_of_them() -> None:
    """Two hours come again in Troll: a look from the second of them must still see the first one's second pass."""
    timetable = compile_timetable(("0 1 * * 0",), zone="Antarctica/Troll", dst_fold=Fold.SECOND)
    expected = datetime(2020, 10, 25, 1, 0, tzinfo=UTC)
    for after in (datetime(2020, 10, 23, 1, 0, tzinfo=UTC), datetime(2020, 10, 25, 0, 30, tzinfo=UTC)):
        assert timetable.next_at(after) == expected
