"""A terminal that is painted again and again: its own page, its keys, and its state put back whatever happens."""

from __future__ import annotations

import os
import select
import signal
import termios
import tty
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, Final, Self

from polysync.cli.session import Session

ENTER: Final = "\x1b[?1049h\x1b[?25l"  # a page of its own, without a cursor
LEAVE: Final = "\x1b[?25h\x1b[?1049l"
HOME, REST_OF_LINE, BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
SMALL: Final = os.terminal_size((80, 24))
QUIT: Final = frozenset(b"qQ\x03\x04")
ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


def is_screen(session: Session) -> bool:
    """Whether the output can be painted on."""
    out = session.around.stdout
    if not out.isatty() or session.around.env.get("TERM") in {None, "", "dumb"}:
        return False
    with suppress(OSError, ValueError):
        return out.fileno() >= 0
    return False


class Screen:
    """The terminal for the length of a block; a signal that ends the program lets the block end first."""

    def __init__(self, session: Session) -> None:
        self._out = session.around.stdout
        self._keys = _descriptor(session.around.stdin)
        self._before: list[Any] | None = None
        self._handlers: dict[signal.Signals, Any] = {}
        self._told = 0
        self._shown: Sequence[str] = ()

    def __enter__(self) -> Self:
        for number in ENDING:
            self._handlers[number] = signal.signal(number, self._hear)
        if self._keys is not None:
            self._before = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys)
        self._write(ENTER)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        with suppress(OSError):  # the terminal may be gone
            self._write(LEAVE)
        if self._keys is not None and self._before is not None:
            with suppress(termios.error):
                termios.tcsetattr(self._keys, termios.TCSADRAIN, self._before)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self._told:
            signal.raise_signal(self._told)
        return kind is not None and issubclass(kind, KeyboardInterrupt)

    @property
    def columns(self) -> int:
        """Its width at this moment."""
        return self._size().columns

    @property
    def rows(self) -> int:
        """Its height at this moment."""
        return self._size().lines

    def paint(self, lines: Sequence[str]) -> None:
        """Show these lines, as many as there is room for; nothing is written where nothing has changed."""
        shown = [*lines[: self.rows], str(self._size())]
        if shown == self._shown:
            return
        self._shown = shown
        self._write(HOME + "\n".join(line + REST_OF_LINE for line in shown[:-1]) + BELOW)

    def ended(self, seconds: float) -> bool:
        """Wait so long; whether somebody wants an end of it."""
        ready = select.select([] if self._keys is None else [self._keys], [], [], seconds)[0]
        if self._told:
            return True
        if not ready or self._keys is None:
            return False
        keys = os.read(self._keys, 1024)
        return not keys or not QUIT.isdisjoint(keys)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self._told = number
        raise KeyboardInterrupt

    def _size(self) -> os.terminal_size:
        try:
            found = os.get_terminal_size(self._out.fileno())
        except OSError:
            return SMALL
        return found if found.columns and found.lines else SMALL

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _descriptor(stream: Any) -> int | None:
    """The descriptor of a terminal that is typed on."""
    with suppress(OSError, ValueError):
        return stream.fileno() if stream.isatty() else None
    return None
