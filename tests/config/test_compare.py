"""Where other schedulers would fire differently."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest

from polysync.config.compare import Comparison, compare
from polysync.domain.schedule import compile_timetable

AFTER: Final = datetime(2026, 1, 1, tzinfo=UTC)


def compared(text: str, zone: str = "Europe/Bratislava") -> dict[str, Comparison]:
    found = compare(text, compile_timetable((text,), zone=zone), AFTER)
    return {comparison.scheduler.split()[0]: comparison for comparison in found}


def told(instants: tuple[datetime, ...]) -> list[str]:
    return [f"{at:%Y-%m-%d %H:%M}" for at in instants]


def test_fixed_time_is_doubled_or_lost_elsewhere_when_clocks_change() -> None:
    found = compared("30 2 * * *")

    assert told(found["croniter"].only_theirs) == ["2026-10-25 01:30", "2027-10-31 01:30"]
    assert told(found["robfig/cron"].only_theirs) == ["2026-10-25 01:30", "2027-10-31 01:30"]
    assert told(found["robfig/cron"].only_ours) == ["2026-03-29 01:00", "2027-03-28 01:00"]
    assert told(found["systemd"].only_ours) == ["2026-03-29 01:00", "2027-03-28 01:00"]
    assert not found["systemd"].only_theirs


def test_two_day_fields_are_combined_otherwise_elsewhere() -> None:
    found = compared("0 12 */10 * 1", "UTC")

    assert told(found["croniter"].only_theirs)[:2] == ["2026-01-01 12:00", "2026-01-05 12:00"]
    assert told(found["robfig/cron"].only_theirs)[:2] == ["2026-01-01 12:00", "2026-01-05 12:00"]
    assert not found["systemd"].only_theirs
    assert len(compared("0 12 13 * 5", "UTC")["systemd"].only_ours) > 100


def test_rules_that_never_meet_elsewhere_fire_nothing_there() -> None:
    found = compared("0 0 30 2 1", "UTC")["systemd"]

    assert found.compared == len(found.only_ours) > 0


@pytest.mark.parametrize("text", ["*/5 * * * *", "* * * * *", "0 0 1 1 *", "@daily"])
def test_plain_schedule_is_the_same_everywhere_in_utc(text: str) -> None:
    for comparison in compared(text, "UTC").values():
        assert (comparison.refused, comparison.only_ours, comparison.only_theirs) == ("", (), ())
        assert comparison.compared > 0


def test_each_second_is_compared_around_a_change() -> None:
    found = compared("*/20 * * * * *")

    assert not found["croniter"].only_ours
    assert len(found["systemd"].only_ours) == 2 * 180


def test_what_another_scheduler_cannot_read_is_said() -> None:
    found = compared("0 6 * * 5L")

    assert found["croniter"].refused.startswith("cannot read it: ")
    assert found["robfig/cron"].refused == found["systemd"].refused == "has no L, W or #"


def test_busier_scheduler_elsewhere_is_compared_as_far_as_it_was_looked_at() -> None:
    found = compared("* 12 */31 * 1", "UTC")["croniter"]

    assert not found.only_ours
    assert found.only_theirs


@pytest.mark.parametrize("text", ["@every 5h", "H * * * *"])
def test_what_others_do_not_know_is_not_compared(text: str) -> None:
    assert compare(text, compile_timetable((text,), zone="UTC", name="backup"), AFTER) == ()
