"""What a service manager is told: `sd_notify`, and where it wants signs of life."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

ADDRESS: Final = "NOTIFY_SOCKET"
MICROSECOND: Final = timedelta(microseconds=1)
WATCHDOG: Final = ("WATCHDOG_USEC", "WATCHDOG_PID")


@dataclass(frozen=True, slots=True)
class Supervisor:
    """Whoever started the daemon, where it listens; nobody does when `address` is empty."""

    address: str = ""
    watchdog: timedelta | None = None  # it restarts a daemon that is silent for this long

    def tell(self, **state: str) -> None:
        """Say `READY="1"` or the like; somebody who does not listen is no trouble of ours."""
        if not self.address:
            return
        name = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        words = "\n".join(f"{key}={value}" for key, value in state.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as line:
                line.sendto(words.encode(), name)
        except OSError:
            return

    def tell_reloading(self, monotonic: timedelta) -> None:
        """Say that the configuration is being read again, from this moment on; `READY="1"` is the end of it."""
        self.tell(RELOADING="1", MONOTONIC_USEC=str(monotonic // MICROSECOND), STATUS="reads its configuration again")


def supervisor(env: Mapping[str, str], pid: int) -> Supervisor:
    """Whoever the environment names; a watchdog of another process is not ours."""
    given, owner = (env.get(name, "") for name in WATCHDOG)
    ours = given.isdecimal() and int(given) > 0 and owner in {"", str(pid)}
    return Supervisor(env.get(ADDRESS, ""), timedelta(microseconds=int(given)) if ours else None)


def forget_supervisor(env: dict[str, str] | os._Environ[str]) -> None:
    """The work must not speak in the daemon's name."""
    for name in (ADDRESS, *WATCHDOG):
        env.pop(name, None)
