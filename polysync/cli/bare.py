"""What `polysync` says without a command: where things stand, and what to do next."""

from __future__ import annotations

from polysync import __version__
from polysync.cli.failure import Failure
from polysync.cli.loading import where
from polysync.cli.session import Session
from polysync.domain.render import Cell, Style

STARTS = (
    ("polysync init", "start a polysync.toml with an example"),
    ("polysync init --from crontab", "bring along what cron runs"),
    ("polysync --help", "all commands"),
)
GOES_ON = (
    ("polysync next", "what is due"),
    ("polysync validate", "check the configuration"),
    ("polysync simulate", "the coming week"),
    ("polysync --help", "all commands"),
)


def greet(session: Session) -> int:
    """The first words; the exit status."""
    path, looked = _found(session)
    if session.json:
        session.document({"name": "polysync", "version": __version__, "configuration": path})
        return 0
    session.line(Cell("polysync", Style.BOLD), f" {__version__}: cron, grown up, on one box.")
    session.line()
    if path is None:
        session.line("There is no configuration here yet.")
        session.line(Cell(looked, Style.DIM))
    else:
        session.line("Configuration: ", Cell(path, Style.BOLD))
    session.line()
    steps = STARTS if path is None else GOES_ON
    width = max(len(step) for step, _ in steps)
    for step, words in steps:
        session.line("  ", Cell(step.ljust(width), Style.NAME), f"  {words}")
    return 0


def _found(session: Session) -> tuple[str | None, str]:
    """The configuration, or the places that were looked at."""
    try:
        return str(where(session)), ""
    except Failure as failure:
        return None, failure.hint.partition("; ")[2]
