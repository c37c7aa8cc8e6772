"""What a shim wrote into its status file: who it is, how the command ended, and what that cost."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final

from polysync.adapters.local.identity import Identity, parse_stat

UNEXECUTED: Final = "unexecuted"
# What the builtin `times` prints: minutes and seconds, with the comma of some locales in some shells.
TIMES: Final = re.compile(r"(\d+)m(\d+)[.,](\d+)s")


@dataclass(frozen=True, slots=True)
class Status:
    """What is known from a status file; nothing in it means that the command never ran."""

    identity: Identity | None = None  # of the shim
    signal: str = "TERM"  # what stops the command
    code: int | None = None  # of the command; 128 + n after signal n
    executed: bool = True  # False where the program could not even be executed
    cpu_seconds: float | None = None


EMPTY: Final = Status()


def read_status(path: str) -> Status | None:
    """What a status file says now, or None where there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        return parse_status(os.read(descriptor, 4096).decode("utf-8", "replace"))
    finally:
        os.close(descriptor)


def parse_status(text: str) -> Status:
    """Read a status file as far as it is complete: a line without its newline was never written."""
    *lines, _unfinished = text.split("\n")
    if not lines:
        return EMPTY
    identity, signal = _parse_identity(lines[0])
    executed = UNEXECUTED not in lines[1:2]
    rest = lines[1:] if executed else lines[2:]
    if not rest:
        return Status(identity, signal, executed=executed)
    return Status(identity, signal, int(rest[0]), executed, _parse_times(rest[1:3]))


def _parse_identity(line: str) -> tuple[Identity, str]:
    stat, boot, signal = line.rsplit(" ", 2)
    parsed = parse_stat(stat)
    return Identity(parsed.pid, parsed.ticks, boot), signal


def _parse_times(lines: list[str]) -> float | None:
    if len(lines) < 2:
        return None
    found = TIMES.findall(" ".join(lines))
    return sum(int(minutes) * 60 + float(f"{seconds}.{part}") for minutes, seconds, part in found)
