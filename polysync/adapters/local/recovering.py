"""Ending an attempt with everything that belongs to it, so that there are never two copies of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from polysync.adapters.local.cgroup import Cgroups
from polysync.adapters.local.handles import Mark
from polysync.adapters.local.ladder import Target, stop
from polysync.domain.values import Signal
from polysync.ports import PortError

MERCY: Final = timedelta(seconds=5)  # between the signal and SIGKILL, for what outlived its shim
AGAIN: Final = timedelta(seconds=30)


async def end_all(mark: Mark, grace: timedelta, cgroups: Cgroups) -> None:
    """Ask the group to end, and end what is left of session and mark; whoever cannot be killed is named."""
    left = await stop(Target(mark.shim, mark.token, cgroups.find(mark.token)), Signal(mark.signal), grace)
    if left:
        raise PortError("; ".join(left), retry_after=AGAIN)
