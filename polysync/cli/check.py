"""`polysync check`: whether every stored row is what was written, and nothing is missing between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from polysync.cli.failure import FAILED, count
from polysync.cli.files import databases, home_of
from polysync.cli.group import verb
from polysync.cli.session import Session
from polysync.domain.render import Cell, Style

SHOWN: Final = 20  # findings of one file; --json has all of them
PUT_BACK: Final = "stop the daemon, keep these files, and put back a backup (polysync backup)"
REMEDIES: Final[Mapping[str, str]] = {
    "header": "use the Polysync that wrote it, or put back a backup",
    "audit": "somebody wrote to the file, or the disk lost something: compare with a backup and with tips kept apart",
    "history": "somebody wrote to the file, or the disk lost something: compare with a backup",
    "chunk": "output of a run is damaged, decisions are not: read what is left with polysync logs",
}


@verb("check", examples=["polysync check", "polysync check --json", "polysync check --data /var/lib/polysync"])
@click.pass_obj
def command(session: Session) -> int:
    """Look at every row of both databases: pages, checksums, references, and the chains of history and audit.

    Needs no daemon, and disturbs none: it reads one moment of a living home, whose logs cannot be cut until it is
    done.  Exits with 1 where anything was found.
    """
    home = home_of(session)
    database, logs = databases(home)
    found = [_looked_at(path, of_logs=path == logs) for path in (database, logs) if path.exists()]
    whole = not any(file["findings"] for file in found)
    if session.json:
        session.document({"ok": whole, "home": str(home.path), "files": found})
    else:
        for file in found:
            _tell(session, file)
    return 0 if whole else FAILED


def _looked_at(path: Path, *, of_logs: bool) -> dict[str, Any]:
    from polysync.store.check import check_file, full_check_of_logs
    from polysync.store.log_schema import LOGS

    findings = check_file(path, LOGS, full_check_of_logs) if of_logs else check_file(path)
    told = [{"place": one.place, "what": one.what, "remedy": _remedy(one.place)} for one in findings]
    return {"file": path.name, "bytes": path.stat().st_size, "findings": told}


def _remedy(place: str) -> str:
    return REMEDIES.get(place.split(maxsplit=1)[0], PUT_BACK)


def _tell(session: Session, file: Mapping[str, Any]) -> None:
    findings: Sequence[Mapping[str, str]] = file["findings"]
    if not findings:
        if not session.quiet:
            session.line(Cell(f"{session.glyphs.good} ", Style.GOOD), f"{file['file']}: every row is what was written")
        return
    session.line(Cell(f"{session.glyphs.bad} ", Style.BAD), f"{file['file']}: {count(len(findings), 'finding')}")
    for one in findings[:SHOWN]:
        session.line(f"  {one['place']}: {one['what']}")
    if len(findings) > SHOWN:
        session.line(f"  {session.glyphs.more} and {len(findings) - SHOWN} more: --json shows them")
    for remedy in dict.fromkeys(one["remedy"] for one in findings):
        session.line(Cell(f"  {session.glyphs.arrow} ", Style.DIM), remedy)
