"""Named places where a test makes the daemon die, stand still or fail: nothing happens unless it was asked for.

`POLYSYNC_FAILPOINT="journal.before_commit=kill@3;spawn.after=stop"` kills the daemon at the third passage of
one place and stops it at the first of another.  Actions: `kill` (SIGKILL to this process), `stop` (SIGSTOP),
`raise:ERRNO` (an `OSError`, such as `raise:ENOSPC`) and `spin:SECONDS` (a busy loop that blocks everything).
`@N` means the N-th passage only, `@N+` that one and every later one; without it the first.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

VARIABLE: Final = "POLYSYNC_FAILPOINT"
# Every place there is; a test proves that each one is passed.
PLACES: Final = (
    "journal.before_commit",  # records are written, the transaction is open
    "journal.after_commit",  # durable, nobody knows it yet
    "driver.before_actions",  # durable, nothing started, stopped or told
    "driver.after_actions",  # started or stopped, nothing told
    "local.before_claim",  # the attempt is durable, its folder does not exist
    "local.after_claim",  # the status file exists and is locked, no process yet
    "local.after_spawn",  # the shim runs, its handle is not durable
    "local.before_harvest",  # the shim is gone, its status not yet read
    "local.before_forget",  # the end is durable, the folder still there
    "logs.before_commit",  # chunks are written, the transaction is open
    "logs.after_commit",  # chunks are durable, the spool not yet given back
    "api.before_answer",  # durable, the client does not know it
    "start.after_lock",  # the home is ours, nothing read
    "start.after_snapshot",  # the past is known, nothing attached
)


@dataclass(slots=True)
class _Charge:
    action: str
    argument: str
    first: int
    always: bool
    passed: int = 0


class UnknownPlace(ValueError):
    """The variable names a place or an action that does not exist."""


def parse(text: str) -> dict[str, _Charge]:
    """What the variable asks for, by place."""
    charges = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        place, _, rest = entry.partition("=")
        wanted, _, count = rest.partition("@")
        action, _, argument = wanted.partition(":")
        if place not in PLACES or action not in _ACTIONS:
            raise UnknownPlace(f"{VARIABLE}: no such place or action: {entry}")
        charges[place] = _Charge(action, argument, int(count.rstrip("+") or 1), count.endswith("+"))
    return charges


def hit(place: str) -> None:
    """Pass a place; where nothing was asked for, this is one look into an empty table."""
    charge = _charges.get(place)
    if charge is None:
        return
    charge.passed += 1
    if charge.passed == charge.first or (charge.always and charge.passed > charge.first):
        _ACTIONS[charge.action](charge.argument)


def _kill(_argument: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(_argument: str) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _raise(argument: str) -> None:
    raise OSError(getattr(errno, argument), f"failpoint: {argument}")


def _spin(argument: str) -> None:
    from polysync.clock import SystemClock  # noqa: PLC0415 - only a test comes here

    clock = SystemClock()
    until = clock.read().monotonic.total_seconds() + float(argument)
    while clock.read().monotonic.total_seconds() < until:
        pass


_ACTIONS: Final[dict[str, Callable[[str], None]]] = {"kill": _kill, "stop": _stop, "raise": _raise, "spin": _spin}
_charges = parse(os.environ.get(VARIABLE, ""))
