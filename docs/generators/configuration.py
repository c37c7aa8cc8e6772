"""The page of the configuration: every key, from the definition classes themselves."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import MISSING, Field, is_dataclass
from pathlib import Path
from typing import Any, Final

from docs.generators.words import words
from polysync.domain.definition import data_of
from polysync.domain.settings import Configuration
from polysync.domain.shape import Key, Many, Mapped, Nested, Shape, Special, keys_of
from polysync.domain.task import Edge, Task

HEAD: Final = (
    "<!-- Written by `contrib/dev docs` from polysync/domain/task.py and settings.py; change those, not this. -->\n"
)
INTRO: Final = Path(__file__).with_name("configuration-intro.md")
BESIDE: Final = "options"  # not a key of that name: whatever stands beside `type`


def page() -> str:
    """The introduction, then one section for each table of the file."""
    return "\n".join([HEAD, INTRO.read_text(encoding="utf-8"), *_top(), *_defaults(), *_sections()])


def _top() -> Iterator[str]:
    lone = {name: entry for name, entry in keys_of(Configuration).items() if _definition(entry[0].shape) is None}
    yield "## The top of the file\n"
    yield from _table(lone)


def _defaults() -> Iterator[str]:
    yield "## `[defaults]`\n"
    yield "Values for every task that does not set them; services take those that they have too.\n"
    names = [f"`{name}`" for name, (key, _) in keys_of(Task).items() if key.inherit]
    yield " · ".join(names) + "\n"


def _sections() -> Iterator[str]:
    for name, (key, _) in keys_of(Configuration).items():
        definition = _definition(key.shape)
        if definition is not None:
            yield from _section(_header(name, key.shape), definition, "##")


def _section(header: str, definition: type[Any], mark: str) -> Iterator[str]:
    """One table of the file, then the tables inside it."""
    yield f"{mark} `{header}`\n"
    yield f"{_summary(definition)}\n"
    for title, entries in _groups(definition):
        if title:
            yield f"**{title}**\n"
        yield from _table(entries)
    for inner, names in _inner(definition).items():
        headers = [_header(f"{header.strip('[]')}.{name}", keys_of(definition)[name][0].shape) for name in names]
        yield from _section("` and `".join(headers), inner, "###")


def _inner(definition: type[Any]) -> dict[type[Any], list[str]]:
    """The definitions of the tables inside a table, each with the keys that hold it."""
    found = defaultdict(list)
    for name, (key, _) in keys_of(definition).items():
        inner = _definition(key.shape)
        if inner is not None:
            found[inner].append(name)
    return found


def _groups(definition: type[Any]) -> Iterator[tuple[str, dict[str, tuple[Key, Field[Any]]]]]:
    """The keys of a definition, its own first, then those of each group that it shares."""
    keys = dict(keys_of(definition))
    shared = [base for base in definition.__bases__ if is_dataclass(base)]
    borrowed = {name for base in shared for name in keys_of(base) if name not in definition.__annotations__}
    yield "", {name: entry for name, entry in keys.items() if name not in borrowed}
    for base in reversed(shared):
        yield _summary(base), {name: keys[name] for name in keys_of(base) if name in borrowed}


def _table(entries: dict[str, tuple[Key, Field[Any]]]) -> Iterator[str]:
    yield "| key | value | default | D | meaning |"
    yield "|---|---|---|---|---|"
    for name, (key, field) in entries.items():
        shown = "(further keys)" if name == BESIDE else f"`{name}`"
        cells = (shown, words(key.shape), _default(key, field), "D" if key.inherit else "", key.doc)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _default(key: Key, field: Field[Any]) -> str:
    if key.required:
        return "required"
    if key.shown is not None:
        return _written(key.shown)
    value = field.default if field.default_factory is MISSING else field.default_factory()
    data = None if is_dataclass(value) else data_of(value)
    return "–" if data is None or data in ([], {}, "") else f"`{json.dumps(data)}`"


def _written(shown: str) -> str:
    """A default as it would be written in the file; a remark stays a remark."""
    if " " in shown:
        return shown
    return f"`{shown}`" if shown in {"true", "false"} or shown.startswith("[") else f'`"{shown}"`'


def _definition(shape: Shape) -> type[Any] | None:
    """The definition class whose keys stand in a table of this shape."""
    match shape:
        case Nested(of=definition):
            return definition
        case Many(item=item) | Mapped(item=item):
            return _definition(item)
        case Special(name="edges"):
            return Edge
        case _:
            return None


def _header(name: str, shape: Shape) -> str:
    match shape:
        case Mapped():
            return f"[{name}.NAME]"
        case Many() | Special():
            return f"[[{name}]]"
        case _:
            return f"[{name}]"


def _summary(definition: type[Any]) -> str:
    """The docstring of a definition, without the name of the table that stands above it anyway."""
    return re.sub(r": `\[[^`]*\]`", "", (definition.__doc__ or "").partition("\n")[0])
