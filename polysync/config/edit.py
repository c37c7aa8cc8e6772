"""Changing a configuration text in one place: comments, order and everything else stay as they are.

Each change is made by splicing and then proved: the new text must hold exactly the data that was
wanted, or nothing is changed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from polysync.config.lines import KeyPath, Positions, Span, locate
from polysync.config.toml import write_key, write_table, write_value
from polysync.config.wording import dotted
from polysync.domain.errors import ValueProblem

_REST_OF_LINE: Final = re.compile(r"[ \t]*(?:#[^\n]*)?\n?")
_DIRECTIVES: Final = re.compile(r"(?:#:[^\n]*\n?)*")


def set_value(text: str, path: KeyPath, value: Any) -> str:
    """`text` with one value changed or added."""
    wanted = tomllib.loads(text)
    _put(wanted, path, value)
    positions = locate(text)
    span = positions.values.get(path)
    if span is not None:
        changed = text[: span.start] + write_value(value) + text[span.end :]
    elif path in positions.keys:
        raise ValueProblem(f"{dotted(path)} is a table", "change its keys one by one")
    else:
        changed = _added(text, positions, path, value)
    return _proved(changed, wanted, path)


def remove_key(text: str, path: KeyPath) -> str:
    """`text` without one key, or without one table and all that is in it."""
    wanted = tomllib.loads(text)
    _drop(wanted, path)
    positions = locate(text)
    spans = [_whole(text, positions, one) for one in positions.headers if one[: len(path)] == path]
    if spans and isinstance(path[-1], int):
        _drop_empty(wanted, path[:-1])
    if not spans:
        spans = _statements(text, positions, path)
    for span in sorted(spans, reverse=True):
        text = text[: span.start] + text[span.end :]
    return _proved(text, wanted, path)


def add_block(
    text: str,
    path: tuple[str, ...],
    content: Mapping[str, Any],
    *,
    after: KeyPath | None = None,
    listed: bool = False,
    comment: str = "",
) -> str:
    """`text` with a new table behind the table `after`, else behind its likes, else at the end."""
    wanted = tomllib.loads(text)
    if listed:
        _list_at(wanted, path).append(dict(content))
    else:
        _put(wanted, path, dict(content), new=True)
    positions = locate(text)
    likes = [one for one in positions.headers if one[: len(after or path[:1])] == (after or path[:1])]
    at = max((_whole(text, positions, one).end for one in likes), default=len(text))
    lead = "".join(f"# {line}\n" for line in comment.splitlines())
    block = lead + write_table(path, content, listed=listed)
    return _proved(_spaced(text[:at], block, text[at:]), wanted, path)


def _spaced(before: str, block: str, rest: str) -> str:
    """`block` between the two, an empty line away from each."""
    if before and not before.endswith("\n"):
        before += "\n"
    if before.strip() and not before.endswith("\n\n"):
        before += "\n"
    return before + block + ("\n" if rest and not rest.startswith("\n") else "") + rest


def _added(text: str, positions: Positions, path: KeyPath, value: Any) -> str:
    parent, name = path[:-1], path[-1]
    if not isinstance(name, str):
        raise ValueProblem(f"{dotted(path)} does not exist", "set the whole list")
    line = f"{write_key(name)} = {write_value(value)}"
    inline = positions.values.get(parent)
    if inline is not None:
        return _into_inline(text, inline, line, parent)
    if parent in positions.headers or not parent:
        at = _end_of_keys(text, positions, parent)
        return _line_at(text, at, line)
    sibling = next((one for one in positions.values if one[:-1] == parent), None)
    if sibling is not None:
        start = text.rfind("\n", 0, positions.keys[sibling]) + 1
        prefix = text[start : positions.keys[sibling]]
        return _line_at(text, _after_statement(text, positions.values[sibling].end), prefix + line)
    if any(isinstance(part, int) for part in parent):
        raise ValueProblem(f"{dotted(parent)} does not exist", "add its table first")
    return _spaced(text, write_table(tuple(map(str, parent)), {name: value}), "")


def _into_inline(text: str, table: Span, line: str, path: KeyPath) -> str:
    if text[table.start] != "{":
        raise ValueProblem(f"{dotted(path)} is not a table")
    inside = text[table.start + 1 : table.end - 1].rstrip()
    joined = f"{inside}, {line} " if inside.strip() else f" {line} "
    return text[: table.start + 1] + joined + text[table.end - 1 :]


def _end_of_keys(text: str, positions: Positions, table: KeyPath) -> int:
    """The offset behind the last key that stands under the header of `table` itself."""
    if table:
        start = positions.headers[table].end
        following = _next_header(positions, start, len(text))
    else:
        start, following = 0, _next_header(positions, -1, len(text))
    ends = [span.end for span in positions.values.values() if start <= span.start < following]
    if not ends and not table:
        directives = _DIRECTIVES.match(text)  # such as #:schema, which must stay the first line
        return directives.end() if directives else 0
    return _after_statement(text, max(ends, default=start))


def _next_header(positions: Positions, after: int, end: int) -> int:
    return min((span.start for span in positions.headers.values() if span.start > after), default=end)


def _after_statement(text: str, end: int) -> int:
    rest = _REST_OF_LINE.match(text, end)
    return rest.end() if rest else end


def _line_at(text: str, at: int, line: str) -> str:
    before = text[:at] + ("\n" if at and not text[:at].endswith("\n") else "")
    return before + line + "\n" + text[at:]


def _whole(text: str, positions: Positions, table: KeyPath) -> Span:
    """A header and its keys, up to the comment in front of the next header."""
    header = positions.headers[table]
    start = text.rfind("\n", 0, header.start) + 1
    following = _next_header(positions, header.start, len(text))
    if following == len(text):
        return Span(start, following)
    end = text.rfind("\n", 0, following) + 1
    last = _after_statement(text, max([header.end, *_ends(positions, header.end, following)]))
    while end > last and (line := text[text.rfind("\n", 0, end - 1) + 1 : end]).strip().startswith("#"):
        end -= len(line)
    return Span(start, end)


def _ends(positions: Positions, start: int, end: int) -> list[int]:
    return [span.end for span in positions.values.values() if start <= span.start < end]


def _statements(text: str, positions: Positions, path: KeyPath) -> list[Span]:
    """The lines of a key, or of every dotted key below it; inside brackets, the item and its comma."""
    found = [one for one in positions.values if one[: len(path)] == path]
    outer = [one for one in found if not any(one[:n] in found for n in range(len(path), len(one)))]
    holder = next((one for n in range(1, len(path)) if (one := path[:n]) in positions.values), None)
    if holder is not None:
        return [_item(text, positions, one) for one in outer]
    spans = []
    for one in outer:
        start = text.rfind("\n", 0, positions.keys[one]) + 1
        spans.append(Span(start, _after_statement(text, positions.values[one].end)))
    return spans


def _item(text: str, positions: Positions, path: KeyPath) -> Span:
    start = positions.keys[path]
    while text[start - 1] not in ",{[":  # also steps over the first parts of a dotted key
        start -= 1
    end = positions.values[path].end
    following = re.compile(r"\s*,").match(text, end)
    if text[start - 1] == ",":
        return Span(start - 1, end)
    return Span(start, following.end() if following else end)


def _put(data: Any, path: KeyPath, value: Any, *, new: bool = False) -> None:
    for part in path[:-1]:
        data = data.setdefault(part, {}) if isinstance(data, dict) else _at(data, part, path)
    if new and path[-1] in data:
        raise ValueProblem(f"{dotted(path)} exists already", "choose another name")
    if isinstance(data, list):
        _at(data, path[-1], path)
    elif not isinstance(data, dict):
        raise ValueProblem(f"{dotted(path[:-1])} is not a table")
    data[path[-1]] = deepcopy(value)


def _at(data: Any, part: Any, path: KeyPath) -> Any:
    try:
        return data[part]
    except (IndexError, KeyError, TypeError):
        raise ValueProblem(f"{dotted(path)} does not exist") from None


def _drop(data: Any, path: KeyPath) -> None:
    for part in path[:-1]:
        data = _at(data, part, path)
    _at(data, path[-1], path)
    del data[path[-1]]


def _drop_empty(data: Any, path: KeyPath) -> None:
    """Drop a list of tables that has lost its last: it cannot be written with headers."""
    for part in path[:-1]:
        data = data[part]
    if not data[path[-1]]:
        del data[path[-1]]


def _list_at(data: Any, path: tuple[str, ...]) -> list[Any]:
    for part in path[:-1]:
        data = data.setdefault(part, {})
    found: list[Any] = data.setdefault(path[-1], [])
    return found


def _proved(text: str, wanted: Mapping[str, Any], path: KeyPath) -> str:
    """`text`, if it holds exactly the wanted data."""
    try:
        same = _pruned(tomllib.loads(text)) == _pruned(wanted)
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise ValueProblem(f"{dotted(path)} cannot be changed in place", "edit the file by hand")
    return text


def _pruned(data: Any) -> Any:
    """Data without tables that hold nothing, which a removed key may leave behind or take along."""
    if isinstance(data, dict):
        return {key: kept for key, value in data.items() if (kept := _pruned(value)) != {}}
    return data
