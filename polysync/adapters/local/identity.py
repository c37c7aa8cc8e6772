"""Who a process is: its number, when it was born and on which boot, so that a stranger is never taken for it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from polysync.adapters.local.quick import read_small

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
STAT_BYTES: Final = 4096
DEAD: Final = frozenset("ZXx")  # a zombie keeps its number until its parent asks, but nothing of it runs


class Identity(NamedTuple):
    """One process, for ever: numbers are used again, but not by another birth on the same boot."""

    pid: int
    ticks: int  # when it started, in clock ticks since the boot
    boot: str


class Stat(NamedTuple):
    """What polysync needs of a line of /proc/PID/stat."""

    pid: int
    state: str
    group: int
    session: int
    ticks: int


def parse_stat(line: str) -> Stat:
    """Read a line of /proc/PID/stat; the name in it may hold spaces and brackets, so the last bracket counts."""
    head, _, tail = line.rpartition(")")
    fields = tail.split(None, 20)
    return Stat(int(head.split(" ", 1)[0]), fields[0], int(fields[2]), int(fields[3]), int(fields[19]))


def stat_of(pid: int) -> Stat | None:
    """The stat line of a process, a zombie's too, or None where there is no such process."""
    try:
        return parse_stat(read_small(f"/proc/{pid}/stat", STAT_BYTES).decode("utf-8", "replace"))
    except (FileNotFoundError, ProcessLookupError):  # it ended, or ends just now
        return None


@cache
def boot_id() -> str:
    """The word that this boot of the host goes by."""
    return BOOT_ID.read_text(encoding="ascii").strip()


def identity_of(pid: int) -> Identity | None:
    """The identity of a process that runs, or None where none of that number does."""
    stat = stat_of(pid)
    return None if stat is None or stat.state in DEAD else Identity(pid, stat.ticks, boot_id())


def same(identity: Identity) -> bool:
    """Whether exactly this process still runs."""
    return identity.boot == boot_id() and identity_of(identity.pid) == identity
