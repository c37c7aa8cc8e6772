"""Burying the dead where nobody else does: the first process of a container inherits every orphan.

A child of ours is buried at once by whoever waits for it.  So whatever is dead at two looks in a row is not
ours, and only that is touched here.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
RHYTHM: Final = 5.0  # seconds between two looks
FIRST: Final = 1  # the number of the process that inherits


async def bury_orphans(own: int) -> None:
    """Bury the dead children that nobody waits for; nothing to do where `own` is not the first process."""
    before: set[int] = set()
    while own == FIRST:
        found = dead_children(own)
        _bury(found & before)
        before = found - before
        await asyncio.sleep(RHYTHM)


def _bury(dead: set[int]) -> None:
    for pid in dead:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def dead_children(parent: int, proc: Path = PROC) -> set[int]:
    """The children of a process that are dead and not buried."""
    return {int(place.name) for place in proc.iterdir() if place.name.isdigit() and _is_dead_child(place, parent)}


def _is_dead_child(place: Path, parent: int) -> bool:
    try:
        state, above = (place / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:2]
    except (OSError, ValueError):
        return False
    return state == "Z" and int(above) == parent
