"""The help of the program as a whole, and what a bare `polysync` says: no library needed."""

from __future__ import annotations

from polysync import __version__
from polysync.cli.session import Session
from polysync.cli.verbs import GLOBAL_OPTIONS, SECTIONS
from polysync.domain.render import GAP, Cell, Style, wrapped

INDENT = "  "
NARROWEST = 20  # columns that a description keeps


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
            _entry(session, name, words, width)
    _options(session)
    session.line()
    for line in wrapped(
        "Options stand before or after the command, or as POLYSYNC_CONFIG and so on.", session.text_width
    ):
        session.line(line)
    session.line("polysync COMMAND --help tells more.")


def version(session: Session) -> None:
    """What `--version` prints where other options stand beside it."""
    if session.json:
        session.document({"name": "polysync", "version": __version__})
    else:
        session.line(f"polysync {__version__}")


def _options(session: Session) -> None:
    session.line()
    session.line(Cell("Options", Style.BOLD))
    width = max(len(written) for written, _ in GLOBAL_OPTIONS)
    for written, words in GLOBAL_OPTIONS:
        _entry(session, written, words, width)


def _entry(session: Session, name: str, words: str, width: int) -> None:
    """A name and what it is, in as many lines as the terminal needs."""
    lead = len(INDENT) + width + len(GAP)
    first, *more = wrapped(words, max(session.text_width - lead, NARROWEST))
    session.line(INDENT, Cell(name, Style.NAME), " " * (width - len(name)), GAP, first)
    session.lines([" " * lead, line] for line in more)
