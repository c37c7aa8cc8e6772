"""What must be there before a process is started, so that its absence is told in words and not as exit code 127."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Sequence
from typing import Final, NoReturn

from polysync.domain.run import Reason
from polysync.ports import NoRoom, PortError

LONGEST: Final = 131_071  # bytes of one argument or variable: 32 pages with the closing zero
SMALLEST_TOTAL, LARGEST_TOTAL = 131_072, 6 << 20
POINTER: Final = 8
PASSING: Final = frozenset({11, 12, 23, 24, 28})  # EAGAIN, ENOMEM, ENFILE, EMFILE, ENOSPC: later it may go well


def refuse(message: str, *, permanent: bool = True) -> NoReturn:
    """Say why an attempt cannot be started."""
    raise PortError(message, permanent=permanent, reason=Reason.START_FAILED)


def refuse_error(error: OSError, doing: str, remedy: str = "") -> NoReturn:
    """Say what the system answered when an attempt was to be started."""
    message = f"cannot {doing}: {error.strerror or error}{'; ' if remedy else ''}{remedy}"
    if error.errno in PASSING:
        raise NoRoom(message, reason=Reason.START_FAILED) from error
    raise PortError(message, permanent=True, reason=Reason.START_FAILED) from error


def check_folder(folder: str) -> None:
    """Refuse a working directory that is missing or none."""
    try:
        mode = os.stat(folder).st_mode  # noqa: PTH116 - the path of every run: a Path costs more than the call
    except OSError as error:
        refuse_error(error, f"run in the working directory {folder}", "create it or change working_dir")
    if not stat.S_ISDIR(mode):
        refuse(f"the working directory {folder} is not a directory; change working_dir")
    if not os.access(folder, os.X_OK):
        refuse(f"the working directory {folder} may not be entered; change its permissions or working_dir")


def check_shell(shell: str) -> None:
    """Refuse a shell that is missing or cannot be executed."""
    fault = _fault(shell)
    if fault:
        refuse(f"the shell {shell} {fault}; install it or change shell")


def check_program(program: str, path: str, folder: str) -> None:
    """Refuse a program that is not found, by its path or in the PATH of the job, or that cannot be executed."""
    if "/" in program:
        fault = _fault(os.path.join(folder, program))  # noqa: PTH118 - as above
        if fault:
            check_folder(folder)
            refuse(f"the program {program} {fault}; correct the first word of the command{_hint(program, folder)}")
        return
    faults = [_fault(os.path.join(folder, part, program)) for part in path.split(os.pathsep)]  # noqa: PTH118 - as above
    if "" not in faults:
        check_folder(folder)
        other = next((fault for fault in faults if fault != MISSING), "was not found")
        refuse(f"the program {program} {other} in PATH ({path}); install it, or write its whole path")


def check_sizes(strings: Sequence[bytes], words: str) -> int:
    """Refuse a string that is longer than the system takes; the answer is what they need together."""
    if strings and max(map(len, strings)) > LONGEST:
        longest = max(strings, key=len)
        start = os.fsdecode(longest[:40].split(b"=", 1)[0])
        refuse(
            f"{words} {start!r} has {len(longest)} bytes, and the system takes {LONGEST}; "
            "put large data into a file or a parameter that is read from POLYSYNC_PARAMS"
        )
    return sum(map(len, strings)) + (1 + POINTER) * len(strings)


def check_total(total: int) -> None:
    """Refuse arguments and environment that together are more than the system takes."""
    limit = total_limit()
    if total > limit:
        refuse(f"arguments and environment have {total} bytes together, and the system takes {limit}; shorten them")


def total_limit() -> int:
    """How many bytes of arguments and environment the system takes under the stack limit of now."""
    stack, _ = resource.getrlimit(resource.RLIMIT_STACK)
    quarter = LARGEST_TOTAL if stack == resource.RLIM_INFINITY else stack // 4
    return max(SMALLEST_TOTAL, min(quarter, LARGEST_TOTAL)) - 4096  # the kernel keeps its own words there too


MISSING: Final = "does not exist"


def _fault(path: str) -> str:
    """What is wrong with a program, or nothing."""
    # One look is enough for most: each is a moment without the interpreter, which others then want too.
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - as above
    except PermissionError:
        return "cannot be reached: permission denied"
    except (OSError, ValueError):
        return MISSING
    if stat.S_ISDIR(mode):
        return "is a directory"
    is_executable = mode & 0o111 and (mode & 0o001 or os.access(path, os.X_OK))
    return "" if is_executable else "is not executable; set its x bit"


def _hint(program: str, folder: str) -> str:
    return "" if program.startswith("/") else f" (it is looked for from {folder})"
