"""The folders of attempts: finding the one of a token, and giving one back without ever leaving `runs`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from polysync.adapters.local.claim import Claim, Found, look
from polysync.ports import PortError

NO_LINK: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def find_claim(runs: Path, token: str) -> tuple[str, Claim] | None:
    """The folder, such as `12/1`, that holds the status file of a token, and what stands in it."""
    # Not by glob, which fails where another folder is swept away while it looks.
    for folder in (f"{run}/{number}" for run in _inside(f"{runs}") for number in _inside(f"{runs}/{run}")):
        path = f"{runs}/{folder}/{token}.status"
        if os.path.lexists(path) and (seen := look(path)).found is not Found.UNUSED:
            return folder, seen
    return None


def _inside(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are all that is wanted
    except (FileNotFoundError, NotADirectoryError):
        return []


def place_of(runs: Path, folder: str, token: str) -> str:
    """The folder that a handle means; a handle that means anything outside `runs` is refused."""
    run, _, number = folder.partition("/")
    if not (run.isdecimal() and number.isdecimal() and token.isalnum()):
        raise PortError(f"{folder} is not the folder of an attempt", permanent=True)
    return f"{runs}/{folder}"


def remove(runs: Path, run: str, number: str) -> None:
    """Remove the folder of an attempt, and that of its run if it was the last; what is gone already is fine."""
    try:
        outer = os.open(f"{runs}/{run}", NO_LINK)
    except FileNotFoundError:
        return
    try:
        _empty(outer, number)
    finally:
        os.close(outer)
    try:
        os.rmdir(f"{runs}/{run}")  # noqa: PTH106 - beside its siblings that take a descriptor
    except OSError:
        return  # other attempts are in it, or somebody else removed it


def _empty(outer: int, number: str) -> None:
    try:
        inner = os.open(number, NO_LINK, dir_fd=outer)
    except FileNotFoundError:
        return
    try:
        for name in sorted(os.listdir(inner), key=_is_status):  # noqa: PTH208 - a Path cannot list what a descriptor means
            _unlink(name, inner)
    finally:
        os.close(inner)
    os.rmdir(number, dir_fd=outer)


def _is_status(name: str) -> bool:
    """Sorts the status file behind all others: by it a folder that was half removed is found again."""
    return name.endswith(".status")


def _unlink(name: str, inner: int) -> None:
    try:
        os.unlink(name, dir_fd=inner)
    except IsADirectoryError:
        shutil.rmtree(name, dir_fd=inner)
