"""One thing that was looked at: how it stands, and what would help."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple


class Mark(StrEnum):
    """How it stands."""

    OK = "ok"
    WARN = "warn"  # it works, and may not for long
    FAIL = "fail"
    SKIP = "skip"  # it could not be looked at


class Finding(NamedTuple):
    """One line of the doctor."""

    name: str
    mark: Mark
    text: str
    remedy: str = ""

    def data(self) -> dict[str, Any]:
        """The line as JSON data."""
        return {"name": self.name, "mark": self.mark.value, "text": self.text, "remedy": self.remedy or None}


def ok(name: str, text: str) -> Finding:
    """All is well with it."""
    return Finding(name, Mark.OK, text)


def warn(name: str, text: str, remedy: str) -> Finding:
    """It works, and may not for long."""
    return Finding(name, Mark.WARN, text, remedy)


def fail(name: str, text: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(name, Mark.FAIL, text, remedy)


def skip(name: str, text: str) -> Finding:
    """It could not be looked at, and why."""
    return Finding(name, Mark.SKIP, text)


def size_words(count: float) -> str:
    """So many bytes in the unit that fits."""
    for unit, power in (("GB", 30), ("MB", 20), ("kB", 10)):
        if count >= 1 << power:
            return f"{count / (1 << power):.1f} {unit}"
    return f"{count:.0f} bytes"
