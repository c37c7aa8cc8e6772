"""Answers that the daemon draws for people, or gives as one document: the client only passes them on."""

from __future__ import annotations

from polysync.cli.link import attach
from polysync.cli.terse import target

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from polysync.cli.session import Session


def status(session: Session) -> int:
    """Print how the daemon is: the exit status, which is 1 where something needs a person."""
    return 1 if int(_passed_on(session, "/api/status", {}).get("polysync-troubles", "0")) else 0


def runs(session: Session, wanted: Mapping[str, Any]) -> int:
    """Print a page of runs, and how to go on."""
    headers = _passed_on(session, "/api/runs", wanted)
    if session.json:
        return 0
    if "polysync-next" in headers:
        session.remark(f"more: --cursor {headers['polysync-next']}")
    elif headers.get("content-length") == "0":
        session.remark("no runs" if len(wanted) == 1 else "no run is like that")
    return 0


def run_document(session: Session, number: int) -> int:
    """Print one run as a document."""
    _passed_on(session, f"/api/runs/{number}", {})
    return 0


def _passed_on(session: Session, path: str, query: Mapping[str, Any]) -> Mapping[str, str]:
    """Print what stands at a path, as a document or drawn for this terminal; gives what is said beside it."""
    headers = {} if session.json else {"Accept": _screen(session)}
    with attach(session) as daemon:
        answer = daemon.answer("GET", target(path, query), headers=headers)
    if session.json:
        session.passed_on(answer.body)
    else:
        session.around.stdout.write(answer.body.decode())
    return answer.headers


def _screen(session: Session) -> str:
    width = "" if session.width is None else f"; width={session.width}"
    return f"text/plain{width}; color={int(session.colour)}; glyphs={'utf-8' if session.signs else 'ascii'}"
