"""The home: whose it is, on what disk, who holds it, and what lies in it."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from polysync.cli.checkups.finding import Finding, fail, ok, size_words, skip, warn
from polysync.domain.settings import Storage
from polysync.home import Home
from polysync.store.filesystem import MOUNTS, UnfitFileSystem, check_file_system
from polysync.store.migrate import copies
from polysync.store.owner import holder

LONG_LOG: Final = 256 << 20  # bytes of a write-ahead log that somebody keeps from being carried over
FEW_FILES: Final = 1000  # that can still be made
OURS: Final = frozenset(
    "polysync.db logs.db polysync.sock sock lock reserve snapshots configuration.cache runs".split()
)


def home_findings(home: Home, storage: Storage, *, mounts: Path = MOUNTS) -> Iterator[Finding]:
    """Everything about the home, without touching a database."""
    try:
        found = home.path.stat()
    except FileNotFoundError:
        yield skip("home", f"{home.path} is not there yet: the daemon makes it")
        return
    except OSError as error:
        yield fail("home", f"{home.path}: {error.strerror}", "ask its owner, or name another home with --data")
        return
    yield _owned(home.path, found)
    yield _file_system(home.path, mounts)
    yield _space(home.path, storage.min_free_space)
    if not os.access(home.path, os.R_OK | os.X_OK):
        yield skip("files", f"this user may not look into {home.path}")
        return
    yield _lock(home)
    yield from _files(home)


def is_held(home: Home) -> bool:
    """Whether a daemon owns the home just now."""
    try:
        descriptor = os.open(home.lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _owned(path: Path, found: os.stat_result) -> Finding:
    mode, uid = stat.S_IMODE(found.st_mode), os.geteuid()
    if uid not in {found.st_uid, 0}:
        text = f"{path} belongs to user {found.st_uid}; this is user {uid}"
        return warn("home", text, "run the doctor as the daemon's user to see all")
    if mode & 0o022:
        return fail("home", f"others can write to {path} (mode {mode:04o})", f"chmod go-w {path}")
    if mode not in {0o700, 0o711}:
        return warn("home", f"others can look into {path} (mode {mode:04o})", f"chmod 0700 {path}")
    return ok("home", f"{path}, of user {found.st_uid}, mode {mode:04o}")


def _file_system(path: Path, mounts: Path) -> Finding:
    try:
        warning = check_file_system(path, mounts)
    except UnfitFileSystem as error:
        return fail("file system", str(error), "set data_dir to a folder on a local disk")
    if warning:
        return warn("file system", warning, "set data_dir to a folder on a disk that stays")
    return ok("file system", "locks and shared memory hold there")


def _space(path: Path, minimum: int) -> Finding:
    try:
        found = os.statvfs(path)
    except OSError as error:
        return fail("disk", f"{path}: {error.strerror}", "look at the disk")
    free = found.f_bavail * found.f_frsize
    text = f"{size_words(free)} free, min_free_space is {size_words(minimum)}"
    if free < minimum:
        return fail("disk", f"{text}: new attempts wait", "make space, polysync prune, or lower min_free_space")
    if found.f_files and found.f_favail < FEW_FILES:
        return fail("disk", f"{text}, but only {found.f_favail} files can be made", "remove files: inodes are short")
    if free < 2 * minimum:
        return warn("disk", text, "make space before new attempts have to wait")
    return ok("disk", text)


def _lock(home: Home) -> Finding:
    signed = holder(home)
    who = f"process {signed[0]}, since {signed[1].isoformat()}" if signed else "a process without a name"
    if is_held(home):
        return ok("lock", f"held by {who}")
    left = f"; the last one was {who}" if signed else ""
    return ok("lock", f"no daemon owns the home{left}")


def _files(home: Home) -> Iterator[Finding]:
    yield from (_database(path) for path in (home.database, home.logs) if path.exists())
    if home.database.exists():
        yield _reserve(home)
    yield _snapshots(home)
    yield _leftovers(home)


def _database(path: Path) -> Finding:
    log = path.with_name(f"{path.name}-wal")
    length = log.stat().st_size if log.exists() else 0
    text = f"{size_words(path.stat().st_size)}, write-ahead log {size_words(length)}"
    if path.stat().st_mode & 0o077:
        return fail(
            path.name, f"others can read it (mode {stat.S_IMODE(path.stat().st_mode):04o})", f"chmod 0600 {path}"
        )
    if length > LONG_LOG:
        return warn(
            path.name, text, "a reader keeps it from being carried over: end old followers, backups, other programs"
        )
    return ok(path.name, text)


def _reserve(home: Home) -> Finding:
    with suppress(OSError):
        if home.reserve.stat().st_blocks:
            return ok("reserve", f"{size_words(home.reserve.stat().st_blocks * 512)} held back for a full disk")
    return warn("reserve", "no space is held back for a full disk", "make space; the daemon takes it again by itself")


def _snapshots(home: Home) -> Finding:
    found = [path for database in (home.database, home.logs) for path in copies(home.snapshots, database).values()]
    halves = list(home.snapshots.glob("*.part"))
    total = sum(path.stat().st_size for path in (*found, *halves))
    if halves and not is_held(home):
        return warn(
            "snapshots", f"{len(halves)} of them incomplete, {size_words(total)}", f"rm {home.snapshots}/*.part"
        )
    names = ", ".join(path.name for path in found) or "none: no database was migrated yet"
    return ok("snapshots", f"{names}{f', {size_words(total)} together' if found else ''}")


def _leftovers(home: Home) -> Finding:
    strange = sorted(
        path.name for path in home.path.iterdir() if path.name.removesuffix("-wal").removesuffix("-shm") not in OURS
    )
    runs = sum(1 for _ in home.runs.iterdir()) if home.runs.is_dir() else 0
    text = f"spools of {runs} run{'' if runs == 1 else 's'}"
    if strange:
        return warn("leftovers", f"{text}; not of Polysync: {', '.join(strange[:5])}", f"move them out of {home.path}")
    return ok("leftovers", text)
