"""`polysync exec`: start a task now, show its output as it comes, and end as it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from polysync.cli.attach import Daemon, Lost, attach
from polysync.cli.failure import Failure, usage
from polysync.cli.following import Seen, follow
from polysync.cli.group import verb
from polysync.cli.main import INTERRUPTED
from polysync.cli.moments import moment, utc_text
from polysync.cli.outpour import Outpour
from polysync.cli.session import Session
from polysync.cli.standing import lacking, state_cell

COULD_NOT: Final = 125  # polysync itself could not do it
TIMED_OUT: Final = 124
NEVER_RAN: Final = {"skipped", "rejected", "expired"}
OURS: Final = frozenset(
    {"start_failed", "precheck", "secret_error", "missing_output", "denied", "approval_expired", "upstream_failed"}
)
EXAMPLES: Final = [
    "polysync exec backup",
    "polysync exec report -p day=2026-03-29 --tag asked-by=ops",
    "polysync exec backup --detach",
]


@verb("exec", examples=EXAMPLES)
@click.argument("task")
@click.option("-p", "parameters", multiple=True, metavar="K=V", help="A parameter; may be given several times.")
@click.option("--detach", is_flag=True, help="Print the id of the run and leave it running.")
@click.option("--at", metavar="T", help="Start then: 2026-03-29 02:30, 14:00, +2h …")
@click.option("--hold", is_flag=True, help="Keep it back until polysync release.")
@click.option("--expires-after", metavar="D", help="Give it up when it has not started within this time.")
@click.option("--priority", type=click.IntRange(-100, 100), metavar="N", help="Before those with less.")
@click.option("--external-id", metavar="X", help="The id of another system, to find it again by.")
@click.option("--correlation-id", metavar="X", help="Runs that belong together carry the same.")
@click.option("--tag", "tags", multiple=True, metavar="K=V", help="A label; may be given several times.")
@click.pass_obj
def command(session: Session, /, task: str, **given: Any) -> int:
    """Start TASK now, follow its output, and exit as it does: its code, or 128 and its signal.

    Ctrl-C stops the run; a hang-up leaves it running.  124: it ended by its timeout.  125: polysync itself could
    not do it, or the run never started.  A daemon that is restarted meanwhile is waited for.
    """
    try:
        body = _body(session, given)
        with attach(session) as daemon:
            run = daemon.post(f"/api/tasks/{task}/run", body)
        if given["detach"] or given["hold"]:
            return _detached(session, run)
        return _accompany(session, run)
    except Failure as failure:
        if failure.status != INTERRUPTED:
            failure.status = COULD_NOT
        raise


def _detached(session: Session, run: Mapping[str, Any]) -> int:
    if session.json:
        session.document(run)
    else:
        session.line(str(run["id"]))
    return 0


def _body(session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    """The request as the API takes it; what was not said is left out."""
    from zoneinfo import ZoneInfo

    body: dict[str, Any] = {"parameters": _pairs(given["parameters"], "-p"), "tags": _pairs(given["tags"], "--tag")}
    if given["at"] is not None:
        body["start_at"] = utc_text(moment(given["at"], "--at", session.now, ZoneInfo(session.host_zone)).at)
    for name in ("expires_after", "priority", "external_id", "correlation_id"):
        body[name] = given[name]
    body["hold"] = given["hold"] or None
    return {name: value for name, value in body.items() if value not in (None, {})}


def _pairs(words: tuple[str, ...], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise usage(f"{option} {word} is not NAME=VALUE", f"write {option} name=value")
        if name in found:
            raise usage(f"{option} {name} is given twice", "give it once")
        found[name] = value
    return found


def _accompany(session: Session, run: Mapping[str, Any]) -> int:
    """Follow the run to its end, over restarts of the daemon; one Ctrl-C stops it, a second one leaves."""
    number = int(run["id"])
    pour = Outpour(session, quiet=session.json)
    waits = lacking(run)
    if waits and not session.json:
        session.remark(f"run {number} waits for {waits}")
    seen: Seen = {}
    try:
        return _told(session, follow(session, number, pour, seen))
    except KeyboardInterrupt:
        ended = _stopped(session, number, pour, seen)
    if ended["state"] != "cancelled":  # it was quicker
        return _told(session, ended)
    _tell(session, ended)
    return INTERRUPTED


def _stopped(session: Session, number: int, pour: Outpour, seen: Seen) -> Mapping[str, Any]:
    """Stop the run and follow it to its end, unless one is in a hurry."""
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
    try:
        daemon.post(f"/api/runs/{number}/stop", {"reason": "interrupted at the terminal"})
    except Failure as failure:
        if failure.code != "conflict":  # it ended by itself in this very moment
            raise


def _told(session: Session, run: Mapping[str, Any]) -> int:
    status = status_of(run)
    if status and not (run["state"] == "failed" and run.get("end_reason") == "exit_code"):
        _tell(session, run)
    elif session.json:
        session.document(run)
    return status


def _tell(session: Session, run: Mapping[str, Any]) -> None:
    """Why it did not end well, where its exit code alone does not say it."""
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
