"""Progress that overwrites itself: of what was written over a line by carriage returns, the last state is shown.

What is stored stays as it was written; this is for display.  A line that is longer than `LONGEST` is no progress: it
is passed on as it comes, and what would overwrite it begins a line of its own.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 64 << 10  # characters of a line that wait for its end


class Carriage:
    """One stream of text."""

    __slots__ = ("_line", "_poured")

    def __init__(self) -> None:
        self._line = ""  # the state of the unfinished line, with a return that nothing has followed yet
        self._poured = False  # its beginning was passed on already

    @property
    def open(self) -> str:
        """The state of the line that has no end yet."""
        return self._line.removesuffix("\r")

    def feed(self, text: str) -> str:
        """What is certain after this much more: whole lines, each in its last state."""
        head, end, tail = (self._line + text).rpartition("\n")
        done = self._ended(head) if end else ""
        state, after = _state(tail)
        if self._poured and state != tail.rstrip("\r"):  # it would overwrite what is gone
            done += tail.partition("\r")[0] + "\n"
            self._poured = False
        if len(state) > LONGEST:
            done, state, self._poured = done + state, "", True
        self._line = state + after
        return done

    def _ended(self, head: str) -> str:
        poured, self._poured = self._poured, False
        if "\r" not in head:
            return f"{head}\n"
        first, *rest = head.split("\n")
        lines = [_broken(first) if poured else _state(first)[0], *(_state(line)[0] for line in rest)]
        return "".join(f"{line}\n" for line in lines)


def _state(line: str) -> tuple[str, str]:
    """What a line shows, and the return after it that waits for what follows."""
    written = line.rstrip("\r")
    return written.rpartition("\r")[2], line[len(written) :][:1]


def _broken(line: str) -> str:
    """The rest of a line whose beginning is gone, and what overwrites it."""
    first, _, rest = line.partition("\r")
    last = _state(rest)[0]
    return f"{first}\n{last}" if last else first
