"""TOML text for imported definitions: readable, correctly escaped, with comments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import tomli_w

from polysync.config.imports.wording import printable
from polysync.domain.quantity import format_span

SCHEMA_LINE: Final = "#:schema ./polysync.schema.json"
_WIDEST: Final = 100  # a longer inline table becomes a table of its own
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Ready(str):
    """Text that is already in our substitution language, so that its `${` stays."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the file: `[a.b]`, or `[[a]]` where `array` is set."""

    path: tuple[str, ...]
    keys: Mapping[str, Any]
    comments: tuple[str, ...] = field(default=())
    array: bool = False


def _escaped(text: str) -> str:
    return text if isinstance(text, Ready) else text.replace("${", "$${")


def _basic(text: str) -> str:
    """A basic string; tomli_w knows the escapes."""
    return tomli_w.dumps({"k": str(text)})[4:-1]


def script(text: str) -> str:
    """A script as TOML: literal where TOML allows it, so that it reads as it would in a shell."""
    if "\n" not in text:
        return f"'{text}'" if re.search(r'["\\]', text) and not re.search(r"['\x00-\x1f\x7f]", text) else _basic(text)
    if "'''" in text or text.endswith("'") or _CONTROL.search(text):
        return '"""\n' + "\n".join(_basic(line)[1:-1] for line in text.split("\n")) + '"""'
    return f"'''\n{text}'''"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _basic(name)


def _list(items: Sequence[Any]) -> str:
    flat = "[" + ", ".join(value(item) for item in items) + "]"
    if len(flat) <= _WIDEST:
        return flat
    return "[\n" + "".join(f"  {value(item)},\n" for item in items) + "]"


def value(item: Any, key: str = "") -> str:
    """One value as TOML; strings are literal text, so a `${` in them is escaped (not in `run`)."""
    if isinstance(item, str):
        return script(item) if key == "run" else _basic(_escaped(item))
    if isinstance(item, timedelta):
        return _basic(format_span(item))
    if isinstance(item, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {value(v, k)}" for k, v in item.items()) + " }" if item else "{}"
    if isinstance(item, (list, tuple)):
        return _list(item)
    return tomli_w.dumps({"k": item})[4:-1]


def _fits_inline(item: Mapping[str, Any]) -> bool:
    text = value(item)
    return "\n" not in text and len(text) <= _WIDEST


def _comment(lines: Sequence[str]) -> list[str]:
    return [f"# {printable(part)}".rstrip() for line in lines for part in line.split("\n")]


def table(item: Table) -> str:
    """A table as TOML; what does not fit on a line becomes a sub-table."""
    apart = {k: v for k, v in item.keys.items() if isinstance(v, Mapping) and not _fits_inline(v)}
    path = ".".join(_key(part) for part in item.path)
    lines = [*_comment(item.comments), f"[[{path}]]" if item.array else f"[{path}]"]
    lines += [f"{_key(k)} = {value(v, k)}" for k, v in item.keys.items() if k not in apart]
    text = "\n".join(lines) + "\n"
    return text + "".join("\n" + table(Table((*item.path, k), v)) for k, v in apart.items())


def document(intro: Sequence[str], tables: Sequence[Table]) -> str:
    """A whole configuration file: the schema line, a word to the reader, the tables."""
    head = "\n".join([SCHEMA_LINE, *_comment(intro)]) + "\n"
    return head + "".join("\n" + table(item) for item in tables)
