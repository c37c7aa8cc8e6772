"""The names that a completion script asks for: found cheaply, and never with an error."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click

from polysync.cli.group import verb
from polysync.cli.offered import offered
from polysync.cli.session import Session
from polysync.config.read import find_files, read_bytes
from polysync.config.where import find_config
from polysync.domain.errors import ValueProblem
from polysync.domain.values import NAME_PATTERN

SECTIONS: Final = {"tasks": ("tasks",), "services": ("services",), "runs": (), "all": ("tasks", "services", "jobs")}
LARGE: Final = 256 << 10  # bytes; above this the headers are read instead of the whole, to stay quick
HEADER: Final = re.compile(
    rf"""^[ \t]*\[(tasks|services)\.["']?({NAME_PATTERN})["']?[.\]]""".replace(r"\Z", r"\b"), re.MULTILINE
)


@verb("_names")
@click.argument("kind", type=click.Choice([*SECTIONS]))
@click.pass_obj
def command(session: Session, kind: str) -> None:
    """Print the names of tasks, of services, of runs, or of all that has a name, one a line.

    The daemon knows them all; where none answers, the configuration is read.
    """
    found = offered(session, kind)
    if found is not None:
        session.around.stdout.write(found)
        return
    path = find_config(session.option("config"), session.around.env, Path(session.around.folder))
    for name in dict.fromkeys(_names(str(path), SECTIONS[kind], follow=True)) if path else ():
        session.line(name)


def _names(path: str, sections: Sequence[str], *, follow: bool) -> Iterator[str]:
    try:
        text = read_bytes(Path(path)).decode("utf-8", errors="replace")
    except ValueProblem:
        return
    document = _document(text)
    if document is None:
        yield from (found[2] for found in HEADER.finditer(text) if found[1] in sections)
        return
    for section in sections:
        tables = document.get(section)
        yield from (name for name in tables if re.fullmatch(NAME_PATTERN, name)) if isinstance(tables, dict) else ()
    for pattern in _patterns(document) if follow else ():
        for further in _found(pattern, Path(path).parent):
            yield from _names(further, sections, follow=False)


def _found(pattern: str, folder: Path) -> Sequence[str]:
    try:
        return find_files(pattern, folder)
    except ValueProblem:
        return ()


def _document(text: str) -> dict[str, Any] | None:
    """The parsed file, or None where it is large or half-written."""
    if len(text) > LARGE:
        return None
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _patterns(document: dict[str, Any]) -> list[str]:
    include = document.get("include", [])
    listed = [include] if isinstance(include, str) else include
    return [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
