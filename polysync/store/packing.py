"""How a stretch of output is pressed, and got back: the codec is told in each row."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from enum import IntEnum
from functools import partial
from importlib import import_module
from typing import Final, NamedTuple

from polysync.ports import PortError

WORTH_IT: Final = 64  # bytes: below it no codec gains anything
ZSTD_MODULES: Final = ("compression.zstd", "backports.zstd")  # Python 3.14, else the extra `fast`
Press = Callable[[bytes | memoryview], bytes]


class Codec(IntEnum):
    """How the bytes of a chunk are written."""

    RAW = 0
    ZLIB = 1
    ZSTD = 2
    LEFT_OUT = 3  # no bytes at all: they were put out and are not kept


class UnknownCodec(PortError):
    """Output that zstd pressed can only be read with it."""

    def __init__(self) -> None:
        super().__init__(
            "this output is pressed by zstd: reading it needs Python 3.14 or polysync[fast]", permanent=True
        )


class _Zstd(NamedTuple):
    press: Press
    unpress: Press


class Packer:
    """Presses with the best codec there is, unless it is told not to."""

    def __init__(self, *, compress: bool = True, modules: tuple[str, ...] = ZSTD_MODULES) -> None:
        zstd = _zstd(modules)
        self._best: tuple[Codec, Press] = (Codec.ZSTD, zstd.press) if zstd else (Codec.ZLIB, _zlib)
        self._unpress = zstd.unpress if zstd else None
        self.configure(compress=compress)

    def configure(self, *, compress: bool) -> None:
        """Press, or do not, from now on; what is packed already can always be unpacked."""
        self._press = self._best if compress else None

    def pack(self, data: bytes | memoryview) -> tuple[Codec, bytes]:
        """The codec and the bytes to store; raw wherever pressing does not make them fewer."""
        if self._press is None or len(data) < WORTH_IT:
            return Codec.RAW, bytes(data)
        codec, press = self._press
        pressed = press(data)
        return (codec, pressed) if len(pressed) < len(data) else (Codec.RAW, bytes(data))

    def unpack(self, codec: int, data: bytes) -> bytes:
        """What was packed."""
        if codec in {Codec.RAW, Codec.LEFT_OUT}:
            return data
        if codec == Codec.ZLIB:
            return zlib.decompress(data)
        if self._unpress is None:
            raise UnknownCodec
        return self._unpress(data)


def _zlib(data: bytes | memoryview) -> bytes:
    return zlib.compress(data, 1)


def _zstd(modules: tuple[str, ...]) -> _Zstd | None:
    for name in modules:
        try:
            module = import_module(name)
        except ImportError:
            continue

        return _Zstd(partial(module.compress, level=1), module.decompress)
    return None
