"""Where the folders of runs lie on the disk.

An ext4 without a journal gives a deleted inode to nobody for some minutes, and each new file looks at all such inodes
of its part of the disk before it finds its own: with some runs a second that costs more than all the rest of a run.
A folder that is marked as the top of a tree has its folders spread over the whole disk, where there are few of them.
Elsewhere that would only cost time, and nothing is marked.
"""

from __future__ import annotations

import array
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

GET_FLAGS: Final = 0x8008_6601  # FS_IOC_GETFLAGS and FS_IOC_SETFLAGS, where a long has eight bytes
SET_FLAGS: Final = 0x4008_6602
TOP: Final = 0x0002_0000  # FS_TOPDIR_FL
MOUNTED: Final = Path("/proc/fs/ext4")  # a folder for each device that holds an ext4
JOURNALS: Final = Path("/proc/fs/jbd2")  # and one for each journal, named after its device


def spread(folder: Path) -> bool:
    """Have the folders in `folder` spread over the disk, where that helps; tells whether it was done."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return bool(without_journal(os.fstat(descriptor).st_dev) and _mark(descriptor))
        finally:
            os.close(descriptor)
    return False


def without_journal(device: int, mounted: Path = MOUNTED, journals: Path = JOURNALS) -> bool:
    """Whether a device holds an ext4 that has no journal."""
    name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
    has_journal = journals.is_dir() and any(name in _devices(journal.name) for journal in journals.iterdir())
    return (mounted / name).is_dir() and not has_journal


def _devices(journal: str) -> tuple[str, str]:
    """A journal has the name of its device, with the number of an inode where it lies in the file system itself."""
    return journal, journal.rpartition("-")[0]


def _mark(descriptor: int) -> bool:
    flags = array.array("l", [0])
    fcntl.ioctl(descriptor, GET_FLAGS, flags)
    flags[0] |= TOP
    fcntl.ioctl(descriptor, SET_FLAGS, flags)
    return True
