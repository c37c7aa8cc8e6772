"""From options to a configuration, and from words to the things it defines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from polysync.cli.failure import USAGE, Failure, invalid, no_such
from polysync.cli.session import Session
from polysync.config.decode import Loaded
from polysync.config.load import load
from polysync.config.read import read_bytes
from polysync.config.suggest import did_you_mean
from polysync.config.where import config_candidates, find_config
from polysync.domain.safe_text import safe_text
from polysync.domain.settings import Configuration

MAGIC: Final = "*?["
LISTED: Final = 8  # names that a hint spells out


def where(session: Session) -> Path:
    """The configuration file, relative where it lies under the working directory."""
    given, folder = session.option("config"), Path(session.around.folder)
    found = find_config(given, session.around.env, folder, lambda path: path.exists())
    if found is None:
        places = config_candidates(given, session.around.env, folder)
        looked = ", ".join(str(_near(place, folder)) for place in places)
        raise Failure(
            "there is no configuration",
            code="no_configuration",
            status=USAGE,
            hint=f"polysync init writes one; looked for {looked}",
        )
    return found if given and given.startswith("/") else _near(found, folder)


def read(session: Session, path: Path | None = None) -> Loaded:
    """The configuration with everything that is wrong with it."""
    folder = Path(session.around.folder)
    return load(
        path or where(session),
        env=session.around.env,
        read=lambda name: read_bytes(folder / name),
        host_zone=session.host_zone,
        now=session.now,
    )


def usable(loaded: Loaded) -> Configuration:
    """The configuration itself; one with errors is refused."""
    if loaded.config is None:
        raise invalid(loaded.errors, loaded.files[0])
    return loaded.config


def configuration(session: Session) -> Configuration:
    """The configuration that the options name."""
    return usable(read(session))


def pick(words: Sequence[str], known: Collection[str], kind: str = "task") -> list[str]:
    """The names that the words mean, each once: a name, a glob, or the only name that starts so."""
    return list(dict.fromkeys(name for word in words for name in _meant(word, known, kind)))


def pick_one(word: str, known: Collection[str], kind: str = "task") -> str:
    """The one name that a word means."""
    found = _meant(word, known, kind)
    if len(found) > 1:
        raise no_such(kind, safe_text(word), f"it could be {_some(found)}")
    return found[0]


def _meant(word: str, known: Collection[str], kind: str) -> list[str]:
    if word in known:
        return [word]
    if any(sign in word for sign in MAGIC):
        found = [name for name in known if fnmatchcase(name, word)]
        if not found:
            raise no_such(kind, safe_text(word), f"no name matches; there are {_some(known)}")
        return found
    begun = [name for name in known if word and name.startswith(word)]
    if len(begun) == 1:
        return begun
    if begun:
        raise no_such(kind, safe_text(word), f"it could be {_some(begun)}")
    raise no_such(kind, safe_text(word), did_you_mean(word, known, quoted=False) or f"there are {_some(known)}")


def _some(names: Collection[str]) -> str:
    listed = list(names)
    shown = ", ".join(listed[:LISTED]) or "none"
    return f"{shown} and {len(listed) - LISTED} more" if len(listed) > LISTED else shown


def _near(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path
