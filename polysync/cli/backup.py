"""`polysync backup`: a verified copy of both databases, while the daemon goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from polysync.cli.checkups.finding import size_words
from polysync.cli.failure import FAILED, NOT_FOUND, REFUSED, Failure
from polysync.cli.files import databases, home_of
from polysync.cli.group import verb
from polysync.cli.session import Session
from polysync.domain.render import Cell, Style
from polysync.ports import PortError

EXAMPLES: Final = [
    "polysync backup /backup/polysync-2026-03-29.db",
    "polysync backup --without-output /backup/decisions.db",
]


@verb("backup", examples=EXAMPLES)
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--without-output", is_flag=True, help="Only decisions, history and audit: no output of runs.")
@click.pass_obj
def command(session: Session, *, file: str, without_output: bool) -> None:
    """Copy the databases to FILE and, for the output of runs, to one beside it whose name ends in -logs.

    Both are of one moment each, readable by their owner alone, and checked row by row before they get their names;
    nothing is overwritten.  Needs no daemon, and disturbs none.  To restore: put FILE as polysync.db and the other as
    logs.db into a new home of mode 0700, and start the daemon with it.  What ran when the copy was made is told as
    crashed there: nobody knows how it ended, and nothing is started twice by guess.
    """
    to = Path(session.around.folder) / file
    beside = to.with_name(f"{to.stem}-logs{to.suffix}")
    database, logs = databases(home_of(session))
    with_logs = logs.exists() and not without_output
    _refuse(to, *((beside,) if with_logs else ()))
    made = _copied({**({beside: logs} if with_logs else {}), to: database})
    if session.json:
        session.document({"files": [{"file": str(path), "bytes": path.stat().st_size} for path in reversed(made)]})
        return
    for path in () if session.quiet else reversed(made):
        session.line(Cell(f"{session.glyphs.good} ", Style.GOOD), f"{path}, {size_words(path.stat().st_size)}")


def _refuse(*targets: Path) -> None:
    """Refuse to overwrite anything, and to make folders: a disk that is not mounted looks like one."""
    for path in targets:
        if os.path.lexists(path):
            raise Failure(f"{path} is there already", code="conflict", status=REFUSED, hint="name another file")
        if not path.parent.is_dir():
            hint = "make it, or mount the disk it is on"
            raise Failure(f"{path.parent} is not a folder", code="not_found", status=NOT_FOUND, hint=hint)


def _copied(wanted: Mapping[Path, Path]) -> list[Path]:
    """Copy output before decisions: output whose run is not in the copy could be taken for that of another run."""
    from polysync.store.backup import copy

    made: list[Path] = []
    try:
        for to, source in wanted.items():
            copy(source, to, _schema(source), backup=True)
            made.append(to)
    except PortError as error:
        for path in made:
            path.unlink()
        raise Failure(
            str(error), code="backup_failed", status=FAILED, hint="polysync check looks at the home"
        ) from error
    return made


def _schema(source: Path) -> Any:
    from polysync.store.database import JOURNAL
    from polysync.store.log_schema import LOGS

    return LOGS if source.name == LOGS.title else JOURNAL
