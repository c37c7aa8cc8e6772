"""Reading a configuration from disk, with everything that is wrong with it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from polysync.config.checks.waste import open_secrets_of
from polysync.config.decode import Loaded, decode
from polysync.config.kinds import OPTION_CLASSES
from polysync.config.read import NotText, find_files, read_bytes, read_text, readable_by_all, text_of
from polysync.domain.errors import Problem, Severity, ValueProblem


def load(
    path: Path,
    *,
    env: Mapping[str, str],
    read: Callable[[Path], bytes] = read_bytes,
    host_zone: str = "UTC",
    now: datetime | None = None,
    options: Mapping[str, type[Any]] = OPTION_CLASSES,
) -> Loaded:
    """The configuration in the file at `path` and its includes; never raises for what the file holds."""
    name = str(path)

    def read_beside(further: str) -> str:
        return read_text(further, read)

    def find(pattern: str) -> Sequence[str]:
        return find_files(pattern, path.parent)

    try:
        text = text_of(read(path))
    except NotText as problem:
        return _unread(Problem(name, problem.line, problem.column, problem.message, problem.hint))
    except ValueProblem as problem:
        return _unread(Problem(name, 0, 0, problem.message, _first_hint(problem)))
    if not text.strip():  # cut short by a full disk, or the wrong file: nobody means "no tasks at all" by it
        return _unread(Problem(name, 1, 1, "is empty", "`polysync init --force` writes one to start from"))
    with uncollected():
        loaded = decode(
            text,
            name,
            env=env,
            read_file=read_beside,
            find_files=find,
            host_zone=host_zone,
            now=now,
            options=options,
        )
    return replace(loaded, problems=tuple(sorted((*loaded.problems, *_exposed(loaded)))))


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection meanwhile: a million new objects that all live cost it a seventh of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def without_tables(loaded: Loaded) -> Loaded:
    """The same without the tables that it was made from: only checks look at them, and they are half of the memory."""
    if loaded.gathered is not None:
        for tables in loaded.gathered.named.values():
            while tables:  # one by one: to free ten thousand at once would hold up every other thread
                tables.popitem()
    return replace(loaded, gathered=None)


def _first_hint(problem: ValueProblem) -> str:
    return "`polysync init` writes one" if problem.message == "does not exist" else problem.hint


def _unread(problem: Problem) -> Loaded:
    return Loaded(config=None, problems=(problem,), documents={}, files=(problem.path,), env={})


def _exposed(loaded: Loaded) -> list[Problem]:
    """A warning for each file with secrets in the open that every user of the host can read."""
    secretive = open_secrets_of(loaded.gathered) if loaded.gathered is not None else set()
    message = "every user of this host can read the secrets in it"
    return [
        Problem(file, 0, 0, message, f"chmod 600 {file}", severity=Severity.WARNING)
        for file in sorted(secretive)
        if readable_by_all(Path(file))
    ]
