"""Problems as text for people: the sentence, the line it is about, and a caret under the place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from polysync.domain.errors import Problem, Severity

WIDE: Final = 100  # columns of a source line that are shown
LEAD: Final = 40  # columns kept in front of the fault in a longer line


def render(problems: Iterable[Problem], documents: Mapping[str, str]) -> str:
    """Every problem with its source line, and a count at the end."""
    shown = list(problems)
    lines = {path: text.split("\n") for path, text in documents.items()}
    blocks = [_block(problem, lines.get(problem.path, [])) for problem in shown]
    return "\n".join([*blocks, *([summary(shown)] if shown else [])])


def summary(problems: Iterable[Problem]) -> str:
    """How many errors and warnings there are, in words."""
    found = [problem.severity for problem in problems]
    counts = ((found.count(Severity.ERROR), "error"), (found.count(Severity.WARNING), "warning"))
    return ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in counts if count)


def as_data(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """The problems as JSON data."""
    return [
        {
            "path": problem.path,
            "line": problem.line,
            "column": problem.column,
            "key": problem.key,
            "message": problem.message,
            "hint": problem.hint,
            "severity": problem.severity.value,
        }
        for problem in problems
    ]


def _block(problem: Problem, lines: list[str]) -> str:
    if not 0 < problem.line <= len(lines):
        return str(problem)
    source, column = lines[problem.line - 1], problem.column - 1
    start = max(0, column - LEAD) if len(source) > WIDE else 0
    part = source[start : start + WIDE]
    shown = "".join(char if char.isprintable() else " " for char in part).rstrip()
    number = str(problem.line)
    return f"{problem}\n  {number} | {shown}\n  {' ' * len(number)} | {' ' * (column - start)}^"
