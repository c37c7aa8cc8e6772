"""What an import says about each entry of its source: nothing may be lost without a word."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """What became of an entry; people see ✓ ~ ✗ and ·."""

    IMPORTED = "imported"
    ADJUSTED = "adjusted"
    SKIPPED = "skipped"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one entry: `entry` is safe to show, `reason` says what to check or do."""

    path: str
    line: int  # 0 where the verdict is about the whole file
    entry: str
    mark: Mark
    name: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """A complete configuration text, and the account of how it came about."""

    toml: str
    verdicts: tuple[Verdict, ...]
