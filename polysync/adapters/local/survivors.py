"""Who is left of an attempt: the processes of its session, and those that carry its mark wherever they went."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from polysync.adapters.local.identity import DEAD, Identity, Stat, boot_id, stat_of

MARK: Final = b"POLYSYNC_TOKEN="


class Found(NamedTuple):
    """A process of an attempt, as it was when somebody looked."""

    identity: Identity
    state: str  # the letter of /proc: D is a sleep that nothing ends
    session: int


def survivors(session: int | None, token: str) -> list[Identity]:
    """The processes of a session, and all that were given the token; never this one, and no dead ones."""
    return [found.identity for found in find(session, token)]


def find(session: int | None, token: str, since: int = 0) -> list[Found]:
    """The same with their states; whoever is older than `since` (clock ticks since the boot) is nobody's child."""
    mark, boot, found = MARK + os.fsencode(token), boot_id(), []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - a Path for each process costs more than the look at it
        stat = stat_of(int(entry)) if entry.isdigit() and int(entry) != os.getpid() else None
        if stat is None or stat.state in DEAD or stat.ticks < since:
            continue
        if stat.session == session or _is_marked(stat, mark):
            found.append(Found(Identity(stat.pid, stat.ticks, boot), stat.state, stat.session))
    return found


def carriers(mark: bytes, before: int) -> list[Identity]:
    """The processes that carry this line in their environment and began before that (clock ticks since the boot)."""
    stats = (stat_of(int(entry)) for entry in os.listdir("/proc") if entry.isdigit())  # noqa: PTH208 - as above
    found = (one for one in stats if one is not None and one.state not in DEAD and one.ticks < before)
    return [Identity(one.pid, one.ticks, boot_id()) for one in found if _is_marked(one, mark)]


def name_of(pid: int) -> str:
    """What a process calls itself."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "?"


def _is_marked(stat: Stat, mark: bytes) -> bool:
    try:
        with open(f"/proc/{stat.pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs more than the read
            return mark in file.readall().split(b"\0")
    except OSError:  # gone meanwhile, or somebody else's
        return False
