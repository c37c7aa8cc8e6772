"""Which time zones exist."""

from __future__ import annotations

from polysync.domain.errors import ValueProblem
from polysync.domain.zone import load_zone


def is_zone(name: str) -> bool:
    """Whether the zone database knows this name."""
    try:
        load_zone(name)
    except ValueProblem:
        return False
    return True
