"""Spools of runs that are over: what a crash between the end of a run and its clean-up left behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path


def leftovers(runs: Path, is_open: Callable[[int], bool]) -> list[Path]:
    """The folders of runs that are final: all that was in them is stored."""
    try:
        found = list(runs.iterdir())
    except OSError:
        return []
    return [folder for folder in found if folder.name.isdecimal() and not is_open(int(folder.name))]


def remove(folders: list[Path]) -> int:
    """Remove them, as far as that is possible; how many are gone is returned."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return sum(not folder.exists() for folder in folders)
