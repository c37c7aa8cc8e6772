"""What a clean-up removed, or would: so many runs and bytes of each task, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from polysync.store.retention import Going


@dataclass(slots=True)
class Share:
    """What goes of one task."""

    runs: int = 0
    bytes: int = 0
    why: Counter[str] = field(default_factory=Counter)

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        return {"runs": self.runs, "bytes": self.bytes, "why": dict(self.why)}


@dataclass(slots=True)
class Account:
    """What went, or would go."""

    tasks: dict[str, Share] = field(default_factory=dict)
    strays: int = 0  # bytes of output whose runs had gone before
    history: int = 0
    audit: int = 0
    definitions: int = 0

    @property
    def total(self) -> Share:
        """Of all tasks together."""
        whole = Share()
        for share in self.tasks.values():
            whole.runs += share.runs
            whole.bytes += share.bytes
            whole.why += share.why
        return whole

    def add(self, gone: Sequence[Going], sizes: dict[int, int]) -> None:
        """Count runs, and the bytes of their output."""
        for one in gone:
            share = self.tasks.setdefault(one.task, Share())
            share.runs += 1
            share.bytes += sizes.get(one.id, 0)
            share.why[one.why.value] += 1

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        tasks = {name: share.to_data() for name, share in sorted(self.tasks.items())}
        beside = {name: getattr(self, name) for name in ("strays", "history", "audit", "definitions")}
        return {**self.total.to_data(), **beside, "tasks": tasks}
