"""Every way in which Polysync says no; the docstring of a class is its default message."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a problem matters: an error refuses the file, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something in a file that a person must mend, and where: `path:line:column: key: message; hint`."""

    path: str
    line: int
    column: int
    message: str
    hint: str = ""
    key: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        said = f"{self.key}: {self.message}" if self.key else self.message
        mark = "warning: " if self.severity is Severity.WARNING else ""
        return f"{where}: {mark}{said}{'; ' + self.hint if self.hint else ''}"


class PolysyncError(Exception):
    """Polysync cannot do this."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class ValueProblem(PolysyncError):
    """This value is not acceptable."""

    def __init__(self, message: str, hint: str = "", offset: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.offset = offset  # characters into the value at which the fault stands


class IllegalTransition(PolysyncError):
    """A run cannot make this move from this state: a bug in Polysync."""


class DoubleFiring(PolysyncError):
    """This slot of this task already has a row: a bug in Polysync, stopped by the unique key."""
