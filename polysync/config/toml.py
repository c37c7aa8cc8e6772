"""Values and tables written as TOML, the way a person would."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final

from polysync.config.wording import BARE_KEY, escaped

WIDE: Final = 100  # a table longer than this in one line gets a header of its own


def write_key(part: str) -> str:
    """One key, quoted where TOML wants it."""
    return part if BARE_KEY.fullmatch(part) else _one_line(part)


def write_path(path: tuple[str, ...]) -> str:
    """A dotted key."""
    return ".".join(map(write_key, path))


def write_string(text: str) -> str:
    """A string: on several lines where it has several, and without escapes where it can be."""
    plain = all(char.isprintable() or char in "\n\t" for char in text)
    if "\n" in text and plain and "'''" not in text and not text.endswith("'"):
        return f"'''\n{text}'''"
    return _one_line(text)


def _one_line(text: str) -> str:
    if ('"' in text or "\\" in text) and "'" not in text and text.isprintable():
        return f"'{text}'"
    return '"' + "".join(map(escaped, text)) + '"'


def write_value(value: Any) -> str:
    """Any TOML value on one line, but for strings of several lines."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return write_string(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        inside = ", ".join(f"{write_key(key)} = {_inline(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return f"[{', '.join(map(_inline, value))}]"


def _inline(value: Any) -> str:
    """A value inside a list or table, where a string stays on its line."""
    return _one_line(value) if isinstance(value, str) else write_value(value)


def write_table(path: tuple[str, ...], table: Mapping[str, Any], *, listed: bool = False) -> str:
    """A table with its header; tables in it that are too long for a line follow with their own headers."""
    header = f"[[{write_path(path)}]]" if listed else f"[{write_path(path)}]"
    lines, below = [header], []
    for key, value in table.items():
        line = f"{write_key(key)} = {write_value(value)}"
        if isinstance(value, Mapping) and value and not listed and len(line) > WIDE:
            below.append("\n" + write_table((*path, key), value))
        else:
            lines.append(line)
    return "\n".join(lines) + "\n" + "".join(below)
