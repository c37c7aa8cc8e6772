"""Exclusive named locks, held by a run from its first attempt to its end."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def missing(locks: Collection[str], held: Mapping[str, int], run_id: int) -> tuple[str, ...]:
    """Those of `locks` that another run holds, each once, in the order in which they are wanted."""
    return tuple(name for name in dict.fromkeys(locks) if held.get(name, run_id) != run_id)
