"""The tables of a large file, several times sooner than by the parser alone: plain tasks are read line by line.

Nothing is guessed.  The text is cut where a line starts like the header of a task, and each piece is read by
itself, from its first character to its last: what ends in the middle of a string or a list is no piece.  So
each cut is one between two statements, and the pieces together say what the whole says.  Whatever is not plain
goes to the parser, piece by piece; where even that leaves a doubt, the whole text does.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

SECTION: Final = "tasks"
LARGE: Final = 64 << 10  # characters; below it the parser alone is soon done
_CONTROLS: Final = r"\x00-\x08\x0a-\x1f\x7f"
_BARE: Final = r"[A-Za-z0-9_-]+"
_SCALAR: Final = rf"""
    "[^"\\{_CONTROLS}]*+" | '[^'{_CONTROLS}]*+' | true | false | (?:0|[1-9][0-9]{{0,17}})
"""
_END: Final = rf"[ \t]*+(?:\#[^{_CONTROLS}]*+)?(?:\n|\Z)"
_STATEMENT: Final = re.compile(
    rf"""
    (?P<key>{_BARE}) [ \t]*+ = [ \t]*+
    (?: (?P<scalar>{_SCALAR})
      | '''\n?(?P<lines>[^'\x00-\x08\x0b-\x1f\x7f]*+)'''
      | \[ [ ]*+ (?P<items>(?:{_SCALAR})(?:,[ ]*+(?:{_SCALAR}))*+) [ ]*+ \]
      | \{{ [ ]*+ (?P<pairs>{_BARE}[ ]=[ ](?:{_SCALAR})(?:,[ ]*+{_BARE}[ ]=[ ](?:{_SCALAR}))*+) [ ]*+ \}}
    ) {_END}
  | (?P<nothing>{_END})
    """,
    re.VERBOSE,
)
_ITEM: Final = re.compile(_SCALAR, re.VERBOSE)
_PAIR: Final = re.compile(rf"({_BARE})[ ]=[ ]({_SCALAR})", re.VERBOSE)
_HEADER: Final = re.compile(rf"\[{SECTION}\.({_BARE})\]{_END}")
_CUT: Final = re.compile(
    rf"""^\[(?: {SECTION}\.(?P<name>{_BARE}|"[^"\n]*"|'[^'\n]*')[.\]] | \[?[\w."'-]+\] )""", re.MULTILINE | re.VERBOSE
)  # a line of a script may start with [ too
_Piece = tuple[int, int, bool]  # from, to, and whether it is of a task
_WORDS: Final = {"true": True, "false": False}


class _Doubt(Exception):
    """The pieces may say something else than the whole."""


def tables_of(text: str, large: int = LARGE) -> dict[str, Any]:
    """What `tomllib.loads` makes of `text`; raises what it raises."""
    if len(text) < large or "\r" in text:
        return tomllib.loads(text)
    pieces = list(_pieces(text))
    if sum(end - start for start, end, is_task in pieces if is_task) < len(text) / 2:
        return tomllib.loads(text)
    try:
        return _joined(text, pieces)
    except (_Doubt, ValueError):
        return tomllib.loads(text)  # for what is wrong with the whole of it, and where


def _joined(text: str, pieces: list[_Piece]) -> dict[str, Any]:
    tasks: dict[str, Any] = {}
    others: list[str] = []
    for start, end, is_task in pieces:
        if is_task:
            _add(tasks, text, start, end)
        else:
            others.append(text[start:end])
            tomllib.loads(others[-1])  # whether it is whole
    tables = tomllib.loads("".join(others))
    if SECTION in tables:
        raise _Doubt
    return {**tables, SECTION: tasks} if tasks else tables


def _pieces(text: str) -> Iterator[_Piece]:
    """The text cut at headers: each task with the tables below it, and what stands between two tasks."""
    start, name = 0, ""
    for cut in _CUT.finditer(text):
        found = cut["name"] or ""
        if found == name:
            continue
        if cut.start() > start:
            yield start, cut.start(), bool(name)
        start, name = cut.start(), found
    yield start, len(text), bool(name)


def _add(tasks: dict[str, Any], text: str, start: int, end: int) -> None:
    """The tasks of one piece; a name that was there before is for the parser to refuse."""
    plain = _plain(text, start, end)
    made = {plain[0]: plain[1]} if plain else _only_tasks(tomllib.loads(text[start:end]))
    if not tasks.keys().isdisjoint(made):
        raise _Doubt
    tasks.update(made)


def _only_tasks(tables: dict[str, Any]) -> dict[str, Any]:
    if tables.keys() != {SECTION}:
        raise _Doubt
    found: dict[str, Any] = tables[SECTION]
    return found


def _plain(text: str, start: int, end: int) -> tuple[str, dict[str, Any]] | None:
    """The name and the table of a task, or None where it is not plain."""
    header = _HEADER.match(text, start, end)
    if header is None:
        return None
    table: dict[str, Any] = {}
    place, match = header.end(), _STATEMENT.match
    while place < end:
        found = match(text, place, end)
        if found is None:
            return None
        place = found.end()
        key = found["key"]
        if key is None:
            continue
        if key in table:
            return None
        table[key] = _value(found)
    return header[1], table


def _value(found: re.Match[str]) -> Any:
    scalar, lines, items, pairs = found.group("scalar", "lines", "items", "pairs")
    if scalar is not None:
        return _scalar(scalar)
    if lines is not None:
        return lines
    if items is not None:
        return [_scalar(item) for item in _ITEM.findall(items)]
    made = {key: _scalar(value) for key, value in _PAIR.findall(pairs)}
    if len(made) != len(_PAIR.findall(pairs)):
        raise _Doubt
    return made


def _scalar(text: str) -> str | int | bool:
    if text[0] in "\"'":
        return text[1:-1]
    return _WORDS[text] if text in _WORDS else int(text)
