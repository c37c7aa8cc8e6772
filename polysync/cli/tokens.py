"""`polysync token`: who may come in over TCP; works on the configuration, with or without a daemon."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import click

from polysync.cli.failure import REFUSED, Failure, no_such, usage
from polysync.cli.group import Parts, global_options, verb
from polysync.cli.loading import read, where
from polysync.cli.rewriting import changes, check_change, documents, put, show_changes
from polysync.cli.session import Session
from polysync.config.decode import Loaded
from polysync.domain.render import Cell, Column, Style
from polysync.domain.values import NAME_PATTERN, Role

COLUMNS: Final = (Column("Token"), Column("Role"), Column("Hash"), Column("Where", gives=True))
PLACE: Final = ("api", "token")
ROLES: Final = [role.value for role in Role]
SHOWN: Final = 12  # digits of a hash that people see


@dataclass(frozen=True, slots=True)
class _Kept:
    """A token as a file has it."""

    name: str
    role: str
    sha256: str
    file: str
    text: str  # of the file
    index: int


@click.group(
    "token",
    cls=Parts,
    examples=("polysync token new grafana --role viewer", "polysync token list", "polysync token revoke grafana"),
    add_help_option=False,
    no_args_is_help=False,
    params=global_options(),
    subcommand_metavar="PART",
)
def command() -> None:
    """Tokens for the TCP listener of [api]; the configuration keeps only their hashes."""


@verb("new", examples=["polysync token new grafana --role viewer", "polysync token new deploy --role operator --write"])
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default=ROLES[0], help=f"What it allows. Default: {ROLES[0]}.")
@click.option("--write", is_flag=True, help="Put its table into the configuration too.")
@click.option("--dry-run", is_flag=True, help="With --write: show the change, and change nothing.")
@click.pass_obj
def new(session: Session, name: str, *, role: str, write: bool, dry_run: bool) -> None:
    """Make a token: it is shown once, and the table that lets it in."""
    from polysync.api.tokens import hash_of, new_token
    from polysync.config.toml import write_table

    if not re.fullmatch(NAME_PATTERN, name):
        raise usage("a token is named with letters, digits and . _ : -, and not with digits alone", "such as grafana")
    loaded = _loaded(session, needed=write)
    if loaded is not None and any(one.name == name for one in _kept(loaded)):
        raise Failure(
            f"there is a token {name} already", code="exists", status=REFUSED, hint=f"polysync token revoke {name}"
        )
    token = new_token()
    table = {"name": name, "role": role, "sha256": hash_of(token)}
    lines = _add(session, loaded, table, dry_run=dry_run) if write and loaded is not None else []
    if session.json:
        toml = write_table(PLACE, table, listed=True)
        session.document({**table, "token": token, "toml": toml, "written": write and not dry_run, "diff": lines})
        return
    session.line(Cell(token, Style.BOLD))
    session.remark(Cell("shown this once: keep it where secrets are kept", Style.DIM))
    session.line()
    if write:
        show_changes(session, lines)
    else:
        session.lines([line] for line in write_table(PLACE, table, listed=True).splitlines())
    session.remark(Cell(_afterwards(dry_run=dry_run) if write else "put this table into the configuration", Style.DIM))


@verb("list", examples=["polysync token list", "polysync token list --json"])
@click.pass_obj
def listing(session: Session) -> None:
    """The tokens of the configuration: names, roles and hashes."""
    from polysync.domain.render import table

    found = list(_kept(read(session)))
    if session.json:
        items = [{"name": one.name, "role": one.role, "sha256": one.sha256, "file": one.file} for one in found]
        session.document({"items": items, "next": None})
        return
    if not found:
        session.remark("no tokens: nobody comes in over TCP")
        return
    rows: list[list[Cell | str]] = [
        [Cell(one.name, Style.NAME), one.role, Cell(one.sha256[:SHOWN], Style.DIM), Cell(one.file, Style.DIM)]
        for one in found
    ]
    session.lines(table(COLUMNS, rows, session.width, session.glyphs.more))


@verb("revoke", examples=["polysync token revoke grafana --dry-run", "polysync token revoke grafana"])
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Show the change, and change nothing.")
@click.pass_obj
def revoke(session: Session, name: str, *, dry_run: bool) -> None:
    """Take a token out of the configuration; the rest of the file stays as it is.

    A daemon that runs lets it in until the next `polysync reload`, which also ends its connections.
    """
    from polysync.cli.loading import pick_one
    from polysync.config.edit import remove_key

    loaded = read(session)
    known = {one.name: one for one in _kept(loaded)}
    if not known:
        raise no_such("token", name, "there are none")
    one = known[pick_one(name, known, "token")]
    after = _edited(lambda: remove_key(one.text, (*PLACE, one.index)))
    check_change(session, loaded, one.file, after)
    if not dry_run:
        put(session, one.file, one.text, after)
    lines = changes(one.file, one.text, after)
    if session.json:
        session.document({"name": one.name, "file": one.file, "written": not dry_run, "diff": lines})
        return
    show_changes(session, lines)
    session.remark(Cell(_afterwards(dry_run=dry_run), Style.DIM))


for part in (new, listing, revoke):
    command.add_command(part)


def _loaded(session: Session, *, needed: bool) -> Loaded | None:
    """The configuration; None where there is none, and none is needed."""
    try:
        where(session)
    except Failure:
        if needed:
            raise
        return None
    return read(session)


def _kept(loaded: Loaded) -> Iterator[_Kept]:
    """The tokens in all files, also of a configuration that has other problems."""
    for file, text, data in documents(loaded):
        api: Any = data.get("api")
        tokens = api.get("token") if isinstance(api, dict) else None
        for index, one in enumerate(tokens if isinstance(tokens, list) else ()):
            if isinstance(one, dict) and isinstance(one.get("name"), str):
                role, digest = str(one.get("role", Role.VIEWER.value)), str(one.get("sha256", ""))
                yield _Kept(one["name"], role, digest, file, text, index)


def _add(session: Session, loaded: Loaded, table: dict[str, str], *, dry_run: bool) -> list[str]:
    from polysync.config.edit import add_block

    name = str(where(session))
    text = loaded.documents.get(name)
    if text is None:
        raise Failure(f"{name} cannot be read", code="unreadable", status=2, hint="polysync validate")
    after = _edited(lambda: add_block(text, PLACE, table, listed=True))
    check_change(session, loaded, name, after)
    if not dry_run:
        put(session, name, text, after)
    return changes(name, text, after)


def _edited(edit: Any) -> str:
    from tomllib import TOMLDecodeError

    from polysync.domain.errors import ValueProblem

    try:
        return str(edit())
    except ValueProblem as problem:
        raise Failure(problem.message, code="not_editable", status=2, hint=problem.hint) from problem
    except TOMLDecodeError as error:
        raise Failure(f"not TOML: {error}", code="not_editable", status=2, hint="polysync validate") from error


def _afterwards(*, dry_run: bool) -> str:
    return "nothing was changed" if dry_run else "written; polysync reload lets it hold"
