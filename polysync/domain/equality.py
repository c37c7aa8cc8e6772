"""Equality as people mean it: `true` is not 1, and 1 is 1.0."""

from __future__ import annotations

from typing import Any


def same(one: Any, other: Any) -> bool:
    """Whether two plain values are equal and both, or neither, are true or false."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
