"""What a command touches of the world: streams, environment, terminal and time, all of it handed in."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any, Self, TextIO

WIDEST = 4096  # columns; a terminal that claims more is not one


class Surroundings:
    """The world around one command."""

    __slots__ = ("columns", "env", "folder", "now", "stderr", "stdin", "stdout", "zone")

    def __init__(  # noqa: PLR0913 - each is another part of the world
        self,
        *,
        env: Mapping[str, str],
        folder: str,
        stdin: TextIO,
        stdout: TextIO,
        stderr: TextIO,
        columns: int | None,
        now: Callable[[], datetime],
        zone: Callable[[], str],
    ) -> None:
        self.env = env
        self.folder = folder  # the working directory
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.columns = columns  # of the terminal; None where the output goes elsewhere
        self.now = now
        self.zone = zone  # the name of the host's zone

    def but(self, **changed: Any) -> Self:
        """The same world with something else in it."""
        return type(self)(**{**{name: getattr(self, name) for name in self.__slots__}, **changed})


def this_process() -> Surroundings:
    """The world of this process."""
    stdin, stdout, stderr = (usable(stream) for stream in (sys.stdin, sys.stdout, sys.stderr))
    return Surroundings(
        env=os.environ,
        folder=_folder(),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        columns=columns(os.environ.get("COLUMNS", ""), stdout),
        now=_now,
        zone=_zone,
    )


def usable(stream: TextIO | None) -> TextIO:
    """A stream that takes every character, also where the terminal's encoding does not; a closed one swallows all."""
    if stream is None:
        return open(os.devnull, "r+", encoding="utf-8")  # noqa: PTH123 - pathlib costs a start-up
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return stream


def _folder() -> str:
    """The working directory; a deleted one still has a name that leads nowhere."""
    try:
        return os.getcwd()  # noqa: PTH109 - pathlib costs a start-up
    except OSError:
        return "."


def columns(told: str, stdout: TextIO) -> int | None:
    """The width that COLUMNS tells, or that of the terminal, or None: then nothing is cut."""
    if told.isascii() and told.isdigit() and 0 < int(told[:5]) <= WIDEST:
        return int(told)
    try:
        return os.get_terminal_size(stdout.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _now() -> datetime:
    from polysync.clock import SystemClock

    return SystemClock().read().wall


def _zone() -> str:
    from polysync.clock import this_zone

    return this_zone()
