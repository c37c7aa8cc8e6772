"""Pure text for people: styles, tables that fit, lengths of time in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from unicodedata import combining, east_asian_width

from polysync.domain.safe_text import safe_text

SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
GAP: Final = "  "
NARROWEST: Final = 6  # a column that gives way keeps this much


class Style(StrEnum):
    """How a piece of text looks on a colour terminal; without colour it reads the same."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    BAD = "31"
    GOOD = "32"
    WARN = "33"
    NAME = "36"


class Cell(NamedTuple):
    """A piece of text with its style; what it holds is made safe when it is painted."""

    text: str
    style: Style = Style.PLAIN


class Column(NamedTuple):
    """A column of a table: its heading, which side it leans to, and whether it gives way when space is short."""

    heading: str
    right: bool = False
    gives: bool = False


class Glyphs(NamedTuple):
    """The signs that are not letters."""

    good: str
    close: str
    bad: str
    note: str
    more: str
    arrow: str
    times: str


UNICODE: Final = Glyphs("✓", "~", "✗", "·", "…", "→", "×")
ASCII: Final = Glyphs("+", "~", "x", "-", "...", "->", "x")


def glyphs_for(encoding: str | None) -> Glyphs:
    """The signs that an encoding can write."""
    try:
        "".join(UNICODE).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def paint(part: Cell | str, *, colour: bool) -> str:
    """One piece of text as it goes to the terminal; nothing in it can act."""
    text, style = part if isinstance(part, Cell) else (part, Style.PLAIN)
    safe = safe_text(text)
    return f"\x1b[{style.value}m{safe}\x1b[0m" if colour and style and safe else safe


def painted(parts: Iterable[Cell | str], *, colour: bool) -> str:
    """Pieces of text as one line goes to the terminal."""
    return "".join(paint(part, colour=colour) for part in parts)


def width_of(text: str) -> int:
    """How many columns `text` takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def cut(text: str, width: int, more: str = "…") -> str:
    """`text` in at most `width` columns, its loss marked."""
    if width_of(text) <= width:
        return text
    room = width - width_of(more)
    kept = 0
    for index, char in enumerate(text):
        kept += width_of(char)
        if kept > room:
            return text[:index] + more
    return text  # pragma: no cover - a text that is too wide runs out of room above


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell | str]], width: int | None, more: str = "…"
) -> list[list[Cell]]:
    """The lines of an aligned table no wider than `width`; columns that give way are cut first."""
    body = [[_safe(part) for part in row] for row in rows]
    head = [Cell(column.heading, Style.DIM) for column in columns]
    listed = [head, *body] if any(column.heading for column in columns) else body
    widths = [max((width_of(row[i].text) for row in listed), default=0) for i in range(len(columns))]
    _fit(widths, columns, width)
    return [_aligned(row, columns, widths, more) for row in listed]


def _safe(part: Cell | str) -> Cell:
    cell = part if isinstance(part, Cell) else Cell(part)
    return Cell(safe_text(cell.text), cell.style)


def _fit(widths: list[int], columns: Sequence[Column], width: int | None) -> None:
    """Narrow the widest of the columns that give way until the line fits."""
    if width is None:
        return
    surplus = sum(widths) + len(GAP) * (len(widths) - 1) - width
    while surplus > 0:
        giving = [i for i, column in enumerate(columns) if column.gives and widths[i] > NARROWEST]
        if not giving:
            return
        widest = max(giving, key=lambda i: widths[i])
        widths[widest] -= 1
        surplus -= 1


def _aligned(row: Sequence[Cell], columns: Sequence[Column], widths: Sequence[int], more: str) -> list[Cell]:
    line: list[Cell] = []
    for index, (cell, column) in enumerate(zip(row, columns, strict=True)):
        text = cut(cell.text, widths[index], more)
        blank = " " * (widths[index] - width_of(text))
        last = index == len(columns) - 1
        line += [Cell(blank), Cell(text, cell.style)] if column.right else [Cell(text, cell.style), Cell(blank)]
        line += [] if last else [Cell(GAP)]
    while line and not line[-1].text.strip():
        line.pop()
    return line


def wrapped(text: str, width: int | None, indent: str = "") -> list[str]:
    """`text` in lines of at most `width` columns, broken at blanks, each after `indent`."""
    lines, line = [], indent
    for word in safe_text(text).split():
        if line.strip() and width is not None and width_of(line) + 1 + width_of(word) > width:
            lines.append(line)
            line = indent + word
        else:
            line = f"{line} {word}" if line.strip() else indent + word
    return [*lines, line] if line.strip() else lines


def span_words(span: timedelta) -> str:
    """A length in its two largest units: `3d 4h`, `2m 5s`, `0s`."""
    rest = round(abs(span).total_seconds())
    parts = []
    for unit, size in SECONDS.items():
        number, rest = divmod(rest, size)
        if number:
            parts.append(f"{number}{unit}")
    return " ".join(parts[:2]) or "0s"


def relative(at: datetime, now: datetime) -> str:
    """`in 3h 20m`, `2d ago` or `now`."""
    away = at - now
    if abs(away) < timedelta(seconds=1):
        return "now"
    return f"in {span_words(away)}" if away > timedelta(0) else f"{span_words(away)} ago"
