"""Reading configuration files: only regular files of a sane size, in UTF-8."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from glob import escape, has_magic, iglob
from itertools import islice
from pathlib import Path
from typing import Final

from polysync.domain.errors import ValueProblem

MOST_FILES: Final = 1000  # of one pattern
LARGEST: Final = 16 << 20  # a million keys; anything larger is not a configuration


def without_waiting(path: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def read_bytes(path: Path, opener: Callable[[str, int], int] = without_waiting) -> bytes:
    """The content of a regular file; ValueProblem says why there is none."""
    try:
        descriptor = opener(str(path), os.O_RDONLY)
    except OSError as error:
        raise ValueProblem(_reason(error), _remedy(error)) from None
    except ValueError:
        raise ValueProblem("is not a path", "it contains a NUL character") from None
    try:
        content = _content(descriptor)
    except OSError as error:
        raise ValueProblem(_reason(error)) from None
    finally:
        os.close(descriptor)
    if len(content) > LARGEST:
        raise ValueProblem("is larger than 16 MB", "split it, or check that it is the right file")
    return content


def _content(descriptor: int) -> bytes:
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        raise ValueProblem(f"is {_sort_of(mode)}, not a file", "name a regular file")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(LARGEST + 1)


def text_of(content: bytes) -> str:
    """The text of a file; ValueProblem names the first byte that is not UTF-8, by line and column."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        good = content[: error.start].decode("utf-8")
        line = good.count("\n") + 1
        column = len(good) - (good.rfind("\n") + 1) + 1
        message = f"is not UTF-8: byte {error.start} (line {line}, column {column}) is 0x{content[error.start]:02x}"
        raise NotText(message, line, column) from None
    if text.startswith("\ufeff"):
        raise NotText("starts with a byte order mark", 1, 1, "save it as UTF-8 without one")
    return text


class NotText(ValueProblem):
    """A file that is not UTF-8 text, and where."""

    def __init__(self, message: str, line: int, column: int, hint: str = "save it as UTF-8") -> None:
        super().__init__(message, hint)
        self.line = line
        self.column = column


def read_text(path: str, read: Callable[[Path], bytes] = read_bytes) -> str:
    """The text of a file named in the configuration; ValueProblem names it."""
    try:
        return text_of(read(Path(path)))
    except ValueProblem as problem:
        raise ValueProblem(f"{path} {problem.message}", problem.hint) from None


def find_files(pattern: str, folder: Path) -> list[str]:
    """The files that a pattern matches, sorted; a plain name is itself, so that a missing one is an error."""
    if "\0" in pattern:
        raise ValueProblem("contains a NUL character")
    if not has_magic(pattern):
        return [str(folder / pattern)]
    whole = str(Path(escape(str(folder))) / pattern)
    found = list(islice(iglob(whole, recursive=True), MOST_FILES + 1))  # noqa: PTH207 - Path.glob takes no absolute one
    if len(found) > MOST_FILES:
        raise ValueProblem(f"matches more than {MOST_FILES:,} files", "write a narrower pattern, like conf.d/*.toml")
    return sorted(found)


def readable_by_all(path: Path) -> bool:
    """Whether every user of the host can read a file."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _sort_of(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied"
    return f"cannot be read: {error.strerror or error}"


def _remedy(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "check the name; relative paths start at the folder of the file that names them"
    return ""
