"""What has to stand before a command for it to run as another user, or under limits."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from polysync.adapters.local.cgroup import Ceiling, Cgroups, Group
from polysync.adapters.local.environment import Account, account_of
from polysync.domain.run import Reason
from polysync.domain.task import Process
from polysync.ports import PortError

LAUNCHER: Final = Path(__file__).with_name("launch.py")
MASK: Final = 'umask "$1" && shift && exec "$@"'
FILES: Final = ("out", "err", "report")
STDERR: Final = "-"  # the report of a command that has no file for it


@dataclass(frozen=True, slots=True)
class Launch:
    """How a command is started."""

    before: tuple[str, ...] = ()  # words before the argument list
    account: Account | None = None  # whose process it becomes
    group: Group | None = None  # the control group that was made for it; the caller removes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an attempt runs, and what it goes by."""

    token: str
    files: Path  # the folder of the attempt
    directory: str  # the working directory of the command
    top: Path  # the home: whoever runs has to get from there to the files


def plan(process: Process, place: Place, cgroups: Cgroups, *, root: bool | None = None) -> Launch:
    """Prepare the start of a command; it asks the user database and the disk, so it is called in a thread.

    What cannot be kept is refused before the start, with what would help: a limit is never left out in silence.
    """
    is_root = os.geteuid() == 0 if root is None else root
    account = account_of(process.user)
    if account is not None and account.uid != os.geteuid() and not is_root:
        raise PortError(
            f"only root can run as {process.user}: start the daemon as root, or remove user",
            permanent=True,
            reason=Reason.START_FAILED,
        )
    if _needs_nothing(process):
        return Launch()
    if _needs_mask_only(process):
        return Launch(("/bin/sh", "-c", MASK, "umask", str(process.umask)))
    group = _group(process, place, cgroups)
    by_number = process.max_processes is not None and (group is None or not _counts(cgroups))
    if by_number and is_root and (account is None or account.uid == 0):
        raise PortError(
            "max_processes does not hold for root without a control group: set user, or Delegate=yes in the unit",
            permanent=True,
            reason=Reason.PRECHECK,
        )
    if account is not None:
        hand_over(place.files, place.top, account)
    return Launch((*_launcher(), *_words(process, place, account, group, by_number=by_number), "--"), account, group)


def beside(process: Process, directory: str) -> tuple[str, ...]:
    """What has to stand before a command that only asks after an attempt: its user, niceness and mask, no limit."""
    account = account_of(process.user)
    if account is None and process.nice is None:
        return () if process.umask is None else ("/bin/sh", "-c", MASK, "umask", process.umask)
    words = {"report": STDERR, "directory": directory, "nice": process.nice, "umask": process.umask} | _who(account)
    return (*_launcher(), *[f"{name}={value}" for name, value in words.items() if value is not None], "--")


def hand_over(files: Path, top: Path, account: Account) -> None:
    """Make the files of an attempt belong to its user; the folder stays ours, so nothing can be put in their place."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    for name in FILES:
        descriptor = os.open(files / name, flags, 0o600)
        try:
            os.fchown(descriptor, account.uid, account.gid)
        finally:
            os.close(descriptor)
    parameters = files / "params.json"
    if parameters.exists():
        os.chown(parameters, account.uid, account.gid, follow_symlinks=False)
    for folder in (files, files.parent, files.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o011)  # to be passed through, not to be looked into
    _check_way(top, account)


def _check_way(top: Path, account: Account) -> None:
    """Refuse a home that the user cannot pass through: its report would not be found."""
    for folder in (top, *top.parents):
        found = folder.stat()
        theirs = 0o100 * (found.st_uid == account.uid) | 0o010 * (found.st_gid in account.groups) | 0o001
        if account.uid and not found.st_mode & theirs:
            words = f"user {account.name} cannot pass through {folder} to its report: chmod o+x {folder}"
            raise PortError(words, permanent=True, reason=Reason.PRECHECK)


def _needs_nothing(process: Process) -> bool:
    wanted = (process.user, process.nice, process.umask, process.max_processes, process.memory_max, process.cpu_max)
    return all(value is None for value in wanted)


def _needs_mask_only(process: Process) -> bool:
    wanted = (process.user, process.nice, process.max_processes, process.memory_max, process.cpu_max)
    return all(value is None for value in wanted)


def _group(process: Process, place: Place, cgroups: Cgroups) -> Group | None:
    """A control group, where a limit needs one or is better kept by one."""
    must = process.memory_max is not None or process.cpu_max is not None
    may = process.max_processes is not None and _counts(cgroups)
    if not must and not may:
        return None
    return cgroups.make(
        place.token, Ceiling(process.memory_max, process.cpu_max, process.max_processes if may else None)
    )


def _counts(cgroups: Cgroups) -> bool:
    return cgroups.has(frozenset({"pids"}))


def _launcher() -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", str(LAUNCHER))


def _words(
    process: Process, place: Place, account: Account | None, group: Group | None, *, by_number: bool
) -> list[str]:
    words: dict[str, object] = {
        "report": place.files / "report",
        "directory": place.directory,
        "cgroup": group.path if group is not None else None,
        "processes": process.max_processes if by_number else None,
        "nice": process.nice,
        "umask": process.umask,
    }
    return [f"{name}={value}" for name, value in (words | _who(account)).items() if value is not None]


def _who(account: Account | None) -> dict[str, object]:
    if account is None:
        return {}
    return {"uid": account.uid, "gid": account.gid, "groups": ",".join(map(str, account.groups))}
