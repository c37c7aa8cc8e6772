"""On what file system the home lies: locks and shared memory are not to be had on a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from polysync.ports import PortError

MOUNTS: Final = Path("/proc/self/mountinfo")
# SQLite's write-ahead log needs shared memory between processes, and the lock needs a flock that holds.
NETWORK: Final = frozenset(
    "9p afs acfs beegfs ceph cifs coda davfs fuse.ceph fuse.cephfs fuse.davfs2 fuse.gcsfuse fuse.glusterfs fuse.mfs"
    " fuse.rclone fuse.s3fs fuse.smbnetfs fuse.sshfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 orangefs pvfs2"
    " smb smb2 smb3 smbfs vboxsf".split()
)
FLEETING: Final = {
    "tmpfs": "is gone after a reboot",
    "ramfs": "is gone after a reboot",
    "overlay": "may be gone with its container, and promises no durability",
    "aufs": "may be gone with its container, and promises no durability",
}


class UnfitFileSystem(PortError):
    """The home lies on a file system that cannot keep it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


@dataclass(frozen=True, slots=True)
class Mount:
    """A place in the tree of folders, and what is mounted there."""

    point: str
    kind: str


def mounts(text: str) -> list[Mount]:
    """The mounts that a mountinfo file lists, in its order: later ones cover earlier ones."""
    found = []
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if separator and len(fields) > 4:
            found.append(Mount(_plain(fields[4]), after.split(" ")[0]))
    return found


def kind_of(path: Path, table: list[Mount]) -> str:
    """The type of the file system that `path` (absolute, without links) lies on; empty where nothing covers it."""
    covering = [mount for mount in table if path.is_relative_to(mount.point)]
    return max(enumerate(covering), key=lambda item: (len(item[1].point), item[0]))[1].kind if covering else ""


def check_file_system(path: Path, source: Path = MOUNTS) -> str | None:
    """Raise `UnfitFileSystem` for a network file system; a warning in words for one that forgets; else None."""
    try:
        table = mounts(source.read_text(encoding="utf-8", errors="surrogateescape"))
    except OSError:
        return None  # no /proc: nothing is known, and guessing would keep people out of a good home
    kind = kind_of(path.resolve(), table)
    if kind in NETWORK:
        raise UnfitFileSystem(
            f"the home {path} is on a network file system ({kind}); locks and the database's shared memory do not"
            " hold there: set home to a folder on a local disk"
        )
    return f"the home {path} is on {kind}, which {FLEETING[kind]}" if kind in FLEETING else None


def _plain(field: str) -> str:
    """A path as it is: mountinfo writes blanks and backslashes in octal."""
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, sign)
    return field
