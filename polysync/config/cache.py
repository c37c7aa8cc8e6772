"""The checked configuration of the last start, so that the next start with the same files need not check it again."""

from __future__ import annotations

import marshal
import os
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from polysync import __version__
from polysync.config.decode import Loaded
from polysync.config.frozen import Freezer, NotPlain, thaw
from polysync.config.load import load, uncollected
from polysync.config.read import NotText, find_files, read_bytes, text_of
from polysync.domain.errors import Problem, Severity, ValueProblem

FORMAT: Final = b"polysync-config-3\n"
PART: Final = 1000  # definitions at once: every other thread waits while they become bytes
HASH: Final = 32  # bytes: first the hash of the main file, then that of everything behind both
ZONES: Final = "/usr/share/zoneinfo/tzdata.zi"  # its first line names the version of the zone data
RESOLVES: Final = ("${env:", "${file:")  # what these give may be secret, so nothing of such a file is kept
Read = tuple[str, str, bool]  # a file by path and hash, and whether everybody may read it


def _at_once(act: Callable[[], None]) -> None:
    act()


def load_cached(
    path: Path,
    cache: Path,
    *,
    env: Mapping[str, str],
    host_zone: str = "UTC",
    now: datetime | None = None,
    later: Callable[[Callable[[], None]], None] = _at_once,
) -> Loaded:
    """As `load`, from the file at `cache` where it holds just this; else it holds it afterwards.

    Filling the cache costs half of what parsing does: `later` is handed it, and may have it done when nobody waits.
    """
    stamp = _stamp(path, host_zone, now)
    with uncollected():
        found = _found(cache, stamp, path)
        if found is not None:
            return found
        loaded = load(path, env=env, host_zone=host_zone, now=now)
        reads = _reads(loaded)
        if reads is not None:
            later(partial(_keep, replace(loaded, gathered=None), stamp, reads, path, cache))
    return loaded


def _reads(loaded: Loaded) -> list[Read] | None:
    """The files that were read, as they are now; None where one was edited since, or nothing may be kept."""
    if loaded.config is None or loaded.env:
        return None
    try:
        for name, text in loaded.documents.items():
            if text_of(read_bytes(Path(name))) != text:
                return None
        return [_look(name) for name in loaded.files]
    except (OSError, ValueProblem, NotText):
        return None


def _keep(loaded: Loaded, stamp: tuple[str, ...], reads: Sequence[Read], path: Path, cache: Path) -> None:
    with suppress(OSError, ValueProblem, NotPlain):
        content = _content(loaded, stamp, reads, path)
        if content is not None:
            _write(cache, content)


def _stamp(path: Path, host_zone: str, now: datetime | None) -> tuple[str, ...]:
    """What a result depends on beside files: the code, the zones, and the day, from which clock changes are told."""
    zones = ""
    with suppress(OSError, UnicodeDecodeError), Path(ZONES).open(encoding="utf-8") as file:
        zones = file.readline()
    day = "" if now is None else now.date().isoformat()
    return __version__, sys.version, zones, os.environ.get("PYTHONTZPATH", ""), host_zone, day, str(path)


def _content(loaded: Loaded, stamp: tuple[str, ...], reads: Sequence[Read], path: Path) -> bytes | None:
    config, texts = loaded.config, loaded.documents.values()
    if config is None or any(mark in text for text in texts for mark in RESOLVES):
        return None
    freezer = Freezer()
    top = freezer.freeze(config)
    problems = [(p.path, p.line, p.column, p.message, p.hint, p.key) for p in loaded.warnings]
    includes = [(pattern, tuple(find_files(pattern, path.parent))) for pattern in config.include]
    told = (stamp, includes, list(reads), problems, tuple(loaded.documents), _parts(freezer.table), top)
    body = marshal.dumps(told)
    main = next(digest for name, digest, _ in reads if name == str(path))
    return FORMAT + bytes.fromhex(main) + sha256(body).digest() + body


def _parts(table: list[tuple[Any, ...]]) -> list[bytes]:
    """The table in parts, which is empty then."""
    parts = []
    while table:
        parts.append(marshal.dumps(table[:PART]))
        del table[:PART]
    return parts


def _look(name: str) -> Read:
    path = Path(name)
    return name, sha256(read_bytes(path)).hexdigest(), bool(path.stat().st_mode & stat.S_IROTH)


def _found(cache: Path, stamp: tuple[str, ...], path: Path) -> Loaded | None:
    """What the cache holds, if it is ours, whole, and of just these files; anything else is as if it were not there."""
    body = _body(cache, path)
    if body is None:
        return None
    kept, includes, reads, problems, documents, parts, top = marshal.loads(body)  # noqa: S302 - ours, and whole
    if kept != stamp or not _same(includes, reads, path):
        return None
    made = thaw(entry for part in parts for entry in marshal.loads(part))  # noqa: S302 - the same
    config = made[top[1]]
    return Loaded(
        config=config,
        problems=tuple(_warning(*told) for told in problems),
        documents={name: text_of(read_bytes(Path(name))) for name in documents},
        files=tuple(name for name, _, _ in reads),
        env={},
    )


def _warning(path: str, line: int, column: int, message: str, hint: str, key: str) -> Problem:
    return Problem(path, line, column, message, hint, key, Severity.WARNING)


def _body(cache: Path, path: Path) -> bytes | None:
    """What the cache holds, if it is of this main file: after an edit there is nothing to gain from reading it."""
    try:
        main = sha256(read_bytes(path)).digest()
        with cache.open("rb") as file:
            about = os.fstat(file.fileno())
            if file.read(len(FORMAT)) != FORMAT or file.read(HASH) != main:
                return None
            digest, body = file.read(HASH), file.read()
    except (OSError, ValueProblem):
        return None
    if about.st_uid != os.geteuid() or about.st_mode & 0o077:
        return None
    return body if sha256(body).digest() == digest else None


def _same(includes: list[tuple[str, tuple[str, ...]]], reads: list[Read], path: Path) -> bool:
    try:
        return all(tuple(find_files(pattern, path.parent)) == names for pattern, names in includes) and all(
            _look(read[0]) == read for read in reads
        )
    except (OSError, ValueProblem):
        return False


def _write(cache: Path, content: bytes) -> None:
    scratch = cache.with_name(f".{cache.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        scratch.replace(cache)
    finally:
        scratch.unlink(missing_ok=True)
