"""The daemon as a command sees it: where its socket is, what it answers, and every way in which it may not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

from polysync.api import client
from polysync.cli.failure import FAILED, NOT_FOUND, REFUSED, USAGE, Failure
from polysync.cli.session import Session
from polysync.config.where import find_config, find_home
from polysync.domain.errors import Problem
from polysync.home import Home

UNREACHABLE: Final = 5
OK: Final = range(200, 300)
STATUSES: Final[Mapping[int, int]] = {
    **dict.fromkeys((400, 413, 422), USAGE),
    **dict.fromkeys((401, 403, 409, 429), REFUSED),
    404: NOT_FOUND,
}
HINTS: Final[Mapping[type[client.Unreachable], str]] = {
    client.NotRunning: "start it with polysync daemon, or name its home with --data or its socket with --socket",
    client.StaleSocket: "start it with polysync daemon",
    client.NotPermitted: "[access] in the configuration says who may",
    client.OtherVersion: "restart the daemon; what runs goes on",
}


class Lost(Failure):
    """The daemon cannot be reached, or not any more."""


def socket_path(session: Session) -> Path:
    """Where the daemon listens: as named, else in the home that goes with the options and the configuration."""
    around = session.around
    folder = Path(around.folder)
    named = session.option("socket")
    if named:
        return folder / named
    config = find_config(session.option("config"), around.env, folder)
    data = session.option("data")
    if data is None and config is not None:
        from polysync.daemon.pointer import read_pointer

        pointed = read_pointer(folder / config, around.env, os.getuid())
        if pointed is not None:
            return _socket_in(Home(pointed))
    return _socket_in(Home(find_home(data, around.env, folder, config)))


def _socket_in(home: Home) -> Path:
    """The one that is there: a home that others may use too has it in a folder of its own."""
    shared = os.access(home.shared_socket, os.F_OK) and not os.access(home.socket, os.F_OK)  # no where we may not look
    return home.shared_socket if shared else home.socket


def attach(session: Session) -> Daemon:
    """The daemon that the options mean; a connection is made with the first request."""
    return Daemon(str(socket_path(session)))


class Daemon:
    """Requests to the daemon; whatever goes wrong is a `Failure` with its remedy."""

    def __init__(self, path: str) -> None:
        self._client = client.Client(path)
        self._patient = client.Client(path, timeout=None)  # for streams, which may be silent for hours

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._patient.close()

    def get(self, path: str, **query: Any) -> Any:
        """What stands at a path."""
        return self._ask("GET", _target(path, query), None)

    def post(self, path: str, body: Mapping[str, Any], *, patient: bool = False) -> Any:
        """The answer to a request to do something, for which some patience may be needed."""
        return self._ask("POST", _target(path, {}), json.dumps(body).encode(), patient=patient)

    def lines(self, path: str, **query: Any) -> Iterator[Mapping[str, Any]]:
        """A stream of JSON lines, as they come."""
        try:
            stream = self._patient.stream("GET", _target(path, query), None, {"Accept": "application/x-ndjson"})
            if stream.status not in OK:
                raise _failure(stream.status, b"".join(stream.pieces()))
            for line in stream.lines():
                yield json.loads(line)
        except client.Unreachable as error:
            raise _lost(error) from error

    def _ask(self, method: str, target: str, body: bytes | None, *, patient: bool = False) -> Any:
        try:
            answer = (self._patient if patient else self._client).request(method, target, body)
        except client.Unreachable as error:
            raise _lost(error) from error
        if answer.status not in OK:
            raise _failure(answer.status, answer.body)
        return json.loads(answer.body)


def _target(path: str, query: Mapping[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return quote(path) + (f"?{urlencode(given)}" if given else "")


def _lost(error: client.Unreachable) -> Lost:
    return Lost(str(error), code="unreachable", status=UNREACHABLE, hint=HINTS.get(type(error), ""))


def _failure(status: int, body: bytes) -> Failure:
    """An answer that says no, in its own words."""
    try:
        told = json.loads(body)["error"]
        code, message, hint = str(told["code"]), str(told["message"]), str(told.get("hint") or "")
    except (ValueError, KeyError, TypeError):
        told, code, message, hint = {}, "http", f"the daemon answered {status}", ""
    problems = [_problem(one) for one in told.get("problems", ()) if "line" in one and one.get("severity") == "error"]
    return Failure(message, code=code, status=STATUSES.get(status, FAILED), hint=hint, problems=problems)


def _problem(told: Mapping[str, Any]) -> Problem:
    """Something wrong in a file, as the daemon found it."""
    place = str(told["path"]), int(told["line"]), int(told["column"])
    return Problem(*place, str(told["message"]), str(told["hint"]), str(told["key"]))
