"""Where each key and value of a valid TOML text stands; run only when there is something to point at."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final, NamedTuple

KeyPath = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_KEY: Final = re.compile(r"""[ \t]*+("(?:[^"\\\n]|\\.)*+"|'[^'\n]*+'|[^\s"'.=\[\]{}#,]++)[ \t]*+(\.?)""")
_SCALARS: Final = {
    '"""': re.compile(r'"""(?:[^"\\]++|\\.|"{1,2}(?!"))*+"{3,5}', re.DOTALL),
    "'''": re.compile(r"'''(?:[^']++|'{1,2}(?!'))*+'{3,5}"),
    '"': re.compile(r'"(?:[^"\\\n]++|\\.)*+"'),
    "'": re.compile(r"'[^'\n]*+'"),
}
_BARE: Final = re.compile(r"[^\s,\]}#]++(?:[ ]\d\d:[^\s,\]}#]++)?")  # a date and its time may be parted by a space
_PLAIN_LINE: Final = re.compile(r"""[ \t]*+([A-Za-z0-9_-]++)[ \t]*+=[ \t]*+("[^"\\\n]++"|[A-Za-z0-9_.+-]++(?![ :]))""")


class Place(NamedTuple):
    """A line and a column, both counted from 1; columns count characters."""

    line: int
    column: int


class Span(NamedTuple):
    """A stretch of a text, as offsets."""

    start: int
    end: int


@dataclass(slots=True)
class Positions:
    """Every key path of one text with the offsets of its key and of its value."""

    text: str
    keys: dict[KeyPath, int] = field(default_factory=dict)
    values: dict[KeyPath, Span] = field(default_factory=dict)
    headers: dict[KeyPath, Span] = field(default_factory=dict)  # the lines `[x]` and `[[x]]`
    _starts: list[int] = field(default_factory=list)

    def place(self, offset: int) -> Place:
        """The line and column of an offset."""
        if not self._starts:
            self._starts = [0, *accumulate(len(line) + 1 for line in self.text.split("\n"))]
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)

    def key(self, path: KeyPath) -> Place:
        """Where the key of `path` stands, or of its nearest ancestor in this text."""
        while path and path not in self.keys:
            path = path[:-1]
        return self.place(self.keys[path]) if path else Place(1, 1)

    def value(self, path: KeyPath, offset: int = 0) -> Place:
        """Where the value of `path` stands; with an offset, that character of a string."""
        span = self.values.get(path)
        return self.key(path) if span is None else self.place(span.start + _inside(self.text[slice(*span)], offset))


def _inside(token: str, offset: int) -> int:
    """How far into `token` the character `offset` of the string that it writes stands."""
    quotes = 3 if token[:3] in {'"""', "'''"} else 1
    if not offset or token[:1] not in {'"', "'"} or (token[0] == '"' and "\\" in token):
        return 0
    skipped = re.match(r"\r?\n", token[3:]) if quotes == 3 else None
    return min(quotes + (skipped.end() if skipped else 0) + offset, len(token) - 1)


def locate(text: str) -> Positions:
    """The place of every key and value of `text`, which tomllib has accepted."""
    scan = _Scan(text, Positions(text))
    scan.document()
    return scan.found


def unquoted(part: str) -> str:
    """The key that one part of a dotted key writes."""
    if part[:1] == '"' and "\\" in part:
        return str(tomllib.loads(f"k = {part}")["k"])
    return part[1:-1] if part[:1] in {'"', "'"} else part


@dataclass(slots=True)
class _Scan:
    """One walk over a text; `at` is the next character to look at."""

    text: str
    found: Positions
    at: int = 0
    tables: dict[KeyPath, int] = field(default_factory=dict)  # how many `[[x]]` came so far

    def document(self) -> None:
        prefix: KeyPath = ()
        self.blank()
        while self.at < len(self.text):
            plain = _PLAIN_LINE.match(self.text, self.at)
            if plain is not None:
                path = (*prefix, plain[1])
                self.found.keys[path] = plain.start(1)
                self.found.values[path] = Span(*plain.span(2))
                self.at = plain.end()
            elif self.text[self.at] == "[":
                prefix = self.header()
            else:
                self.pair(prefix)
            self.blank()

    def blank(self) -> None:
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def parts(self) -> list[tuple[str, int]]:
        """The parts of a dotted key, each with its offset."""
        parts = []
        while (found := _KEY.match(self.text, self.at)) is not None:
            parts.append((unquoted(found[1]), found.start(1)))
            self.at = found.end()
            if not found[2]:
                break
        return parts

    def header(self) -> KeyPath:
        start = self.at
        many = self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        *parents, (last, offset) = self.parts()
        prefix: KeyPath = ()
        for part, where in parents:
            prefix = self.entered((*prefix, part), where)
        path: KeyPath = (*prefix, last)
        self.at = self.text.index("]", self.at) + (2 if many else 1)
        if many:
            self.found.keys.setdefault(path, offset)
            self.tables[path] = self.tables.get(path, 0) + 1
            path = (*path, self.tables[path] - 1)
        self.found.keys[path] = offset
        self.found.headers[path] = Span(start, self.at)
        return path

    def entered(self, path: KeyPath, offset: int) -> KeyPath:
        """`path`, known from here if not before, and into its newest table where it has several."""
        self.found.keys.setdefault(path, offset)
        count = self.tables.get(path)
        return (*path, count - 1) if count else path

    def pair(self, prefix: KeyPath) -> None:
        path = prefix
        for part, offset in self.parts():
            path = (*path, part)
            self.found.keys.setdefault(path, offset)
        self.at = self.text.index("=", self.at) + 1
        self.blank()
        self.value(path)

    def value(self, path: KeyPath) -> None:
        start = self.at
        if self.text[start] == "[":
            self.array(path)
        elif self.text[start] == "{":
            self.inline(path)
        else:
            self.at = self.scalar_end(start)
        self.found.values[path] = Span(start, self.at)

    def scalar_end(self, start: int) -> int:
        first = self.text[start : start + 3]
        pattern = _SCALARS.get(first) or _SCALARS.get(first[:1]) or _BARE
        found = pattern.match(self.text, start)
        return found.end() if found else start + 1

    def array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while self.more("]"):
            item = (*path, index)
            self.found.keys[item] = self.at
            self.value(item)
            index += 1

    def inline(self, path: KeyPath) -> None:
        self.at += 1
        while self.more("}"):
            self.pair(path)

    def more(self, closing: str) -> bool:
        """Step over blanks and commas: whether another item follows before `closing`."""
        self.blank()
        if self.text.startswith(",", self.at):
            self.at += 1
            self.blank()
        if not self.text.startswith(closing, self.at):
            return self.at < len(self.text)
        self.at += 1
        return False
