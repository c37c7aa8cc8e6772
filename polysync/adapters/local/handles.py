"""The handle of a local execution: enough to find it, to know it from a stranger, and to stop it after a restart."""

from __future__ import annotations

from typing import NamedTuple

from polysync.adapters.local.identity import Identity
from polysync.adapters.local.status import Status
from polysync.domain.run import Reason
from polysync.ports import Handle, PortError


class Mark(NamedTuple):
    """A handle, read."""

    folder: str  # under `runs`: run/attempt
    token: str
    shim: Identity
    signal: str  # what asks the command to stop

    @property
    def run(self) -> str:
        """The number of the run, as it stands in the path."""
        return self.folder.partition("/")[0]

    @property
    def number(self) -> str:
        """The number of the attempt, as it stands in the path."""
        return self.folder.partition("/")[2]


def write_handle(folder: str, token: str, shim: Identity, signal: str) -> Handle:
    """The handle as JSON data."""
    pid, ticks, boot = shim
    return {"folder": folder, "token": token, "pid": pid, "ticks": ticks, "boot": boot, "signal": signal}


def read_handle(handle: Handle) -> Mark:
    """What a handle means."""
    shim = Identity(int(handle["pid"]), int(handle["ticks"]), str(handle["boot"]))
    return Mark(str(handle["folder"]), str(handle["token"]), shim, str(handle.get("signal", "TERM")))


def handle_of(folder: str, token: str, status: Status) -> Handle:
    """The handle of an execution that was found by its status file."""
    shim = status.identity
    if shim is None:  # it ran, or it still runs: to start another one would be a guess
        raise PortError(f"the status file of {folder} was written over", permanent=True, reason=Reason.LOST)
    return write_handle(folder, token, shim, status.signal)
