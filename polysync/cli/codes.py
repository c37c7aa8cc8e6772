"""How commands end: the exit statuses, and the one exception that carries one beside its words."""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from typing import Final

FAILED: Final = 1  # it ran and failed, or a check found something
USAGE: Final = 2
NOT_FOUND: Final = 3
REFUSED: Final = 4
UNREACHABLE: Final = 5
TIMED_OUT: Final = 124
COULD_NOT: Final = 125  # polysync itself could not do what `exec` was to do
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it
NOBODY_READS: Final = 141  # 128 + SIGPIPE


class Unwritten(Exception):
    """A command that ended with a status, and with words that its streams did not take."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
