"""What one entry of a foreign file comes to: keys of ours, and what is said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polysync.config.imports.verdict import Mark


@dataclass(frozen=True, slots=True)
class Finding:
    """The keys that an entry turns into; an empty reason means that they say the same."""

    keys: Mapping[str, Any] = field(default_factory=dict)
    mark: Mark = Mark.IMPORTED
    reason: str = ""

    def said(self) -> str:
        """The reason, or what the entry became."""
        return self.reason or "becomes " + (", ".join(self.keys) or "nothing: it is the default here")


def kept(**keys: Any) -> Finding:
    """The entry means the same here."""
    return Finding(keys)


def adjusted(reason: str, **keys: Any) -> Finding:
    """The entry became something near to it."""
    return Finding(keys, Mark.ADJUSTED, reason)


def skipped(reason: str) -> Finding:
    """The entry has no counterpart."""
    return Finding({}, Mark.SKIPPED, reason)


def noted(reason: str) -> Finding:
    """The entry needs none, or a person has to see to it."""
    return Finding({}, Mark.NOTE, reason)
