"""What a configuration was read from, and whether that is still what stands there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from polysync.config.decode import Loaded
from polysync.config.read import find_files, read_bytes, text_of
from polysync.domain.errors import ValueProblem

GONE: Final = ""  # in the place of a hash


class Stamp(NamedTuple):
    """What changes with every edit of a file; as long as it does not, nobody has to read the file."""

    inode: int
    size: int
    edited: int  # nanoseconds
    changed: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The files of one configuration as they were when it was read."""

    folder: Path  # of the main file
    files: Mapping[str, tuple[Stamp | None, str]]  # with a hash
    included: Mapping[str, tuple[str, ...]]  # the files by pattern
    filled: bool = False  # something in them is taken from the environment, or from files beside them

    @property
    def hash(self) -> str:
        """One word for the content of all of them."""
        told = "".join(f"{name}\0{digest}\n" for name, (_, digest) in sorted(self.files.items()))
        return sha256(told.encode("utf-8", "surrogateescape")).hexdigest()


def seen_of(loaded: Loaded, main: Path) -> Seen | None:
    """The files of a configuration that was just read; None where one of them was edited meanwhile."""
    stamps = {name: stamp_of(name) for name in loaded.files}
    patterns = loaded.config.include if loaded.config is not None else ()
    included = {pattern: _found(pattern, main.parent) for pattern in patterns}
    if any(_text(name) != text for name, text in loaded.documents.items()):
        return None
    if any(name not in loaded.files for names in included.values() for name in names):
        return None
    files = {name: (stamp, _digest(name)) for name, stamp in stamps.items()}
    filled = bool(loaded.env) or len(loaded.files) > len(loaded.documents)
    return Seen(main.parent, files, included, filled)


def is_newer(seen: Seen) -> bool:
    """Whether what stands in the files is not what was read any more."""
    for name, (stamp, digest) in seen.files.items():
        if (stamp is None or stamp_of(name) != stamp) and _digest(name) != digest:
            return True
    return any(_found(pattern, seen.folder) != names for pattern, names in seen.included.items())


def stamp_of(name: str) -> Stamp | None:
    """How a file looks from outside; None where there is none."""
    try:
        found = Path(name).stat()
    except (OSError, ValueError):
        return None
    return Stamp(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _found(pattern: str, folder: Path) -> tuple[str, ...]:
    try:
        return tuple(find_files(pattern, folder))
    except ValueProblem:
        return ()


def _text(name: str) -> str | None:
    try:
        return text_of(read_bytes(Path(name)))
    except ValueProblem:
        return None


def _digest(name: str) -> str:
    try:
        return sha256(read_bytes(Path(name))).hexdigest()
    except ValueProblem:
        return GONE
