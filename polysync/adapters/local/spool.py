"""One spool file, read from where the store ends; what was stored is given back to the disk.

The work owns the other end and may do anything to it.  A script that says `echo x > /dev/stderr` empties the
file, and a program that writes to a place of its own choosing leaves holes; so an offset in the stream is a
position in the file plus an origin, which moves and is remembered beside the file whenever it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

from polysync.adapters.local.quick import size_of
from polysync.ports import PortError

PAGE: Final = 4096
WORTH: Final = 1 << 20  # bytes that are worth a hole: most runs never write as much
LINE: Final = 4096  # bytes by which a large read may be shorter, so that it ends with a line
PUNCH: Final = 0x03  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
FOREIGN: Final = {errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENXIO}
NOWAIT: Final[int] = os.RWF_NOWAIT

Settle = Callable[[], Awaitable[None]]  # stores whatever was read so far

_buffer = bytearray(1 << 20)  # of the loop, between two of its turns
_libc = ctypes.CDLL(None, use_errno=True)


class Gap(NamedTuple):
    """A stretch of the file that is not read."""

    begin: int
    end: int


class Spool:
    """A file that somebody else appends to; `offset` is how far the stream was read."""

    def __init__(self, path: Path, settle: Settle, *, keep: bool = False) -> None:
        self.path = path
        self._where = str(path)
        self._settle = settle
        self.offset = 0
        self.problem = ""  # why it cannot be read: it is no longer the file that was put there
        self._keep = keep  # never written to, never punched, its origin not remembered
        self._origin = 0  # the offset in the stream of the first byte of the file
        self._punched = 0  # position up to which the file was given back
        self._gap: Gap | None = None
        self._fd: int | None = None

    @property
    def _position(self) -> int:
        return self.offset - self._origin

    def begin(self, stored: int) -> None:
        """Go on at this offset of the stream."""
        self.offset = stored
        self._origin = min(_recalled(self._memory), stored) if stored else 0
        self._gap = _recalled_gap(self._gap_memory)
        self.kept_upto(stored)

    def size(self) -> int:
        """The size of the file; nothing is read that lies beyond it."""
        if self.problem:
            return 0
        try:
            return size_of(self._where)
        except FileNotFoundError:
            return 0

    def has_more(self) -> bool:
        """Whether there is something to read, or the file was cut."""
        return self.size() != self._position

    def passed(self, size: int) -> bool:
        """Whether everything was read that stood in the file when it had this size."""
        return bool(self.problem) or self._position >= size

    def waiting_after(self, stored: int) -> int:
        """How much stands in the file behind an offset of the stream, without what is to be passed over."""
        passed = 0 if self._gap is None else self._gap.end - max(self._gap.begin, stored - self._origin)
        return max(0, self.size() - (stored - self._origin) - max(0, passed))

    async def pass_over(self, begin: int, length: int) -> None:
        """Never read a stretch of the stream, nor what lies between it and one of which this was said before.

        It is noted, so that a successor knows how much there was, and then given back to the disk.
        """
        if not self._open():
            return
        fresh = Gap(begin - self._origin, begin - self._origin + length)
        before = self._gap or fresh
        self._gap = gap = Gap(min(before.begin, fresh.begin), max(before.end, fresh.end))
        self._write_down(self._gap_memory, f"{gap.begin} {gap.end}")
        await asyncio.to_thread(_punch_and_close, os.dup(self._descriptor), gap.begin, gap.end - gap.begin)

    @property
    def missing(self) -> int:
        """How many bytes are to be passed over next; 0 where the next one is to be read."""
        gap = self._gap
        return gap.end - self._position if gap is not None and gap.begin <= self._position < gap.end else 0

    def skip(self) -> None:
        """Go on behind what is to be passed over."""
        self.offset += self.missing

    def kept_upto(self, stored: int) -> None:
        """So much is stored: what was noted of stretches before that is not needed any more."""
        if self._gap is not None and self._gap.end <= stored - self._origin:
            self._forget_gap()

    async def read(self, limit: int) -> bytes:
        """The next bytes of the stream, at most `limit`; empty where there are none now."""
        while (size := self.size()) != self._position and not self.missing:
            if size < self._position:
                await self._move(0)
            elif not self._open():
                break
            elif data := await self._data(min(limit, (size if self._gap is None else self._ahead) - self._position)):
                self.offset += len(data)
                return data
        return b""

    async def give_back(self, stored: int) -> None:
        """Return what was stored to the disk, where it is worth the trouble."""
        upto = (stored - self._origin) // PAGE * PAGE
        if self._keep or self._fd is None or upto - self._punched < WORTH or self.size() < upto:
            return  # not worth it; or the file was cut meanwhile, and what stands there now is not stored
        start, self._punched = self._punched, upto
        # A descriptor of its own: whoever stops waiting closes ours, and its number may mean another file at once.
        await asyncio.to_thread(_punch_and_close, os.dup(self._fd), start, upto - start)

    def close(self) -> None:
        """Let go of the file; reading goes on by itself."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> bool:
        """Have the file open, unless somebody put something else in its place."""
        if self._fd is not None:
            return True
        mode = os.O_RDONLY if self._keep else os.O_RDWR  # a hole needs the right to write
        try:
            fd = os.open(self.path, mode | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            if error.errno not in FOREIGN:
                raise PortError(f"cannot read {self.path.name}: {error.strerror}") from error
            self.problem = f"{self.path.name} cannot be read: {error.strerror}"
            return False
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            os.close(fd)
            self.problem = f"{self.path.name} is not the file that was put there"
            return False
        self._fd = fd
        return True

    async def _data(self, length: int) -> bytes:
        """What stands at the position, up to the next hole; empty where one begins there, or the file was just cut."""
        fd, position = self._descriptor, self._position
        try:
            data = await pread(fd, length, position)
        except OSError as error:
            raise PortError(f"cannot read {self.path.name}: {error.strerror}") from error
        if b"\0" not in data:
            return data
        start = min(_seek(fd, position, os.SEEK_DATA), self._ahead)
        if start > position:
            await self._move(start)
            return b""
        return data[: max(1, _seek(fd, position, os.SEEK_HOLE) - position)]

    async def _move(self, position: int) -> None:
        """Go on at another position of the file; the stream has no gap there."""
        await self._settle()  # what was read before cannot be found again afterwards
        self._punched = min(self._punched, position)
        if position < self._position:
            self._forget_gap()
        self._origin = self.offset - position
        if not self._keep:
            self._remember()

    def _remember(self) -> None:
        """Note the origin; without it a successor would read again what is stored, so nothing goes on before."""
        self._write_down(self._memory, str(self._origin))

    def _write_down(self, memory: Path, text: str) -> None:
        fresh = memory.with_suffix(".new")
        try:
            fresh.write_text(text, encoding="ascii")
            fresh.replace(memory)
        except FileNotFoundError:
            self.problem = f"{self.path.name} cannot be read: its folder was removed"
        except OSError as error:
            raise PortError(f"cannot note what became of {self.path.name}: {error.strerror}") from error

    def _forget_gap(self) -> None:
        if self._gap is not None:
            self._gap = None
            self._gap_memory.unlink(missing_ok=True)

    @property
    def _ahead(self) -> int:
        """The position up to which there is something to be read."""
        size = self.size()
        return size if self._gap is None or self._gap.begin < self._position else min(size, self._gap.begin)

    @property
    def _memory(self) -> Path:
        return self.path.with_name(f"{self.path.name}.origin")

    @property
    def _gap_memory(self) -> Path:
        return self.path.with_name(f"{self.path.name}.passed")

    @property
    def _descriptor(self) -> int:
        if self._fd is None:
            raise RuntimeError("the spool is not open")
        return self._fd


async def pread(fd: int, length: int, position: int) -> bytes:
    """Read at a position: at once where the bytes are in memory, else while others go on."""
    buffer = memoryview(_buffer)[:length]
    try:
        count = os.preadv(fd, [buffer], position, NOWAIT)
    except BlockingIOError:
        return await asyncio.to_thread(os.pread, fd, length, position)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return os.pread(fd, length, position)  # tmpfs, which never waits
    if count == length > 16 * LINE:
        # What ends with a line hardly ever ends with the beginning of a secret: nothing is held back and copied for it.
        count = _buffer.rfind(b"\n", max(0, count - LINE), count) + 1 or count
    return bytes(buffer[:count])


def punch(fd: int, start: int, length: int) -> bool:
    """Make a hole, and tell whether this file system knows how."""
    begin, size = ctypes.c_long(start), ctypes.c_long(length)
    return bool(_libc.fallocate(fd, PUNCH, begin, size) == 0)


def _punch_and_close(fd: int, start: int, length: int) -> None:
    try:
        punch(fd, start, length)
    finally:
        os.close(fd)


def _recalled_gap(memory: Path) -> Gap | None:
    with contextlib.suppress(FileNotFoundError, ValueError):
        begin, end = memory.read_text(encoding="ascii").split()
        return Gap(int(begin), int(end))
    return None


def _recalled(memory: Path) -> int:
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(memory.read_text(encoding="ascii"))
    return 0


def _seek(fd: int, position: int, whence: int) -> int:
    """The next data or hole from `position` on; the end of the file where there is none."""
    try:
        return os.lseek(fd, position, whence)
    except OSError:
        return os.fstat(fd).st_size
