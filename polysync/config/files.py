"""Replacing a configuration file in one step, with its mode and owner kept."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

NEW_FILE: Final = 0o644


def write_atomically(path: Path, text: str) -> None:
    """Put `text` in the place of the file at `path`; a reader sees the old content or the new, never a part."""
    target = path.resolve()  # a link stays a link
    scratch = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        _write(scratch, target, text)
        scratch.replace(target)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(scratch: Path, target: Path, text: str) -> None:
    with scratch.open("x", encoding="utf-8", newline="") as file:
        try:
            old = target.stat()
        except FileNotFoundError:
            os.fchmod(file.fileno(), NEW_FILE & ~_umask())
        else:
            with suppress(PermissionError):  # only root may give a file away; the mode still holds
                os.fchown(file.fileno(), old.st_uid, old.st_gid)
            os.fchmod(file.fileno(), old.st_mode & 0o7777)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
