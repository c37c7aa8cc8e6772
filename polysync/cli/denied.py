"""Why the daemon did not do as it was told: every way in which it may not, as a failure with its remedy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from polysync.api import client
from polysync.cli.codes import FAILED, NOT_FOUND, REFUSED, UNREACHABLE, USAGE
from polysync.cli.failure import Failure
from polysync.domain.errors import Problem

STATUSES: Final[Mapping[int, int]] = {
    **dict.fromkeys((400, 413, 422), USAGE),
    **dict.fromkeys((401, 403, 409, 429), REFUSED),
    404: NOT_FOUND,
}
HINTS: Final[Mapping[type[client.Unreachable], str]] = {
    client.NotRunning: "start it with polysync daemon, or name its home with --data or its socket with --socket",
    client.StaleSocket: "start it with polysync daemon",
    client.TurnedAway: "polysync runs shows whether it was done",
    client.Full: "try again in a moment; polysync doctor says more",
    client.TimedOut: "polysync doctor says more",
    client.Garbled: "--socket names another socket",
    client.NotPermitted: "[access] in the configuration says who may",
    client.OtherVersion: "restart the daemon; what runs goes on",
}
LISTS: Final[Mapping[str, str]] = {"no task ": "polysync tasks --all lists them", "no run ": "polysync runs lists them"}
BUSY: Final = "try again in a moment; polysync doctor says more"


class Lost(Failure):
    """The daemon cannot be reached, or not any more."""


def lost(error: client.Unreachable) -> Lost:
    """A daemon that cannot be reached, with what helps."""
    return Lost(str(error), code="unreachable", status=UNREACHABLE, hint=HINTS.get(type(error), ""))


def failure(status: int, body: bytes) -> Failure:
    """An answer that says no, in its own words."""
    try:
        told = json.loads(body)["error"]
        code, message, hint = str(told["code"]), str(told["message"]), str(told.get("hint") or "")
    except (ValueError, KeyError, TypeError):
        told, code, message, hint = {}, "http", f"the daemon answered {status}", ""
    hint = hint or (BUSY if status == 503 else _listed(message) if status == 404 else "")
    problems = [_problem(one) for one in told.get("problems", ()) if "line" in one and one.get("severity") == "error"]
    return Failure(message, code=code, status=STATUSES.get(status, FAILED), hint=hint, problems=problems)


def _listed(message: str) -> str:
    """What shows the names that there are, where none was probably meant."""
    if "did you mean" in message:
        return ""
    return next((hint for beginning, hint in LISTS.items() if message.startswith(beginning)), "")


def _problem(told: Mapping[str, Any]) -> Problem:
    """Something wrong in a file, as the daemon found it."""
    place = str(told["path"]), int(told["line"]), int(told["column"])
    return Problem(*place, str(told["message"]), str(told["hint"]), str(told["key"]))
