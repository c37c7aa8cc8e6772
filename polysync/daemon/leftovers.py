"""Spools of runs that are over: what a crash between the end of a run and its clean-up left behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path


def leftovers(
    runs: Path, is_open: Callable[[int], bool], first_open: Callable[[int], int] = lambda _run_id: 0
) -> list[Path]:
    """The folders of what is final, runs and attempts before `first_open`: all that was in them is stored."""
    try:
        found = list(runs.iterdir())
    except OSError:
        return []
    numbered = [folder for folder in found if folder.name.isdecimal()]
    over = [folder for folder in numbered if not is_open(int(folder.name))]
    going = (folder for folder in numbered if folder not in set(over))
    return over + [one for folder in going for one in _before(folder, first_open(int(folder.name)))]


def _before(folder: Path, number: int) -> list[Path]:
    attempts = (folder / str(earlier) for earlier in range(1, number))
    return [attempt for attempt in attempts if attempt.exists()]


def remove(folders: list[Path]) -> int:
    """Remove them, as far as that is possible; how many are gone is returned."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return sum(not folder.exists() for folder in folders)
