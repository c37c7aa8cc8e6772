"""The daemon as most commands need it: where it is, how it is asked, and that it may be lost."""

from __future__ import annotations

from pathlib import Path

from polysync.cli.denied import Lost
from polysync.cli.link import Daemon, attach
from polysync.cli.place import socket_of
from polysync.cli.session import Session

__all__ = ["Daemon", "Lost", "attach", "socket_path"]


def socket_path(session: Session) -> Path:
    """Where the daemon listens."""
    return Path(socket_of(session))
