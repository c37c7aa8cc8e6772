"""Files of environment variables, as a task's `env_file` names them: NAME=value, quotes, comments, `export`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from polysync.config.read import read_bytes, text_of
from polysync.domain.errors import ValueProblem

_LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_SINGLE: Final = re.compile(r"'([^']*)'\s*(?:#.*)?")
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?')
_ESCAPE: Final = re.compile(r"\\(.)")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}


def read_env_file(path: Path) -> dict[str, str]:
    """The variables in the file at `path`; ValueProblem names the file and, where it can, the line."""
    try:
        return parse_env(text_of(read_bytes(path)), str(path))
    except ValueProblem as problem:
        said = problem.message if str(path) in problem.message else f"env_file {path} {problem.message}"
        raise ValueProblem(said, problem.hint) from None


def parse_env(text: str, name: str) -> dict[str, str]:
    """The variables in `text`, the last of one name; nothing in a value is expanded."""
    found = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        match = _LINE.fullmatch(said)
        value = None if match is None else _value(match[2])
        if match is None or value is None or "\0" in value:
            raise ValueProblem(f"env_file {name}:{number} is not NAME=value", "quotes must be closed on their line")
        found[match[1]] = value
    return found


def _value(said: str) -> str | None:
    """The value that was written, or None where a quote stays open or something follows it."""
    if said.startswith("'"):
        single = _SINGLE.fullmatch(said)
        return None if single is None else single[1]
    if said.startswith('"'):
        double = _DOUBLE.fullmatch(said)
        return None if double is None else _ESCAPE.sub(lambda mark: _ESCAPES.get(mark[1], mark[1]), double[1])
    return _COMMENT.sub("", said).rstrip()
