"""Shims started by hand, as the adapter starts them, to look at what they record."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polysync.adapters.local.order import shim_text
from polysync.adapters.local.spawn import Environment, Order, Spawn, spawner
from polysync.adapters.local.status import Status, parse_status
from tests.adapters_local.waiting_for import until_now

SHELLS = {
    "sh": ["/bin/sh"],
    "bash": ["bash", "--posix"],
    "busybox": ["busybox", "ash"],
}
HERE = [name for name, argv in SHELLS.items() if shutil.which(argv[0])]


@dataclass(frozen=True)
class Shim:
    """A shim that was started."""

    pid: int
    folder: Path

    @property
    def status(self) -> Status:
        """What it has recorded."""
        return parse_status((self.folder / "status").read_text())

    @property
    def out(self) -> str:
        """What the command wrote."""
        return (self.folder / "out").read_text()

    @property
    def err(self) -> str:
        """What the command complained."""
        return (self.folder / "err").read_text()

    def wait(self) -> int:
        """Its own wait status, as an exit code."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def signal_group(self, number: signal.Signals) -> None:
        """What a stop does, once the command runs."""
        until_now(lambda: self.out.startswith("ready"))
        os.killpg(self.pid, number)


def start_shim(folder: Path, argv: Sequence[str], shell: str = "sh", spawn: Spawn | None = None) -> Shim:
    """Start a shim whose files are in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    program = shutil.which(SHELLS[shell][0]) or "/bin/sh"
    words = [program, *SHELLS[shell][1:], "-c", shim_text(), "polysync", "TERM", *argv]
    status = os.open(folder / "status", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        order = Order(
            [os.fsencode(word) for word in words],
            Environment([b"%s=%s" % pair for pair in os.environb.items()]),
            [],
            os.fsencode(folder),
            os.fsencode(folder / "out"),
            os.fsencode(folder / "err"),
            status,
        )
        return Shim((spawn or spawner())(order), folder)
    finally:
        os.close(status)
