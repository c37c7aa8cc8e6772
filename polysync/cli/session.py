"""One invocation: its global options, and the way its answer goes out."""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing; what is not needed by every command is imported where it is needed
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from typing import Any, Final

    from polysync.cli.failure import Failure
    from polysync.cli.surroundings import Surroundings
    from polysync.domain.render import Cell, Glyphs

COLOURS: Final = ("auto", "always", "never")
LOCALES: Final = ("LC_ALL", "LC_CTYPE", "LANG")  # the first that is set decides
NO: Final = {"", "0", "false", "no", "off"}
INDENT: Final = len("error: ")
EXCERPT: Final = 64  # characters of faulty words that are repeated
SIGNS: Final = "✓~✗·…→×"
DEFAULT_WIDTH: Final = 80  # for running text where there is no terminal to ask


class Session:
    """What every command is handed: options, streams, and the time as it was read once."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.given: dict[str, Any] = {}  # global options as written, before or after the verb
        self._now: datetime | None = None
        self._zone: str | None = None

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

    @property
    def colour(self) -> bool:
        """Whether the answer may be coloured."""
        return self._coloured(self.around.stdout)

    @property
    def signs(self) -> bool:
        """Whether the output can show signs that are not letters."""
        locale = next(filter(None, map(self.around.env.get, LOCALES)), "")
        if locale in {"C", "POSIX"}:  # Python writes UTF-8 there, which is not what was asked for
            return False
        try:
            SIGNS.encode(getattr(self.around.stdout, "encoding", None) or "utf-8")
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    @property
    def glyphs(self) -> Glyphs:
        """The signs that the output can show."""
        from polysync.domain.render import ASCII, UNICODE

        return UNICODE if self.signs else ASCII

    @property
    def width(self) -> int | None:
        """The width that tables fit into; None: any."""
        return self.around.columns

    @property
    def text_width(self) -> int:
        """The width of running text."""
        return min(self.around.columns or DEFAULT_WIDTH, 100)

    @property
    def now(self) -> datetime:
        """The time, read once."""
        if self._now is None:
            self._now = self.around.now()
        return self._now

    @property
    def host_zone(self) -> str:
        """The name of the host's zone, looked for once."""
        if self._zone is None:
            self._zone = self.around.zone()
        return self._zone

    def line(self, *parts: Cell | str) -> None:
        """One line of the answer; whatever the parts hold is made safe."""
        self.around.stdout.write(_painted(parts, colour=self.colour) + "\n")

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

    def passed_on(self, body: bytes) -> None:
        """A document of the API as it came; on a terminal with its lines and indents."""
        if self.around.columns:
            from json import loads

            self.document(loads(body))
        else:
            self.around.stdout.write(body.decode("ascii").replace("\x7f", "\\u007f") + "\n")

    def fail(self, failure: Failure) -> int:
        """The one printer of errors; gives the exit status."""
        from polysync.cli.failure import error_data
        from polysync.domain.render import Cell, Style

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
        wanted = self.option("color")
        if wanted not in {None, *COLOURS}:
            from polysync.cli.failure import usage

            raise usage(f"POLYSYNC_COLOR={wanted} is not a choice", f"one of {', '.join(COLOURS)}")

    def _quote(self, text: str, offset: int) -> None:
        """The words that are wrong, with a caret under the place."""
        from polysync.domain.render import Cell, Style

        start = max(0, offset - EXCERPT // 2)
        self._aside(" " * INDENT, text[start : start + EXCERPT])
        self._aside(" " * (INDENT + offset - start), Cell("^", Style.BAD))

    def _aside(self, *parts: Cell | str) -> None:
        self.around.stderr.write(_painted(parts, colour=self._coloured(self.around.stderr)) + "\n")

    def _coloured(self, stream: Any) -> bool:
        wanted = self.option("color") or "auto"
        if wanted != "auto":
            return wanted == "always"
        plain = self.around.env.get("NO_COLOR") or self.around.env.get("TERM") == "dumb"
        return bool(stream.isatty()) and not plain


def _painted(parts: Iterable[Cell | str], *, colour: bool) -> str:
    """Pieces of text as one line; what is plain already needs no painter."""
    parts = tuple(parts)
    text = "".join(part for part in parts if type(part) is str)
    if all(type(part) is str for part in parts) and text.isascii() and text.isprintable():
        return text
    from polysync.domain.render import painted

    return painted(parts, colour=colour)


def ascii_json(data: Any, indent: int | None = None) -> str:
    """JSON in plain ASCII without control characters: harmless on any terminal."""
    import json

    return json.dumps(data, indent=indent).replace("\x7f", "\\u007f")
