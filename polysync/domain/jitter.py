"""How far a start slips so that tasks due together spread out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

_BITS: Final = 64


def offset(task_name: str, at: datetime, window: timedelta) -> timedelta:
    """The slip of this slot of this task: always the same, at least zero and below `window`."""
    span = max(window, timedelta(0)) // timedelta(microseconds=1)
    slot = at.astimezone(UTC).isoformat()
    digest = sha256(f"{task_name}\n{slot}".encode()).digest()
    return timedelta(microseconds=span * int.from_bytes(digest[: _BITS // 8]) >> _BITS)
