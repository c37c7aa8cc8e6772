"""Changing a configuration file for somebody: the change is shown, proved to be harmless, and made in one step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from polysync.cli.failure import USAGE, Failure, reason_of
from polysync.cli.loading import where
from polysync.cli.session import Session
from polysync.config.decode import Loaded
from polysync.config.load import load
from polysync.config.read import read_bytes
from polysync.domain.render import Cell, Style


def changes(name: str, before: str, after: str) -> list[str]:
    """The lines of a unified diff."""
    from difflib import unified_diff

    return list(unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="", n=2))


def show_changes(session: Session, lines: list[str]) -> None:
    """Show a diff to a person."""
    styles = {"+": Style.GOOD, "-": Style.BAD, "@": Style.DIM}
    session.lines([Cell(line, styles.get(line[:1], Style.PLAIN))] for line in lines)


def check_change(session: Session, loaded: Loaded, name: str, after: str) -> None:
    """Refuse a change that would break a configuration which is fine as it is."""
    folder = Path(session.around.folder)

    def read(path: Path) -> bytes:
        return after.encode() if str(path) == name else read_bytes(folder / path)

    made = load(where(session), env=session.around.env, read=read, host_zone=session.host_zone, now=session.now)
    known = {problem.message for problem in loaded.errors}
    fresh = [problem for problem in made.errors if problem.message not in known]
    if fresh:
        raise Failure(
            f"{name} would not be valid after that; nothing was changed",
            code="invalid_configuration",
            status=USAGE,
            hint=fresh[0].hint,
            problems=fresh,
        )


def put(session: Session, name: str, before: str, after: str) -> None:
    """Write a file that is still as it was read."""
    from polysync.config.files import write_atomically

    path = Path(session.around.folder) / name
    try:
        if path.read_text(encoding="utf-8") != before:
            raise Failure(
                f"{name} was changed meanwhile; nothing was written", code="conflict", status=USAGE, hint="try again"
            )
        write_atomically(path, after)
    except OSError as error:
        raise Failure(f"cannot write {name}: {reason_of(error)}", code="unwritable", status=USAGE) from error


def documents(loaded: Loaded) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Name, text and data of each file that can be read as TOML, the main one first."""
    import tomllib

    for name, text in loaded.documents.items():
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue  # what is wrong with it is among the problems
        yield name, text, data
