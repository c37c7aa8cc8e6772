"""What the tests of a plugin need, as much as our own: a world in memory, and the promises of a port as a suite."""

from __future__ import annotations

from polysync.testing.conformance import (
    FLOOD,
    GREETING,
    Exercise,
    Kind,
    NotConforming,
    StoredOutput,
    exercise_adapter,
)
from polysync.testing.world import Execution, MemoryJournal, ScriptedAdapter, SimClock

__all__ = [
    "FLOOD",
    "GREETING",
    "Execution",
    "Exercise",
    "Kind",
    "MemoryJournal",
    "NotConforming",
    "ScriptedAdapter",
    "SimClock",
    "StoredOutput",
    "exercise_adapter",
]
