"""What the daemon says about itself: lines for people on a terminal, JSON for machines, and never a halt for either.

A writer thread stands between the loop and the stream: where nobody reads the stream, lines are dropped
and counted, and the loop goes on.  Nothing secret is ever handed to this file.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from datetime import UTC
from typing import Any, Final

from polysync.clock import Clock
from polysync.domain.safe_text import safe_text
from polysync.domain.values import LogFormat, LogLevel

KEPT: Final = 4096  # lines that wait for a slow reader; at 200 bytes each that is nothing beside the daemon
PATIENCE: Final = 1.0  # seconds that the last lines may take at the end
LEVELS: Final = {LogLevel.DEBUG: 10, LogLevel.INFO: 20, LogLevel.WARNING: 30, LogLevel.ERROR: 40}
MARKS: Final = {"debug": "\x1b[2m", "info": "", "warning": "\x1b[33m", "error": "\x1b[31m"}

Event = MutableMapping[str, Any]
Line = Callable[[Event], str]


class LogStream:
    """A descriptor written by a thread of its own, from a queue with an end.

    The thread never touches Python's own streams: one that hangs in a write there would take their lock
    with it, and the interpreter could not end.
    """

    def __init__(self, descriptor: int, kept: int = KEPT) -> None:
        self._descriptor = descriptor
        self._lines: deque[str] = deque()
        self._kept = kept
        self._wake = threading.Condition()
        self._ending = False
        self.dropped = 0  # lines that found no room
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Hand a line over; where too many wait already, count it instead."""
        with self._wake:
            if len(self._lines) >= self._kept:
                self.dropped += 1
                return
            self._lines.append(line)
            self._wake.notify()

    def close(self, patience: float = PATIENCE) -> None:
        """Write what waits, as far as somebody reads it soon."""
        with self._wake:
            self._ending = True
            self._wake.notify()
        self._thread.join(patience)

    def _write(self) -> None:
        told = 0
        while True:
            with self._wake:
                while not self._lines and not self._ending:
                    self._wake.wait()
                lines, dropped = list(self._lines), self.dropped
                self._lines.clear()
                if not lines:
                    return
            if dropped > told:
                lines.append(f"polysync: {dropped - told} lines of this log were dropped: nobody read it\n")
                told = dropped
            if not self._written("".join(lines).encode("utf-8", "backslashreplace")):
                return

    def _written(self, left: bytes) -> bool:
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            return False  # closed by whoever read it; there is nowhere left to say so
        return True


def open_log(
    descriptor: int, clock: Clock, wanted: LogFormat = LogFormat.AUTO, level: LogLevel = LogLevel.INFO
) -> tuple[Any, LogStream]:
    """A structured log that writes to `descriptor`, and the thread behind it, to be closed at the end."""
    structlog = _structlog()
    terminal = os.isatty(descriptor)
    queue = LogStream(descriptor)

    def stamp(_logger: Any, _method: str, event: Event) -> Event:
        return {"at": clock.read().wall.astimezone(UTC).isoformat(timespec="milliseconds"), **event}

    def made(wanted: LogFormat, level: LogLevel) -> Any:
        human = wanted is LogFormat.CONSOLE or (wanted is LogFormat.AUTO and terminal)
        line: Line = console_line(colour=terminal) if human else json_line

        def render(_logger: Any, _method: str, event: Event) -> str:
            return line(event)

        return structlog.wrap_logger(
            _Printer(queue.put),
            processors=[structlog.processors.add_log_level, stamp, render],
            wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
            cache_logger_on_first_use=True,
        )

    return Voice(made, wanted, level), queue


class Voice:
    """A log whose form and level may become others while it is in use."""

    def __init__(self, made: Callable[[LogFormat, LogLevel], Any], wanted: LogFormat, level: LogLevel) -> None:
        self._made = made
        self.configure(wanted, level)

    def configure(self, wanted: LogFormat, level: LogLevel) -> None:
        """Speak in this form from now on, and of nothing below this level."""
        log = self._made(wanted, level)
        self.debug, self.info, self.warning, self.error = log.debug, log.info, log.warning, log.error


@contextmanager
def capturing(log: Any) -> Iterator[None]:
    """Have the log tell what libraries and the interpreter complain of: they write to a stream that may hang."""
    root, handler = logging.getLogger(), _Complaints(log)
    before = sys.unraisablehook, threading.excepthook
    root.addHandler(handler)

    def unraisable(found: sys.UnraisableHookArgs) -> None:
        log.error("an error that nobody could hear", error=repr(found.exc_value), about=repr(found.object))

    def in_thread(found: threading.ExceptHookArgs) -> None:
        log.error("a thread died", error=repr(found.exc_value), thread=getattr(found.thread, "name", ""))

    sys.unraisablehook, threading.excepthook = unraisable, in_thread
    try:
        yield
    finally:
        sys.unraisablehook, threading.excepthook = before
        root.removeHandler(handler)


class _Complaints(logging.Handler):
    """Where the loop and libraries complain."""

    def __init__(self, log: Any) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one complaint on."""
        error = record.exc_info[1] if record.exc_info else None
        tell = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        tell("something complains", by=record.name, about=record.getMessage(), error=repr(error))


class _Printer:
    """What structlog calls: every level is one line."""

    def __init__(self, put: Callable[[str], None]) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = put


def json_line(event: Event) -> str:
    """An event as one line of JSON, in ASCII: harmless wherever it is shown."""
    from json import dumps  # noqa: PLC0415 - the console needs none

    head = {"at": event.pop("at", ""), "level": event.pop("level", "info"), "event": event.pop("event", "")}
    return dumps({**head, **event}, default=str).replace("\x7f", "\\u007f") + "\n"


def console_line(*, colour: bool) -> Line:
    """Events as lines for people: the time, what happened, and with what; all of it made safe."""

    def line(event: Event) -> str:
        at, level = str(event.pop("at", "")), str(event.pop("level", "info"))
        words = safe_text(str(event.pop("event", "")))
        rest = "".join(f"  {safe_text(name)}={_value(value)}" for name, value in event.items())
        mark = "" if level == "info" else f"{level}: "
        start, end = (MARKS.get(level, ""), "\x1b[0m") if colour and MARKS.get(level) else ("", "")
        return f"{at[11:19]} {start}{mark}{words}{end}{rest}\n"

    return line


def _value(value: Any) -> str:
    text = safe_text(str(value))
    return f'"{text}"' if " " in text or not text else text


def _structlog() -> Any:
    """The library without rich, which it would load for its tracebacks: 5 MB and half of its start, never used here."""
    modules: dict[str, Any] = sys.modules  # None is how Python marks what is not to be found
    kept: Mapping[str, Any] = {name: modules[name] for name in ("rich",) if name in modules}
    modules["rich"] = None
    try:
        import structlog  # noqa: PLC0415 - only while rich is out of the way
    finally:
        del modules["rich"]
        modules.update(kept)
    return structlog
