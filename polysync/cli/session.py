"""One invocation: its global options, and the way its answer goes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from polysync.cli.render import Cell, Glyphs, Style, glyphs_for, paint
from polysync.cli.surroundings import Surroundings

if TYPE_CHECKING:
    from polysync.cli.failure import Failure  # imported where something fails: help and version start without it

COLOURS: Final = ("auto", "always", "never")
LOCALES: Final = ("LC_ALL", "LC_CTYPE", "LANG")  # the first that is set decides
NO: Final = {"", "0", "false", "no", "off"}
INDENT: Final = len("error: ")
EXCERPT: Final = 64  # characters of faulty words that are repeated
DEFAULT_WIDTH: Final = 80  # for running text where there is no terminal to ask


class Session:
    """What every command is handed: options, streams, and the time as it was read once."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.given: dict[str, Any] = {}  # global options as written, before or after the verb

    def option(self, name: str) -> str | None:
        """A global option: as written, else its POLYSYNC_ variable."""
        written = self.given.get(name)
        return written if written is not None else self.around.env.get(f"POLYSYNC_{name.upper()}") or None

    def switched(self, name: str) -> bool:
        """Whether a global flag is on."""
        return (str(self.option(name) or "")).lower() not in NO

    @property
    def json(self) -> bool:
        """Whether the answer is one JSON document."""
        return self.switched("json")

    @property
    def quiet(self) -> bool:
        """Whether only what was asked for is said."""
        return self.switched("quiet")

    @cached_property
    def colour(self) -> bool:
        """Whether the answer may be coloured."""
        return self._coloured(self.around.stdout)

    @cached_property
    def glyphs(self) -> Glyphs:
        """The signs that the output can show."""
        locale = next(filter(None, map(self.around.env.get, LOCALES)), "")
        plain = locale in {"C", "POSIX"}  # Python writes UTF-8 there, which is not what was asked for
        return glyphs_for("ascii" if plain else getattr(self.around.stdout, "encoding", None) or "utf-8")

    @property
    def width(self) -> int | None:
        """The width that tables fit into; None: any."""
        return self.around.columns

    @property
    def text_width(self) -> int:
        """The width of running text."""
        return min(self.around.columns or DEFAULT_WIDTH, 100)

    @cached_property
    def now(self) -> datetime:
        """The time, read once."""
        return self.around.now()

    @cached_property
    def host_zone(self) -> str:
        """The name of the host's zone."""
        return self.around.zone()

    def line(self, *parts: Cell | str) -> None:
        """One line of the answer; whatever the parts hold is made safe."""
        self.around.stdout.write("".join(paint(part, colour=self.colour) for part in parts) + "\n")

    def lines(self, lines: Iterable[Iterable[Cell | str]]) -> None:
        """Several lines of the answer."""
        for parts in lines:
            self.line(*parts)

    def remark(self, *parts: Cell | str) -> None:
        """One line beside the answer: to the error stream, and not at all when quiet."""
        if not self.quiet:
            self._aside(*parts)

    def document(self, data: Mapping[str, Any]) -> None:
        """The answer as one JSON document."""
        self.around.stdout.write(ascii_json(data, indent=2 if self.around.columns else None) + "\n")

    def fail(self, failure: Failure) -> int:
        """The one printer of errors; gives the exit status."""
        from polysync.cli.failure import error_data

        if self.json:
            self.document(error_data(failure))
            return failure.status
        for problem in failure.problems if failure.excerpt is None else ():
            self._aside(str(problem))
        self._aside(Cell("error: ", Style.BAD), failure.message)
        if failure.excerpt is not None:
            self._quote(*failure.excerpt)
        if failure.hint:
            self._aside(Cell(" hint: ", Style.DIM), failure.hint)
        return failure.status

    def check(self) -> None:
        """Refuse a colour that came from the environment and does not exist."""
        from polysync.cli.failure import usage

        wanted = self.option("color")
        if wanted not in {None, *COLOURS}:
            raise usage(f"POLYSYNC_COLOR={wanted} is not a choice", f"one of {', '.join(COLOURS)}")

    def _quote(self, text: str, offset: int) -> None:
        """The words that are wrong, with a caret under the place."""
        start = max(0, offset - EXCERPT // 2)
        self._aside(" " * INDENT, text[start : start + EXCERPT])
        self._aside(" " * (INDENT + offset - start), Cell("^", Style.BAD))

    def _aside(self, *parts: Cell | str) -> None:
        colour = self._coloured(self.around.stderr)
        self.around.stderr.write("".join(paint(part, colour=colour) for part in parts) + "\n")

    def _coloured(self, stream: Any) -> bool:
        wanted = self.option("color") or "auto"
        if wanted != "auto":
            return wanted == "always"
        plain = self.around.env.get("NO_COLOR") or self.around.env.get("TERM") == "dumb"
        return bool(stream.isatty()) and not plain


def ascii_json(data: Any, indent: int | None = None) -> str:
    """JSON in plain ASCII without control characters: harmless on any terminal."""
    import json

    return json.dumps(data, indent=indent).replace("\x7f", "\\u007f")
