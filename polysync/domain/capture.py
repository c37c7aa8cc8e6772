"""How much of what a run puts out is kept, what goes for it, and what need not even be read.

The limit counts bytes as they were put out, of all attempts of a run together.  While the disk is short the
limit is what was kept when that began: output may take the place of its own, and no other.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from polysync.domain.quantity import format_size
from polysync.domain.values import LogFull

PIECE: Final = 352 << 10  # what one stored piece holds at most: pressed, usual logs fill a page of 64 KiB with it
PARTS: Final = 16  # the oldest goes in pieces and steps of this part of the limit
SMALLEST: Final = 256  # bytes: a piece below it costs more than it holds
STEP: Final = 8 << 20  # more is never dropped at once beyond what must go
FLOOR: Final = 1 << 20  # bytes that a run may keep of its newest output even while the disk is short
QUOTA: Final = 256 << 20  # bytes that may wait in a spool
AHEAD: Final = 16 << 20  # as much may always wait: no output is passed over because a limit is small
WORTH: Final = 1 << 20  # bytes that are worth being passed over: fewer are read


class Limit(NamedTuple):
    """How much of the output of a run is kept, and what happens there."""

    size: int = 100 << 20
    on_full: LogFull = LogFull.DROP_OLD


class Portion(NamedTuple):
    """What becomes of a stretch of output: so many bytes of it are kept, and so many older ones go."""

    keep: int
    drop: int = 0


class Stretch(NamedTuple):
    """A part of what waits: where it begins, and how long it is."""

    begin: int
    length: int


class Loss(StrEnum):
    """Why output is not kept."""

    OLD = "old"
    NEW = "new"
    KILLED = "killed"
    LOW = "low"
    PASSED = "passed"
    WITHHELD = "withheld"


NONE: Final = Stretch(0, 0)


def portion(limit: Limit, kept: int, coming: int, *, ceiling: int | None = None) -> Portion:
    """What becomes of `coming` bytes where `kept` bytes of the run are stored."""
    size = allowed(limit, ceiling)
    if limit.on_full is not LogFull.DROP_OLD:
        return Portion(min(coming, max(0, size - kept)))
    over = kept + coming - size
    return Portion(coming, over + min(STEP, size // PARTS) if over > 0 else 0)


def piece(limit: Limit) -> int:
    """How large a stored piece may be, so that the oldest can go without taking much else with it."""
    return min(PIECE, max(SMALLEST, limit.size // PARTS))


def excess(limit: Limit, kept: int, waiting: int, *, ceiling: int | None = None, quota: int = QUOTA) -> Stretch:
    """What of the `waiting` bytes need not be read, because it is not going to be kept."""
    if limit.on_full is LogFull.DROP_OLD:
        most = min(quota, max(2 * limit.size, AHEAD))
        stay = min(limit.size, most // 2)
        return Stretch(0, waiting - stay) if waiting > most else NONE
    room = max(0, allowed(limit, ceiling) - kept)
    if waiting - room > (AHEAD if room else WORTH):
        return Stretch(room, waiting - room)
    if limit.on_full is LogFull.DROP_NEW and waiting > quota:
        return Stretch(quota, waiting - quota)
    return NONE


def allowed(limit: Limit, ceiling: int | None) -> int:
    """The size that holds just now; `ceiling` is what was kept when the disk became short."""
    if ceiling is None:
        return limit.size
    return min(limit.size, max(ceiling, FLOOR) if limit.on_full is LogFull.DROP_OLD else ceiling)


def told(loss: Loss, limit: Limit) -> str:
    """What people are told about output that is not kept."""
    return _TOLD[loss].format(size=format_size(limit.size))


_TOLD: Final = {
    Loss.OLD: "the log of this run reached {size}: its oldest output is dropped",
    Loss.NEW: "the log of this run reached {size}: what comes now is dropped",
    Loss.KILLED: "the log of this run reached {size}: the run is stopped, and what comes now is dropped",
    Loss.LOW: "there is no room for output: some is dropped",
    Loss.PASSED: "output comes faster than it can be stored: some is passed over",
    Loss.WITHHELD: "the secrets of this run cannot be had: its output is withheld",
}
