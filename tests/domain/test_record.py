"""Records are values: equal by what they hold, usable as keys, with no room for anything else."""

from __future__ import annotations

import pytest

from polysync.domain.record import record


@record
class Point:
    """A record of two fields."""

    x: int
    y: int = 0


def test_records_are_equal_by_value() -> None:
    assert Point(1) == Point(1, 0) != Point(2)
    assert len({Point(1), Point(1, 0), Point(2)}) == 2


def test_record_has_room_for_its_fields_and_nothing_else() -> None:
    with pytest.raises(AttributeError):
        Point(1).z = 3  # type: ignore[attr-defined]  # what is tried here
