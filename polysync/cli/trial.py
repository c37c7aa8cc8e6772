"""`polysync test`: start a task now as the scheduler would, and show how that differs from this shell."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from polysync.cli.accompany import accompany, status_of
from polysync.cli.attach import attach
from polysync.cli.codes import COULD_NOT, INTERRUPTED
from polysync.cli.exec import pairs
from polysync.cli.failure import Failure, usage
from polysync.cli.following import follow
from polysync.cli.group import verb
from polysync.cli.meant import task_meant
from polysync.cli.outpour import Outpour
from polysync.cli.session import Session
from polysync.domain.render import Cell, Column, Style, table

COLUMNS: Final = (Column(""), Column("The task gets", gives=True), Column("This shell has", gives=True))
TAG: Final = {"test": "as-scheduled"}
# What a shell keeps for itself, and what only ever means this terminal.
OWN: Final = frozenset({"_", "SHLVL", "PWD", "OLDPWD", "COLUMNS", "LINES", "TERM", "TERMCAP"})
LISTED: Final = 12  # names of variables in one line
Told = Mapping[str, Any]


@verb("test", examples=["polysync test backup --as-scheduled", "polysync test backup --as-scheduled --dry-run"])
@click.argument("task")
@click.option("--as-scheduled", is_flag=True, help="In the surroundings that the scheduler gives it: required.")
@click.option("-p", "parameters", multiple=True, metavar="K=V", help="A parameter; may be given several times.")
@click.option("--dry-run", is_flag=True, help="Only show what differs; start nothing.")
@click.pass_obj
def command(session: Session, task: str, parameters: Sequence[str], *, as_scheduled: bool, dry_run: bool) -> int:
    """Start TASK as the scheduler would: same user, folder, shell, variables and limits, and no terminal.

    It is a real run of the daemon, with the tag test=as-scheduled.  Before it starts, everything is shown in which
    its surroundings differ from those of this shell: what works by hand and not on schedule fails for one of these.
    It ends as exec does.
    """
    if not as_scheduled:
        raise usage("test needs to know how", f"polysync test {task} --as-scheduled")
    given = pairs(tuple(parameters), "-p")
    try:
        with attach(session) as daemon:
            name = task_meant(daemon, task)
            conditions = daemon.get(f"/api/tasks/{name}/conditions")
            _show(session, conditions)
            if dry_run:
                _document(session, conditions, None)
                return 0
            run = daemon.once(f"/api/tasks/{name}/run", {"parameters": given, "tags": TAG}, session)
    except Failure as failure:
        if failure.status != INTERRUPTED and not dry_run:
            failure.status = COULD_NOT
        raise
    if not session.json:
        return accompany(session, run)
    ended = follow(session, int(run["id"]), Outpour(session, quiet=True))
    _document(session, conditions, ended)
    return status_of(ended)


def _document(session: Session, conditions: Told, run: Told | None) -> None:
    if session.json:
        session.document({"conditions": conditions, "differences": dict(_data(session, conditions)), "run": run})


def _data(session: Session, conditions: Told) -> Iterator[tuple[str, Any]]:
    for label, there, here in differences(session.around.env, session.around.folder, conditions):
        yield label, {"task": there, "shell": here}


def _show(session: Session, conditions: Told) -> None:
    if session.json or session.quiet:
        return
    rows: list[list[Cell | str]] = [
        [Cell(label, Style.NAME), there, here]
        for label, there, here in differences(session.around.env, session.around.folder, conditions)
    ]
    for line in table(COLUMNS, rows, session.width, session.glyphs.more):
        session.remark(*line)
    session.remark()


def differences(env: Mapping[str, str], folder: str, conditions: Told) -> Iterator[tuple[str, str, str]]:
    """Everything in which the surroundings of a task differ from those of a shell."""
    variables = conditions["variables"]
    ours = {
        "user": _user(),
        "folder": folder,
        "umask": _umask(),
        "shell": env.get("SHELL", ""),
    }
    for label, here in ours.items():
        there = conditions[label] or "none"
        if there != here:
            yield label, there, here
    yield "terminal", "none", env.get("TERM") or "none"
    yield from _paths(conditions["path"].split(":"), env.get("PATH", os.defpath).split(":"))
    for name, value in variables.items():
        if value is not None and name not in {"PATH", "USER", "LOGNAME", "SHELL", "PWD"} and env.get(name) != value:
            yield name, value, env.get(name, "-")
    yield from _only("variables only there", sorted(variables.keys() - env.keys()), there=True)
    yield from _only("variables only here", sorted(env.keys() - variables.keys() - OWN), there=False)


def _paths(there: Sequence[str], here: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    lacking, more = [one for one in here if one not in there], [one for one in there if one not in here]
    if lacking or more:
        yield "PATH has beside", ":".join(more) or "-", ":".join(lacking) or "-"
    elif list(there) != list(here):
        yield "PATH", ":".join(there), ":".join(here)


def _only(label: str, names: Sequence[str], *, there: bool) -> Iterator[tuple[str, str, str]]:
    if names:
        rest = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
        said = ", ".join(names[:LISTED]) + rest
        yield label, said if there else "", "" if there else said


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _umask() -> str:
    with Path("/proc/self/status").open(encoding="ascii", errors="replace") as lines:
        found = next((line for line in lines if line.startswith("Umask:")), "Umask: 0022")
    return found.split()[1].zfill(3)[-3:]
