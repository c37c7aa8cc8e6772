"""The last step before a command that needs another user or limits: a script of its own, run between shim and command.

It imports nothing of polysync, and the standard library only where it must, because it stands in the way of a
start: `python -I -S launch.py KEY=VALUE… -- COMMAND…`.  All of it is imported before the user is switched, who may
have no right to read the library.  Whatever it cannot do, it writes into the report of the
attempt, so that a limit which was not set is never taken for a command that failed, and exits with 126.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NoReturn

FAILED: Final = 126
SET_NO_NEW_PRIVS: Final = 38
GET_NO_NEW_PRIVS: Final = 39
STDERR: Final = 2
ENVIRONMENT: Final = "/proc/self/environ"


class Refused(Exception):
    """Something that was asked for could not be done."""


def main(words: Sequence[str]) -> NoReturn:
    """Do what the words before `--` say, and become the command after it."""
    end = words.index("--")
    wanted = dict(word.split("=", 1) for word in words[:end])
    report = _open_report(wanted["report"])
    try:
        environment = given_environment()  # before the user is switched: afterwards the kernel hides it
        for name, step in STEPS.items():
            if name in wanted:
                step(wanted[name], wanted)
        become(list(words[end + 1 :]), environment)
    except (Refused, OSError, ValueError) as problem:
        os.write(report, line(str(problem)))
        os._exit(FAILED)


def become(argv: list[str], environment: dict[bytes, bytes]) -> NoReturn:
    """Execute the command, with the signals and the environment that came from the shim."""
    # Python ignores these two for itself, and an ignored signal would stay ignored in the command.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    path = os.fsdecode(environment.get(b"PATH", os.defpath.encode()))
    last: OSError = FileNotFoundError(2, "No such file or directory")
    for folder in [""] if "/" in argv[0] else path.split(":"):
        try:
            os.execve(os.path.join(folder, argv[0]), argv, environment)  # noqa: PTH118, S606 - pathlib takes time to import
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            last = error
    raise Refused(f"cannot execute {argv[0]}: {last.strerror}")


def given_environment() -> dict[bytes, bytes]:
    """The environment as it was given: Python adds a locale of its own to `os.environ`."""
    with open(ENVIRONMENT, "rb") as file:  # noqa: PTH123 - pathlib takes time to import
        entries = [entry.split(b"=", 1) for entry in file.read().split(b"\0") if b"=" in entry]
    return {entry[0]: entry[1] for entry in entries}


def _open_report(path: str) -> int:
    if path == "-":
        return os.dup(STDERR)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o600)


def line(problem: str) -> bytes:
    """A problem as a line of the report."""
    escaped = "".join(c if c.isprintable() and c not in '"\\' else "?" for c in problem[:1000])
    return b'\n{"start_failed": "%s"}\n' % escaped.encode(errors="replace")


def join_group(path: str, _: Mapping[str, str]) -> None:
    """Enter the control group."""
    with open(os.path.join(path, "cgroup.procs"), "w", encoding="ascii") as file:  # noqa: PTH118, PTH123 - as above
        file.write("0")


def limit_processes(number: str, _: Mapping[str, str]) -> None:
    """Limit the number of processes of this user."""
    limit = int(number)
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if hard != resource.RLIM_INFINITY and limit > hard:
        raise Refused(f"max_processes = {limit} is more than the {hard} that the host allows")
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
    check("max_processes", resource.getrlimit(resource.RLIMIT_NPROC), (limit, limit))


def set_nice(number: str, _: Mapping[str, str]) -> None:
    """Set the niceness."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, int(number))
    except PermissionError:
        raise Refused(f"nice = {number} is not allowed: only root may go below what it started with") from None
    check("nice", os.getpriority(os.PRIO_PROCESS, 0), int(number))


def set_umask(octal: str, _: Mapping[str, str]) -> None:
    """Set the file mode mask."""
    os.umask(int(octal, 8))
    check("umask", os.umask(int(octal, 8)), int(octal, 8))


def switch_user(number: str, wanted: Mapping[str, str]) -> None:
    """Become another user for good."""
    uid, gid = int(number), int(wanted["gid"])
    groups = sorted({int(group) for group in wanted["groups"].split(",")})
    try:
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        raise Refused(f"cannot become user {uid}: {error.strerror}") from None
    check("the user", (*os.getresuid(), *os.getresgid()), (uid, uid, uid, gid, gid, gid))
    check("the groups", sorted(set(os.getgroups())), groups)
    check("the way back", uid == 0 or not _can_be_root(), expected=True)
    _forbid_new_privileges()


def _can_be_root() -> bool:
    try:
        os.setuid(0)
    except OSError:
        return False
    return True


def _forbid_new_privileges() -> None:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    longs = [ctypes.c_ulong(number) for number in (1, 0, 0, 0)]
    prctl(SET_NO_NEW_PRIVS, *longs)
    check("no new privileges", prctl(GET_NO_NEW_PRIVS, *[ctypes.c_ulong(0)] * 4), 1)


def enter(directory: str, _: Mapping[str, str]) -> None:
    """Go where the command runs, with the rights of its user."""
    try:
        os.chdir(directory)
    except OSError as error:
        raise Refused(f"cannot run in the working directory {directory}: {error.strerror}") from None


def check(what: str, found: object, expected: object) -> None:
    """Refuse to go on where a setting, read again, is not what it was set to."""
    if found != expected:
        raise Refused(f"{what} could not be set: it is {found}, and was to be {expected}")


STEPS: Final[Mapping[str, Callable[[str, Mapping[str, str]], None]]] = {
    "cgroup": join_group,
    "processes": limit_processes,
    "nice": set_nice,
    "umask": set_umask,
    "uid": switch_user,
    "directory": enter,
}

if __name__ == "__main__":
    main(sys.argv[1:])
