"""`polysync doctor`: everything that could be wrong, looked at once, with what would help."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from polysync.cli.attach import attach, socket_path
from polysync.cli.checkups.doors import access_finding, socket_finding
from polysync.cli.checkups.finding import Finding, Mark, fail, ok
from polysync.cli.checkups.host import host_findings
from polysync.cli.checkups.premises import home_findings, is_held
from polysync.cli.checkups.running import absent_findings, daemon_findings
from polysync.cli.checkups.settings import settings_findings
from polysync.cli.failure import Failure
from polysync.cli.group import verb
from polysync.cli.loading import read, where
from polysync.cli.session import Session
from polysync.config.decode import Loaded
from polysync.config.where import find_home
from polysync.domain.render import Cell, Style, wrapped
from polysync.domain.settings import Configuration, Storage
from polysync.home import Home

LABEL: Final = 14
STYLES: Final = {Mark.OK: Style.GOOD, Mark.WARN: Style.WARN, Mark.FAIL: Style.BAD, Mark.SKIP: Style.DIM}


@verb("doctor", examples=["polysync doctor", "polysync doctor --json", "polysync doctor --data /var/lib/polysync"])
@click.pass_obj
def command(session: Session) -> int:
    """Look at host, configuration, home and daemon, and say what would help; needs no daemon.

    Exits with 1 where something does not work; what may not work for long is only warned of.
    """
    findings = list(_look(session))
    failed = any(finding.mark is Mark.FAIL for finding in findings)
    if session.json:
        session.document({"ok": not failed, "checks": [finding.data() for finding in findings]})
    else:
        _tell(session, findings)
    return 1 if failed else 0


def _look(session: Session) -> Iterator[Finding]:
    yield _user()
    yield from host_findings(session.now, session.host_zone)
    known = _read(session)
    if isinstance(known, Failure):
        yield fail("configuration", known.message, known.hint)
        config, file = None, None
    else:
        loaded, file = known
        yield from settings_findings(loaded, file)
        config = loaded.config
        yield from (access_finding(config.access),) if config is not None else ()
    home = _home(session, config, file)
    yield from home_findings(home, config.storage if config is not None else Storage())
    told, why = _status(session)
    yield socket_finding(socket_path(session), answers=told is not None, held=is_held(home))
    if told is not None:
        yield from daemon_findings(told)
    else:
        yield from absent_findings(why, home, held=is_held(home))


def _read(session: Session) -> tuple[Loaded, Path] | Failure:
    """The configuration and where it is, or why there is none."""
    try:
        return read(session), Path(session.around.folder) / where(session)
    except Failure as failure:
        return failure


def _user() -> Finding:
    uid = os.geteuid()
    try:
        return ok("user", f"{pwd.getpwuid(uid).pw_name} ({uid})")
    except KeyError:
        return ok("user", f"{uid}, without a name")


def _home(session: Session, config: Configuration | None, file: Path | None) -> Home:
    folder = Path(session.around.folder)
    named = config.daemon.data_dir if config is not None else None
    return Home(find_home(session.option("data"), session.around.env, folder, file, named).absolute())


def _status(session: Session) -> tuple[Mapping[str, Any] | None, str]:
    try:
        with attach(session) as daemon:
            told: Mapping[str, Any] = daemon.get("/api/status")
            return told, ""
    except Failure as failure:
        return None, failure.message


def _tell(session: Session, findings: Iterable[Finding]) -> None:
    signs = session.glyphs
    marks = {Mark.OK: signs.good, Mark.WARN: "!", Mark.FAIL: signs.bad, Mark.SKIP: signs.note}
    for name, mark, text, remedy in findings:
        if session.quiet and mark in {Mark.OK, Mark.SKIP}:
            continue
        first, *more = _fitting(session, text, LABEL + 2)
        session.line(Cell(f"{marks[mark]} ", STYLES[mark]), Cell(name.ljust(LABEL), Style.DIM), first)
        session.lines([" " * (LABEL + 2), line] for line in more)
        if remedy:
            first, *more = _fitting(session, remedy, LABEL + 4)
            session.line(" " * (LABEL + 2), Cell(f"{signs.arrow} ", Style.DIM), first)
            session.lines([" " * (LABEL + 4), line] for line in more)


def _fitting(session: Session, text: str, indent: int) -> list[str]:
    """The text in lines that fit the terminal; elsewhere as it is."""
    return [text] if session.width is None else wrapped(text, session.width - indent) or [""]
