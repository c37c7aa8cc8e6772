"""The home: every path in it, by name, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The folder in which a daemon keeps everything; `path` is absolute."""

    path: Path

    @property
    def database(self) -> Path:
        """Decisions, runs, history, audit, state."""
        return self.path / "polysync.db"

    @property
    def logs(self) -> Path:
        """Chunks of output."""
        return self.path / "logs.db"

    @property
    def socket(self) -> Path:
        """Where command line and screen attach."""
        return self.path / "polysync.sock"

    @property
    def shared_socket(self) -> Path:
        """The socket where others than the owner may connect too, in a folder that they may pass."""
        return self.path / "sock" / self.socket.name

    @property
    def lock(self) -> Path:
        """Held by the daemon for as long as it lives."""
        return self.path / "lock"

    @property
    def reserve(self) -> Path:
        """Space that is given back when the disk is full, so that decisions can still be stored."""
        return self.path / "reserve"

    @property
    def snapshots(self) -> Path:
        """Copies of the databases from before a migration."""
        return self.path / "snapshots"

    @property
    def cache(self) -> Path:
        """The configuration as it was found good at the last start."""
        return self.path / "configuration.cache"

    @property
    def runs(self) -> Path:
        """The spools of live runs."""
        return self.path / "runs"

    def attempt(self, run_id: int, number: int) -> Path:
        """The folder of one attempt."""
        return self.runs / str(run_id) / str(number)
