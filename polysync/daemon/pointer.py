"""The pointer file: from the real path of a configuration to its home, without reading any TOML."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from polysync.config.where import find_home, pointer_file
from polysync.home import Home
from polysync.store.owner import is_held


def leave_pointer(config: Path, home: Path, env: Mapping[str, str], uid: int) -> Path | None:
    """Write down where the home is, where nobody could guess it; None where there was no need or no way to.

    A second daemon of one configuration, in a home of its own, must not draw to itself what is meant for the first.
    """
    real = Path(os.path.realpath(config))
    usual = find_home(None, {}, real.parent, real)
    others = {usual, read_pointer(config, env, uid) or usual} - {home}
    if usual == home or any(is_held(Home(other)) for other in others):
        return None
    file = pointer_file(real, env, uid)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(os.fsencode(home))
        draft.replace(file)  # a reader finds the old one or the new one, never half of it
    except OSError:
        return None  # only a short cut: --data and --socket still find it
    return file


def read_pointer(config: Path, env: Mapping[str, str], uid: int) -> Path | None:
    """The home that the file names, if there is one."""
    with suppress(OSError):
        return Path(os.fsdecode(pointer_file(Path(os.path.realpath(config)), env, uid).read_bytes()))
    return None


def remove_pointer(file: Path | None, home: Path) -> None:
    """The daemon of that home goes; whoever looks for its home reads the configuration again."""
    if file is not None:
        with suppress(OSError):
            if file.read_bytes() == os.fsencode(home):
                file.unlink()
