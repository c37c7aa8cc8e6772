"""The databases of a home, for commands that look at files and need no daemon."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from polysync.cli.failure import FAILED, NOT_FOUND, Failure, reason_of
from polysync.cli.loading import read, where
from polysync.cli.session import Session
from polysync.config.where import find_home
from polysync.home import Home

NAMES: Final = "name its home with --data"


def home_of(session: Session) -> Home:
    """The home that the options mean: as named, else where the daemon of the configuration is or would be."""
    from polysync.daemon.pointer import read_pointer

    around = session.around
    folder = Path(around.folder)
    named, file, config = session.option("data"), None, None
    if named is None:
        try:
            file = folder / where(session)
            pointed = read_pointer(file, around.env, os.getuid())
            if pointed is not None:
                return Home(pointed)
            config = read(session).config
        except Failure:  # without a configuration that can be read there are still places to look at
            pass
    inside = config.daemon.data_dir if config is not None else None
    return Home(find_home(named, around.env, folder, file, inside).absolute())


def databases(home: Home) -> tuple[Path, Path]:
    """Decisions and output of a home that was used before; the second need not be there."""
    try:
        home.database.stat()
    except FileNotFoundError:
        raise Failure(f"{home.path} holds no database", code="not_found", status=NOT_FOUND, hint=NAMES) from None
    except OSError as error:
        raise _closed(home, reason_of(error)) from error
    for path in (home.database, home.logs):
        if path.exists() and not os.access(path, os.R_OK):
            raise _closed(home, "permission denied")
    return home.database, home.logs


def _closed(home: Home, why: str) -> Failure:
    hint = "run it as the user of the daemon, or as root"
    return Failure(f"{home.path}: {why}", code="unreadable", status=FAILED, hint=hint)
