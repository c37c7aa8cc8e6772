"""Every way in which the API says no: a status, a word for programs and a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from polysync.domain.errors import PolysyncError

CODES: Final[Mapping[int, str]] = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    409: "conflict",
    413: "too_large",
    414: "too_large",
    417: "expectation_failed",
    422: "invalid",
    429: "too_many",
    431: "too_large",
    500: "internal_error",
    501: "not_implemented",
    503: "unavailable",
    505: "version_not_supported",
}


class Refused(PolysyncError):
    """The API cannot do this."""

    def __init__(self, status: int, message: str, *, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        self.extra = extra

    def again(self, headers: Mapping[str, str]) -> Refused:
        """The same for somebody else, with these headers too."""
        return Refused(self.status, self.message, headers={**self.headers, **headers}, **self.extra)

    def document(self) -> dict[str, Any]:
        """What the caller gets to read."""
        return {"error": {"code": CODES[self.status], "message": self.message, **self.extra}}


def invalid(problems: Sequence[tuple[str, str]]) -> Refused:
    """The refusal of values, each named by its parameter."""
    named = [{"parameter": parameter, "message": message} for parameter, message in problems]
    message = "; ".join(f"{parameter}: {text}" if parameter else text for parameter, text in problems)
    return Refused(422, message, problems=named)
