"""What a shim wrote into its status file: who it is, how the command ended, and what that cost."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from polysync.adapters.local.identity import Identity, parse_stat
from polysync.adapters.local.quick import read_small

LONGEST: Final = 4096
UNEXECUTED: Final = "unexecuted"
CODE: Final = re.compile(r"[0-9]{1,3}")
# What the builtin `times` prints: minutes and seconds, with the comma of some locales in some shells.
TIMES: Final = re.compile(r"(\d+)m(\d+)[.,](\d+)s")


class Status(NamedTuple):
    """What is known from a status file; nothing in it means that the command never ran."""

    shim: str = ""  # the line of its identity, which for most attempts nobody needs in parts
    code: int | None = None  # of the command; 128 + n after signal n
    executed: bool = True  # False where the program could not even be executed
    times: str = ""  # the words of `times`

    @property
    def identity(self) -> Identity | None:
        """Who the shim is, where it came so far and nobody wrote over it."""
        try:
            line, boot, _signal = self.shim.rsplit(" ", 2)
            stat = parse_stat(line)
        except (ValueError, IndexError):
            return None
        return Identity(stat.pid, stat.ticks, boot)

    @property
    def signal(self) -> str:
        """The name of the signal that stops the command."""
        return self.shim.rpartition(" ")[2] or "TERM"

    @property
    def cpu_seconds(self) -> float | None:
        """The processor time of shim and command, where it was written down."""
        found = TIMES.findall(self.times)
        return sum(int(m) * 60 + float(f"{s}.{part}") for m, s, part in found) if found else None


EMPTY: Final = Status()


def read_status(path: str) -> Status | None:
    """What a status file says now, or None where there is no such file."""
    try:
        return parse_status(read_small(path, LONGEST).decode("utf-8", "replace"))
    except FileNotFoundError:
        return None


def parse_status(text: str) -> Status:
    """Read a status file as far as it is complete: a line without its newline was never written.

    The file lies where the work of the same user can write to it, so it may hold anything.
    """
    lines = text.split("\n")[:-1]
    if not lines:
        return EMPTY
    executed = UNEXECUTED not in lines[1:2]
    rest = lines[1:] if executed else lines[2:]
    code = int(rest[0]) if rest and CODE.fullmatch(rest[0]) else None
    return Status(lines[0], code, executed, " ".join(rest[1:]) if len(rest) > 2 else "")
