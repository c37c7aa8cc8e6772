"""The help of the program as a whole, and what a bare `polysync` says: no library needed."""

from __future__ import annotations

from polysync import __version__
from polysync.cli.render import Cell, Style
from polysync.cli.session import Session
from polysync.cli.verbs import GLOBAL_OPTIONS, SECTIONS

INDENT = "  "


def front_page(session: Session) -> None:
    """The help page of `polysync --help`."""
    session.line(Cell("polysync", Style.BOLD), f" {__version__}: cron, grown up, on one box.")
    session.line()
    session.line(Cell("Usage: ", Style.DIM), "polysync [OPTIONS] COMMAND [ARGUMENTS]")
    width = max(len(name) for section in SECTIONS.values() for name in section)
    for title, section in SECTIONS.items():
        session.line()
        session.line(Cell(title, Style.BOLD))
        for name, (_, words) in section.items():
            session.line(INDENT, Cell(name, Style.NAME), " " * (width - len(name) + 2), words)
    _options(session)
    session.line()
    session.line("Options may stand before or after the command, or as POLYSYNC_CONFIG, POLYSYNC_JSON …")
    session.line("polysync COMMAND --help tells more.")


def _options(session: Session) -> None:
    session.line()
    session.line(Cell("Options", Style.BOLD))
    width = max(len(written) for written, _ in GLOBAL_OPTIONS)
    for written, words in GLOBAL_OPTIONS:
        session.line(INDENT, Cell(written, Style.NAME), " " * (width - len(written) + 2), words)
