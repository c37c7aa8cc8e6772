"""Output on a terminal: whole lines of each stream, progress in its last state, colours and nothing else that acts."""

from __future__ import annotations

from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Callable
from typing import Any, Final

from polysync.domain.carriage import Carriage
from polysync.domain.colours import Colours

DECODER: Final = getincrementaldecoder("utf-8")
LONGEST: Final = 66  # characters of a sequence that is worth waiting for
WIPE: Final = "\r\x1b[K"  # the line is written anew


class _Stream:
    """One stream of one attempt."""

    def __init__(self, *, colour: bool) -> None:
        self.decoder: IncrementalDecoder = DECODER(errors="replace")
        self.carriage = Carriage()
        self.colours = Colours(keep=colour)
        self.stamp = ""


class OnScreen:
    """One terminal; `live`: a line that has no end yet is shown, and written anew where it is overwritten."""

    def __init__(self, write: Callable[[str], Any], *, colour: bool, live: bool) -> None:
        self._write = write
        self._colour = colour
        self._live = live
        self._streams: dict[tuple[int, str], _Stream] = {}
        self._midway: _Stream | None = None  # in whose line the terminal stands
        self._shown = ""  # of that line, as far as it may still be overwritten

    def write(self, key: tuple[int, str], data: bytes, stamp: str = "", notice: str = "") -> None:
        """Show what came of a stream; a notice stands in a line of its own."""
        if key not in self._streams:
            self._streams[key] = _Stream(colour=self._colour)
        stream = self._streams[key]
        stream.stamp = stamp
        if notice:
            self._end(stream)
            self._leave(None)
            self._write(f"{stamp}{notice}\n")
        else:
            self._tell(stream, stream.carriage.feed(stream.decoder.decode(data)))

    def finish(self) -> None:
        """Show what waits for its line end; the terminal is left at the start of a line."""
        for stream in self._streams.values():
            self._end(stream)
        self._leave(None)

    def _end(self, stream: _Stream) -> None:
        """Whatever the line of a stream was going to be: it is over."""
        done = stream.carriage.feed(stream.decoder.decode(b"", final=True)) + stream.carriage.open
        stream.carriage = Carriage()
        if done:
            self._tell(stream, done if done.endswith("\n") else f"{done}\n")

    def _tell(self, stream: _Stream, done: str) -> None:
        """Write what is certain, and behind it the line that goes on, as far as it is not there already."""
        still = _settled(stream.carriage.open) if self._live else ""
        text, shown = done + still, self._shown if self._midway is stream else ""
        if text == shown:
            return
        self._leave(stream)
        if not text.startswith(shown):
            self._write(WIPE)
            self._midway, shown = None, ""
        self._put(stream, text[len(shown) :])
        self._midway, self._shown = (None if text.endswith("\n") else stream), still

    def _leave(self, stream: _Stream | None) -> None:
        """Unless the terminal stands in a line of this stream, it stands at the start of one."""
        if self._midway not in {None, stream}:
            self._write("\n")
            self._midway, self._shown = None, ""

    def _put(self, stream: _Stream, text: str) -> None:
        if not stream.stamp:
            self._write(stream.colours.show(text))
            return
        for line in text.split("\n")[:-1]:
            self._put_line(stream, f"{line}\n")
        if not text.endswith("\n"):
            self._put_line(stream, text.rpartition("\n")[2])

    def _put_line(self, stream: _Stream, line: str) -> None:
        self._write(("" if self._midway is stream else stream.stamp) + stream.colours.show(line))
        self._midway = None if line.endswith("\n") else stream


def _settled(line: str) -> str:
    """The line without the beginning of a sequence that has not come whole."""
    head, escape, tail = line.rpartition("\x1b")
    return head if escape and len(tail) < LONGEST and not tail.removeprefix("[").strip("0123456789;:") else line
