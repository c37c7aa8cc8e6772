"""Saying no: every failure carries a code for machines, an exit status for scripts and a hint for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from polysync.cli.codes import FAILED, NOT_FOUND, REFUSED, USAGE
from polysync.config.report import problem_data
from polysync.domain.errors import PolysyncError, Problem, Severity, ValueProblem

__all__ = ["FAILED", "NOT_FOUND", "REFUSED", "USAGE", "Failure"]


class Failure(PolysyncError):
    """A command could not do what it was asked to do."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int,
        hint: str = "",
        problems: Iterable[Problem] = (),
        beside: Mapping[str, Any] | None = None,
        excerpt: tuple[str, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.hint = hint
        self.problems = tuple(problems)
        self.beside = beside or {}  # what the JSON document holds beside the error
        self.excerpt = excerpt  # the words that are wrong, and how many characters into them


def usage(message: str, hint: str = "") -> Failure:
    """The command line itself is wrong."""
    return Failure(message, code="usage", status=USAGE, hint=hint)


def no_such(kind: str, name: str, hint: str) -> Failure:
    """What was asked for does not exist."""
    return Failure(f"no {kind} is called {name}", code="not_found", status=NOT_FOUND, hint=hint)


def unreadable(path: str, error: OSError) -> Failure:
    """A file that cannot be read."""
    return Failure(f"{path}: {reason_of(error)}", code="unreadable", status=USAGE)


def reason_of(error: OSError) -> str:
    """Why the system said no, in its words but in our spelling."""
    said = error.strerror or str(error)
    return said[:1].lower() + said[1:]


def invalid(problems: Iterable[Problem], path: str) -> Failure:
    """A configuration that cannot be used."""
    listed = tuple(problems)
    errors = [problem for problem in listed if problem.severity is Severity.ERROR]
    message = f"{path} has {count(len(errors), 'problem')}"
    hint = f"mend {'it' if len(errors) == 1 else 'them'}, then run polysync validate"
    return Failure(message, code="invalid_configuration", status=USAGE, hint=hint, problems=errors)


def bad_cron(text: str, problem: ValueProblem) -> Failure:
    """A cron expression on the command line that cannot be used."""
    place = Problem("cron", 1, problem.offset + 1, problem.message, problem.hint)
    return Failure(
        problem.message,
        code="invalid_cron",
        status=USAGE,
        hint=problem.hint,
        problems=[place],
        excerpt=(text, problem.offset),
    )


def count(number: int, noun: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def error_data(failure: Failure) -> dict[str, Any]:
    """A failure as the document that `--json` prints."""
    error = {
        "code": failure.code,
        "message": failure.message,
        "hint": failure.hint,
        "problems": [problem_data(problem) for problem in failure.problems],
    }
    return {**failure.beside, "error": error}
