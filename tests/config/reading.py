"""Small ways to decode a text in a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch

from polysync.config.decode import Loaded, decode
from polysync.domain.errors import ValueProblem
from polysync.domain.settings import Configuration


def reader_of(files: Mapping[str, str]) -> Callable[[str], str]:
    def read(path: str) -> str:
        if path not in files:
            raise ValueProblem(f"{path} does not exist")
        return files[path]

    return read


def finder_of(files: Mapping[str, str]) -> Callable[[str], Sequence[str]]:
    def find(pattern: str) -> Sequence[str]:
        return sorted(name for name in files if fnmatch(name, pattern))

    return find


def told(text: str, env: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None) -> Loaded:
    """`text` decoded beside some variables and files."""
    given = files or {}
    return decode(text, env=env or {}, read_file=reader_of(given), find_files=finder_of(given))


def complaints(text: str, env: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None) -> list[str]:
    """Every problem of `text`, as people read them."""
    return [str(problem) for problem in told(text, env, files).problems]


def fine(text: str, env: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None) -> Configuration:
    """The configuration of a text without a fault."""
    loaded = told(text, env, files)
    assert loaded.config is not None, [str(problem) for problem in loaded.problems]
    return loaded.config
