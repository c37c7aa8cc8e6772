"""How far a start slips."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.jitter import offset

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = timedelta(minutes=10)


@given(st.text(max_size=20), st.datetimes(timezones=st.just(UTC)), st.timedeltas(timedelta(0), timedelta(days=1)))
def test_jitter_stays_below_its_window(name: str, at: datetime, window: timedelta) -> None:
    slip = offset(name, at, window)
    assert timedelta(0) <= slip
    assert slip < window or slip == window == timedelta(0)
    assert slip == offset(name, at, window)


def test_jitter_belongs_to_the_instant_and_not_to_its_zone() -> None:
    assert offset("t", AT, WINDOW) == offset("t", AT.astimezone(ZoneInfo("Asia/Tokyo")), WINDOW)


def test_jitter_spreads_tasks_and_slots() -> None:
    tasks = {offset(f"task-{k}", AT, WINDOW) // timedelta(minutes=1) for k in range(200)}
    slots = {offset("t", AT + k * WINDOW, WINDOW) // timedelta(minutes=1) for k in range(200)}
    assert tasks == slots == set(range(10))
