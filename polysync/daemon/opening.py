"""Before the loop turns: whether this host is fit, where the home is, and whether it is ours alone."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from polysync.clock import Clock
from polysync.config.decode import Loaded
from polysync.config.seen import Seen
from polysync.domain.errors import PolysyncError
from polysync.domain.settings import Access, Configuration
from polysync.failpoints import hit
from polysync.home import Home
from polysync.ports import PortError
from polysync.store.filesystem import UnfitFileSystem, check_file_system
from polysync.store.owner import PATIENCE, HomeHeld, HomeLock

OLDEST: Final = (5, 4)  # the first long-lived kernel on which a process can be waited for by a descriptor
FAILED: Final = 1
CONFLICT: Final = 4
PRIVATE: Final = 0o700
OPEN_DOOR: Final = 0o711


class CannotStart(PolysyncError):
    """The daemon cannot start."""

    def __init__(self, message: str, *, code: str, status: int = FAILED, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the daemon is started with."""

    config: Path  # absolute
    home: Path  # absolute
    configuration: Configuration
    load: Callable[[], Loaded]  # reads the configuration again
    clock: Clock
    seen: Seen | None = None  # the files that `configuration` was read from
    errands: list[Callable[[], None]] = field(default_factory=list)  # what reading left to do, when nobody waits
    unread: Callable[[], int] = int  # lines of our own log that were dropped because nobody read it
    descriptors: int | None = None  # the limit of open files that our children get, where ours was raised


def check_host(platform: str, release: str) -> None:
    """Refuse a host on which work could not outlive the daemon."""
    if platform != "linux":
        raise CannotStart(
            f"the daemon runs on Linux, not on {platform}",
            code="unfit_host",
            hint="everything but the daemon runs here",
        )
    found = re.match(r"(\d+)\.(\d+)", release)
    if found is not None and (int(found[1]), int(found[2])) < OLDEST:
        raise CannotStart(f"the daemon needs Linux 5.4 or newer; this is {release}", code="unfit_host")


def take_home(
    path: Path,
    clock: Clock,
    check: Callable[[Path], str | None] = check_file_system,
    patience: timedelta = PATIENCE,
) -> tuple[HomeLock, str]:
    """The lock of a home that is fit to be one, and a warning about it if there is any."""
    lock = HomeLock(Home(path), clock, patience=patience)
    try:
        warning = check(path)
        lock.acquire()
    except HomeHeld as error:
        hint = "polysync status shows it; --data names another home"
        raise CannotStart(str(error), code="conflict", status=CONFLICT, hint=hint) from error
    except UnfitFileSystem as error:
        raise CannotStart(str(error), code="unfit_home") from error
    except PortError as error:
        hint = f"make {path} a folder of this user, or name another home: --data DIR, or data_dir in [daemon]"
        raise CannotStart(str(error), code="unfit_home", hint=hint) from error
    hit("start.after_lock")
    return lock, warning or ""


def close_home(path: Path, *, shared: bool) -> None:
    """Let nobody but us look into the home; where others have a part in it they may pass, before any of theirs runs."""
    path.chmod(OPEN_DOOR if shared else PRIVATE)


def is_shared(configuration: Configuration) -> bool:
    """Whether others than root and the daemon's user may have something to say or to do here."""
    if configuration.access != Access():
        return True
    tasks, services = configuration.tasks.values(), configuration.services.values()
    return any(task.user for task in tasks) or any(service.user for service in services)


def this_platform() -> str:
    """What Python calls this kind of host."""
    return sys.platform
