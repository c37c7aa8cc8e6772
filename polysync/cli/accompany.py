"""Starting a run and going with it to its end: what `exec` does once it knows what is wanted."""

from __future__ import annotations

from polysync.cli.codes import COULD_NOT, INTERRUPTED, TIMED_OUT
from polysync.cli.following import follow
from polysync.cli.link import Daemon, attach

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from polysync.cli.following import Pour, Seen
    from polysync.cli.session import Session

NEVER_RAN = {"skipped", "rejected", "expired"}
OURS = frozenset(
    {"start_failed", "precheck", "secret_error", "missing_output", "denied", "approval_expired", "upstream_failed"}
)


def execute(session: Session, task: str, body: Mapping[str, Any], *, detach: bool) -> int:
    """Start a task and follow it, or only print its id: the exit status, which is 125 where polysync could not."""
    try:
        with attach(session) as daemon:
            run = daemon.once(f"/api/tasks/{task}/run", body, session)
            return _detached(session, run) if detach else accompany(session, run, daemon)
    except Exception as error:
        if getattr(error, "status", INTERRUPTED) != INTERRUPTED:
            error.status = COULD_NOT  # type: ignore[attr-defined]  # a Failure; its import would cost a start-up
        raise


def _detached(session: Session, run: Mapping[str, Any]) -> int:
    if session.json:
        session.document(run)
    else:
        session.around.stdout.write(f"{int(run['id'])}\n")
    return 0


def accompany(session: Session, run: Mapping[str, Any], daemon: Daemon | None = None) -> int:
    """Follow the run to its end, over restarts of the daemon; one Ctrl-C stops it, a second one leaves."""
    number = int(run["id"])
    pour = _pour(session)
    waits = run.get("blocked_on") or run.get("waiting_for")
    if waits and not session.json:
        _say_what_for(session, run)
    seen: Seen = {}
    try:
        return told(session, follow(session, number, pour, seen, daemon=daemon))
    except KeyboardInterrupt:
        ended = _stopped(session, number, pour, seen)
    if ended["state"] != "cancelled":  # it was quicker
        return told(session, ended)
    _tell(session, ended)
    return INTERRUPTED


def _pour(session: Session) -> Pour:
    from polysync.cli.straight import Straight, suits

    if suits(session):
        return Straight(session)
    from polysync.cli.outpour import Outpour

    return Outpour(session, quiet=session.json)


def _say_what_for(session: Session, run: Mapping[str, Any]) -> None:
    from polysync.api.told import lacking

    session.remark(f"run {run['id']} waits for {lacking(run)}")


def _stopped(session: Session, number: int, pour: Pour, seen: Seen) -> Mapping[str, Any]:
    """Stop the run and follow it to its end, unless one is in a hurry."""
    from polysync.cli.attach import Lost
    from polysync.cli.failure import Failure

    session.remark(f"stopping run {number} …")
    try:
        with attach(session) as daemon:
            _stop(daemon, number)
        return follow(session, number, pour, seen)
    except Lost as lost:
        hint = f"polysync stop {number} once the daemon is there again"
        raise Failure(f"run {number} goes on: {lost}", code="interrupted", status=COULD_NOT, hint=hint) from lost
    except KeyboardInterrupt:
        hint = f"polysync run {number} shows what became of it"
        raise Failure(f"run {number} is not waited for", code="interrupted", status=INTERRUPTED, hint=hint) from None


def _stop(daemon: Daemon, number: int) -> None:
    from polysync.cli.failure import Failure

    try:
        daemon.post(f"/api/runs/{number}/stop", {"reason": "interrupted at the terminal"})
    except Failure as failure:
        if failure.code != "conflict":  # it ended by itself in this very moment
            raise


def told(session: Session, run: Mapping[str, Any]) -> int:
    """The exit status of a run that is over, after saying what its exit code does not say."""
    status = status_of(run)
    if status and not (run["state"] == "failed" and run.get("end_reason") == "exit_code"):
        _tell(session, run)
    elif session.json:
        session.document(run)
    return status


def _tell(session: Session, run: Mapping[str, Any]) -> None:
    """Why it did not end well, where its exit code alone does not say it."""
    from polysync.api.told import state_cell

    if session.json:
        session.document(run)
        return
    said = f": {run['error']}" if run.get("error") else ""
    session.remark(f"run {run['id']}  ", state_cell(run, session.glyphs), said)


def status_of(run: Mapping[str, Any]) -> int:
    """The exit status that stands for the end of a run."""
    state, code, reason = run["state"], run.get("exit_code"), run.get("end_reason")
    if state == "timeout":
        return TIMED_OUT
    if reason in OURS or (state in NEVER_RAN and code is None) or run.get("started_at") is None:
        return COULD_NOT
    if code is not None:
        return int(code)
    return 0 if state == "succeeded" else 1
