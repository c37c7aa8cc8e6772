"""`polysync exec`: start a task now, show its output as it comes, and end as it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from polysync.cli.accompany import execute
from polysync.cli.codes import COULD_NOT
from polysync.cli.failure import Failure, usage
from polysync.cli.group import verb
from polysync.cli.moments import moment, utc_text
from polysync.cli.session import Session

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
    except Failure as failure:
        failure.status = COULD_NOT
        raise
    return execute(session, task, body, detach=given["detach"] or given["hold"])


def _body(session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    """The request as the API takes it; what was not said is left out."""
    from zoneinfo import ZoneInfo

    body: dict[str, Any] = {"parameters": pairs(given["parameters"], "-p"), "tags": pairs(given["tags"], "--tag")}
    if given["at"] is not None:
        body["start_at"] = utc_text(moment(given["at"], "--at", session.now, ZoneInfo(session.host_zone)).at)
    for name in ("expires_after", "priority", "external_id", "correlation_id"):
        body[name] = given[name]
    body["hold"] = given["hold"] or None
    return {name: value for name, value in body.items() if value not in (None, {})}


def pairs(words: tuple[str, ...], option: str) -> dict[str, str]:
    """What the words of an option say, by name."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise usage(f"{option} {word} is not NAME=VALUE", f"write {option} name=value")
        if name in found:
            raise usage(f"{option} {name} is given twice", "give it once")
        found[name] = value
    return found
