"""The closed lists that the configuration checks against are those of the engine."""

from __future__ import annotations

from polysync.config.kinds import EVENTS, PLATFORM_TYPES
from polysync.domain.effects import EventName
from polysync.domain.values import SHELL_PLATFORMS


def test_events_are_those_that_the_engine_tells() -> None:
    assert tuple(EventName) == EVENTS


def test_shells_stand_on_known_platforms() -> None:
    assert set(PLATFORM_TYPES) >= SHELL_PLATFORMS
