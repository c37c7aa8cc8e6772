"""One owner: whoever holds the lock of a home may write there, and a newer owner fences an older one."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Final, Self

from polysync.clock import Clock
from polysync.home import Home
from polysync.ports import PortError

# A child of the last owner holds the lock between its fork and its exec, and no longer.
PATIENCE: Final = timedelta(seconds=5)
PAUSE: Final = 0.02
OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class HomeUnfit(PortError):
    """The home cannot be used."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class HomeHeld(PortError):
    """Another daemon owns the home."""

    def __init__(self, message: str, holder: int | None) -> None:
        super().__init__(message)
        self.holder = holder


class HomeLock:
    """The lock of a home, held until `release` or the end of the process; children do not inherit it."""

    def __init__(
        self, home: Home, clock: Clock, *, patience: timedelta = PATIENCE, rest: Callable[[float], object] | None = None
    ) -> None:
        self.home = Home(home.path.resolve())
        self._clock = clock
        self._patience = patience
        self._rest = rest or _rest
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process owns the home."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Make the home where it is missing, and own it; blocks for up to the patience, so call it before the loop."""
        if self._descriptor is not None:
            return
        prepare_home(self.home.path)
        descriptor = self._open()
        try:
            self._wait_for(descriptor)
            self._sign(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the home up; the file stays, because removing it would let two owners in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _open(self) -> int:
        try:
            return os.open(self.home.lock, OPEN, 0o600)
        except OSError as error:
            raise HomeUnfit(f"{self.home.lock}: {error.strerror}") from error

    def _wait_for(self, descriptor: int) -> None:
        deadline = self._clock.read().monotonic + self._patience
        while not _locked(descriptor):
            if self._clock.read().monotonic >= deadline:
                raise self._refusal(descriptor)
            self._rest(PAUSE)
        # Whoever deleted the file let another process lock a new one: ours would then guard nothing.
        if not _same_file(descriptor, self.home.lock):
            raise HomeHeld(f"{self.home.lock} was replaced while this daemon started; start it again", None)

    def _refusal(self, descriptor: int) -> HomeHeld:
        written = _holder(descriptor)
        pid, since = written.get("pid"), written.get("since")
        who = f"process {pid}, since {since}" if pid else "a process that left no name"
        return HomeHeld(f"another daemon owns {self.home.path}: {who}", pid if isinstance(pid, int) else None)

    def _sign(self, descriptor: int) -> None:
        since = self._clock.read().wall.astimezone(UTC).isoformat(timespec="seconds")
        name = json.dumps({"pid": os.getpid(), "since": since}).encode() + b"\n"
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, name, 0)
        except OSError as error:
            # On a full disk the lock holds all the same; only its name is missing.
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise HomeUnfit(f"{self.home.lock}: {error.strerror}") from error


def prepare_home(path: Path) -> None:
    """Make the home (only we may enter) or check the one there is; `HomeUnfit` says what is wrong with it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except OSError as error:
        raise HomeUnfit(f"the home {path} cannot be made: {error.strerror}") from error
    _check_owner(path, found)
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise HomeUnfit(f"the home {path} cannot be written")


def holder(home: Home) -> tuple[int, datetime] | None:
    """Who signed the lock last, which need not live any more."""
    try:
        descriptor = os.open(home.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        written = _holder(descriptor)
    finally:
        os.close(descriptor)
    try:
        return int(written["pid"]), datetime.fromisoformat(written["since"])
    except (KeyError, TypeError, ValueError):
        return None


def is_held(home: Home) -> bool:
    """Whether a daemon that lives holds that home."""
    try:
        descriptor = os.open(home.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise HomeUnfit(f"the home {path} belongs to user {found.st_uid}, not to user {os.geteuid()}")
    if found.st_mode & stat.S_IWOTH:
        raise HomeUnfit(f"everybody can write to the home {path}: chmod 0700 {path}")


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise HomeUnfit(f"the home cannot be locked: {error.strerror}") from error
    return True


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except OSError:
        return False
    here = os.fstat(descriptor)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _holder(descriptor: int) -> dict[str, Any]:
    try:
        written = json.loads(os.pread(descriptor, 4096, 0))
    except (OSError, ValueError):
        return {}
    return written if isinstance(written, dict) else {}


def _rest(seconds: float) -> None:
    """Wait: nothing ever sets this event."""
    Event().wait(seconds)
