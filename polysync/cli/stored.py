"""What is stored of the output of a run, or of the newest run of a task."""

from __future__ import annotations

from polysync.api.client import Unreachable

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from polysync.cli.following import Pour
    from polysync.cli.link import Daemon

RECENT = 20  # runs of a task among which one that began is looked for


def poured(daemon: Daemon, number: int, pour: Pour, wanted: Mapping[str, Any]) -> None:
    """Write the output that there is."""
    try:
        pour.all(daemon.log(number, exact=pour.exact, **wanted))
    except Unreachable as error:
        from polysync.cli.denied import lost

        raise lost(error) from error


def run_of(daemon: Daemon, what: str) -> int:
    """The run that a number means, or the newest one of a task that began, else its newest one.

    Whatever else the word may be is looked for at length.
    """
    if what.isascii() and what.isdigit():
        return int(what)
    found = daemon.get("/api/runs", task=what, limit=1)["items"]
    if found and not found[0]["started_at"]:
        found = daemon.get("/api/runs", task=what, limit=RECENT)["items"] or found
    if found:
        return int(next((run for run in found if run["started_at"]), found[0])["id"])
    from polysync.cli.meant import run_meant

    return run_meant(daemon, what)
