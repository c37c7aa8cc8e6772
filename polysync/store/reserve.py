"""The reserve: space held back, and given up when the disk is full so that decisions still commit."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from polysync.ports import PortError

RESERVED: Final = 16 * 1024 * 1024  # far more than the decisions of a full day need


class Reserve:
    """A file of real blocks in the home."""

    def __init__(self, path: Path, size: int = RESERVED) -> None:
        self.path = path
        self._size = size

    @property
    def held(self) -> bool:
        """Whether there is something to give up."""
        return self._blocks() > 0

    def ensure(self) -> bool:
        """Take the space (again) where the disk has it; False where it has not, with nothing taken."""
        if self._blocks() >= self._size:
            return True
        try:
            self._take()
        except OSError as error:
            self.release()
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                return False
            raise PortError(f"{self.path}: {error.strerror}") from error
        return True

    def release(self) -> bool:
        """Give the space up; True where that made room, so that what failed is worth one more try."""
        room = self.held
        # An unlink may need a free block itself on some file systems; a truncation does not.
        try:
            os.truncate(self.path, 0)
            self.path.unlink()
        except OSError:
            return False
        return room

    def _take(self) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size)
        finally:
            os.close(descriptor)

    def _blocks(self) -> int:
        try:
            return self.path.stat().st_blocks * 512
        except OSError:
            return 0
