"""A problem as JSON data, the same for everyone who tells it."""

from __future__ import annotations

from typing import Any

from polysync.domain.errors import Problem


def problem_data(problem: Problem) -> dict[str, Any]:
    """A problem as data."""
    return {
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "key": problem.key,
        "message": problem.message,
        "hint": problem.hint,
        "severity": problem.severity.value,
    }
